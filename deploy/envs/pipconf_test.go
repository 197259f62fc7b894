package envs

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestParsePipConf(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       map[string]string
	}{
		{"empty", "", map[string]string{}},
		{"a mirror", "[global]\nindex-url = https://mirror.example/simple\n", map[string]string{"index-url": "https://mirror.example/simple"}},
		{"underscores, case, colon", "[global]\nIndex_URL: https://m.example/simple\n", map[string]string{"index-url": "https://m.example/simple"}},
		{"install wins", "[install]\nindex-url=b\n[global]\nindex-url=a\ntimeout=3\n", map[string]string{"index-url": "b", "timeout": "3"}},
		{"several lines", "[global]\nextra-index-url =\n    https://a.example\n    # not this\n    https://b.example\n", map[string]string{"extra-index-url": "https://a.example https://b.example"}},
		{"comments and other sections", "; x\n# y\n[freeze]\nindex-url=no\n[global]\ncert=/c.pem\n", map[string]string{"cert": "/c.pem"}},
		{"nonsense", "index-url=outside\n[global\n=\nwords\n  more\n", map[string]string{"": ""}},
	} {
		if got := parsePipConf(tc.text); !maps.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestPipSettingsReachUV(t *testing.T) {
	home := t.TempDir()
	conf := filepath.Join(home, ".config", "pip", "pip.conf")
	if err := os.MkdirAll(filepath.Dir(conf), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "[global]\nindex-url = https://file.example/simple\nextra-index-url = https://a.example\n https://b.example\ntrusted-host = file.example\nfind-links = /wheels /more\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile := map[string]string{
		"UV_DEFAULT_INDEX": "https://file.example/simple", "UV_INDEX": "https://a.example https://b.example",
		"UV_INSECURE_HOST": "file.example", "UV_FIND_LINKS": "/wheels,/more",
	}
	with := func(change map[string]string) map[string]string {
		m := maps.Clone(fromFile)
		for k, v := range change {
			if m[k] = v; v == "" {
				delete(m, k)
			}
		}
		return m
	}
	for _, tc := range []struct {
		name string
		env  map[string]string
		want map[string]string
	}{
		{"the user's file", map[string]string{"HOME": home}, fromFile},
		{"a variable wins", map[string]string{"HOME": home, "PIP_INDEX_URL": "https://env.example"}, with(map[string]string{"UV_DEFAULT_INDEX": "https://env.example"})},
		{"uv's own wins", map[string]string{"HOME": home, "UV_INDEX_URL": "https://uv.example", "UV_FIND_LINKS": "/uv"}, with(map[string]string{"UV_DEFAULT_INDEX": "", "UV_FIND_LINKS": ""})},
		{"no files at all", map[string]string{"HOME": home, "PIP_CONFIG_FILE": os.DevNull}, map[string]string{}},
		{"a certificate", map[string]string{"PIP_CONFIG_FILE": os.DevNull, "PIP_CERT": "/ca.pem"}, map[string]string{"SSL_CERT_FILE": "/ca.pem"}},
		{"a file of its own", map[string]string{"PIP_CONFIG_FILE": conf}, fromFile},
	} {
		getenv := func(k string) string { return tc.env[k] }
		s := readPipSettings(t.TempDir(), getenv)
		if got := s.forUV(getenv); !maps.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func FuzzParsePipConf(f *testing.F) {
	f.Add("[global]\nindex-url = x\n y\n")
	f.Add("[\n=:\n\t\x00")
	f.Fuzz(func(_ *testing.T, text string) { parsePipConf(text) })
}
