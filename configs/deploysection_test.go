package configs

import (
	"strings"
	"testing"
)

func TestMatchPath(t *testing.T) {
	for _, c := range []struct {
		pattern, file string
		want          bool
	}{
		{"*.py", "main.py", true},
		{"*.py", "svc/deep/app.py", true},
		{"/*.py", "main.py", true},
		{"/*.py", "svc/app.py", false},
		{"*.py", "main.pyc", false},
		{"docs", "docs/a/b.md", true},
		{"docs", "svc/docs/b.md", true},
		{"docs/", "docs/a.md", true},
		{"/docs", "svc/docs/b.md", false},
		{"svc/docs", "svc/docs/b.md", true},
		{"svc/docs", "x/svc/docs/b.md", false},
		{"models/**", "models/a/b.bin", true},
		{"models/**", "models", true}, // a submodule or link of that name
		{"**/models/*.bin", "a/b/models/x.bin", true},
		{"**/models/*.bin", "models/x.bin", true},
		{"a/**/z.py", "a/z.py", true},
		{"a/**/z.py", "a/b/c/z.py", true},
		{"a/**/z.py", "b/z.py", false},
		{"a/**/b/**/c", "a/x/b/y/b/z/c", true},
		{"**", "anything/at/all", true},
		{"[ab].py", "b.py", true},
		{"", "x", false},
		{"x", "", false},
	} {
		if got := MatchPath(c.pattern, c.file); got != c.want {
			t.Errorf("MatchPath(%q, %q) = %v", c.pattern, c.file, got)
		}
	}
}

func TestMatchesTag(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		name     string
		want     bool
	}{
		{nil, "v1", false},
		{[]string{"v*"}, "v1.2.3", true},
		{[]string{"v*"}, "v1/x", false},
		{[]string{"v*"}, "xv1", false},
		{[]string{"x", "release/*"}, "release/1", true},
		{[]string{"release/**"}, "release/1/2", true},
	} {
		if got := MatchesTag(c.patterns, c.name); got != c.want {
			t.Errorf("MatchesTag(%q, %q) = %v", c.patterns, c.name, got)
		}
	}
}

func TestDeployWord(t *testing.T) {
	for text, auto := range map[string]bool{"deploy: off\n": false, "deploy: auto\n": true, "deploy: {auto: false}\n": false, "deploy: {}\n": true, "": true} {
		m, err := ParseManifest([]byte(text), "f")
		if err != nil || m.Deploy.Auto != auto {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
	if _, err := ParseManifest([]byte("deploy: sometimes\n"), "f"); err == nil || !strings.Contains(err.Error(), "off or auto") {
		t.Errorf("%v", err)
	}
}

// FuzzMatchPath: no pattern takes long, and ** at the end is what a folder is.
func FuzzMatchPath(f *testing.F) {
	f.Add("a/**/b", "a/x/b")
	f.Add("**/**/**/**", strings.Repeat("a/", 50))
	f.Add("[", "x")
	f.Fuzz(func(t *testing.T, pattern, file string) {
		if len(pattern) > 1000 || len(file) > 4096 {
			return
		}
		got := MatchPath(pattern, file)
		if got && (strings.Trim(pattern, "/") == "" || file == "") {
			t.Errorf("%q matches %q", pattern, file)
		}
	})
}
