package deploy

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aictl/store"
)

// parseAt parses in a made-up file system.
func parseAt(text string, dirs ...string) (store.Source, string, error) {
	abs := func(p string) (string, error) {
		if filepath.IsAbs(p) {
			return filepath.Clean(p), nil
		}
		return filepath.Join("/cwd", p), nil
	}
	return parseSource(text, "/home/me", abs, func(p string) bool {
		for _, d := range dirs {
			if p == d {
				return true
			}
		}
		return false
	})
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string][3]string{
		"ai/ocr":                           {"gitea", "ai/ocr", "ocr"},
		"ai/OCR_Model.git":                 {"gitea", "ai/OCR_Model", "ocr-model"},
		"https://git.example.com/a/b.git":  {"git", "https://git.example.com/a/b.git", "b"},
		"http://10.0.0.1:3000/a/b":         {"git", "http://10.0.0.1:3000/a/b", "b"},
		"ssh://git@h.example:2222/a/b.git": {"git", "ssh://git@h.example:2222/a/b.git", "b"},
		"git@h.example:a/b.git":            {"git", "git@h.example:a/b.git", "b"},
		"h.example:b":                      {"git", "h.example:b", "b"},
		"file:///srv/x.git":                {"git", "file:///srv/x.git", "x"},
		"./svc":                            {"dir", "/cwd/svc", "svc"},
		"svc":                              {"dir", "/cwd/svc", "svc"},
		"Demo.git":                         {"hosted", "Demo", "demo"},
		"examples/text-classify":           {"dir", "/cwd/examples/text-classify", "text-classify"},
		"~/code/svc/":                      {"dir", "/home/me/code/svc", "svc"},
		"/srv/2048":                        {"dir", "/srv/2048", "svc-2048"},
		" . ":                              {"dir", "/cwd", "cwd"},
	} {
		src, name, err := parseAt(text, "/cwd", "/cwd/svc", "/cwd/examples/text-classify", "/home/me/code/svc", "/srv/2048")
		if got := [3]string{src.Kind, src.URL, name}; err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestParseSourceRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                         "empty",
		"--name":                   "option",
		"ocr!":                     "no directory, no URL",
		"./nowhere":                "no directory /cwd/nowhere",
		"a/b/c":                    "not of the form",
		"a/..":                     "not of the form",
		"ftp://h/x":                "ftp is not supported",
		"https://h":                "lacks a host or a path",
		"file://host/x":            "file:///absolute",
		"https://h/x#main":         "--ref",
		"https://me:hunter2@h/x":   ".netrc",
		"https://sometoken@h/x":    "credentials",
		"ssh://git:hunter2@h/a/b":  "credentials",
		"a/b\x00c":                 "control characters",
		"https://%zz:hunter2@h /x": "not a URL",
	} {
		_, _, err := parseAt(text)
		if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want it to say %q", text, err, says)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "sometoken")) {
			t.Errorf("%q: the secret is in the error: %v", text, err)
		}
	}
}

func FuzzParseSource(f *testing.F) {
	for _, s := range []string{"ai/ocr", "https://u:p@h/a.git", "git@h:a/b", "file:///x", "~/x", "..", "ssh://[::1]:22/x", "中文/仓库", "a:b\\c"} {
		f.Add(s)
	}
	valid := regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	f.Fuzz(func(t *testing.T, text string) {
		src, name, err := parseAt(text)
		if err != nil {
			if !errors.Is(err, ErrSource) {
				t.Fatalf("%q: %v is not ErrSource", text, err)
			}
			return
		}
		if !valid.MatchString(name) || strings.HasSuffix(name, "-") {
			t.Errorf("%q suggests the name %q", text, name)
		}
		if src.Kind != SourceGit && src.Kind != SourceGitea {
			t.Errorf("%q is a %q", text, src.Kind)
		}
		// What was accepted is accepted again, as the same.
		again, _, err := parseAt(src.URL)
		if err != nil || again != src {
			t.Errorf("%q became %+v, and that became %+v, %v", text, src, again, err)
		}
	})
}
