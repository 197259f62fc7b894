package configs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func seeds(f *testing.F, patterns ...string) {
	f.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// FuzzParseManifest wants a manifest that is accepted to be valid and to survive being stored, and one that is not to
// have faults with lines.
func FuzzParseManifest(f *testing.F) {
	seeds(f, "testdata/bad/*.yaml", "testdata/good/*.yaml")
	f.Add(CommentedManifest("x", RuntimePython, "python main.py"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data, "f")
		if err != nil {
			if m != nil {
				t.Fatal("a manifest beside an error")
			}
			checkFaults(t, err)
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		if _, err := SplitCommand(m.Command); err != nil {
			t.Fatal(err)
		}
		text, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ManifestFromJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.JSON()
		if err != nil || string(again) != string(text) {
			t.Fatalf("%v\n%s\n%s", err, text, again)
		}
	})
}

func FuzzSettings(f *testing.F) {
	seeds(f, "testdata/good/*.yaml", exampleFile)
	f.Add([]byte("hooks: {on: [{events: ['*', fatal], services: [a*], command: 'x \"y z\"'}, {events: [started], url: 'http://a/b?c=%C3%A9'}]}"))
	f.Add([]byte("gitea: {token: x}\nports: 1-2\nrecorder: {retention: 1d}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := DefaultSettings()
		d := newDecoder("f")
		d.decode(data, &s)
		faults := append(d.faults, s.faults()...)
		if len(faults) > 0 {
			return
		}
		// What a setting shows can be set.
		l := &loader{settings: DefaultSettings()}
		l.settings.origin = map[string]string{}
		for _, key := range leaves(reflect.TypeFor[Settings]()) {
			l.text(key.path, text(s.field(key)), "x", "")
		}
		if err := join(l.faults); err != nil || len(Diff(l.settings, s)) > 0 {
			t.Fatalf("%v\n%+v\n%+v", err, l.settings, s)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, seed := range []string{"10MB", "2GiB", "1.5KiB", "30d", "1h30m", "-1", "8001-8999", "", "1e3", "0x10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var s, s2 Size
		if s.UnmarshalText([]byte(in)) == nil {
			if err := s2.UnmarshalText([]byte(s.String())); err != nil || s != s2 || s < 0 {
				t.Fatalf("%q: %d, %s, %d: %v", in, s, s, s2, err)
			}
		}
		var d, d2 Duration
		if d.UnmarshalText([]byte(in)) == nil {
			data, err := json.Marshal(d)
			if err != nil || json.Unmarshal(data, &d2) != nil || d != d2 {
				t.Fatalf("%q: %v, %s, %v", in, d, data, d2)
			}
		}
	})
}
