package upload

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	e := func(path, blob string, size int64) entry {
		return entry{path: path, blob: blob, mode: modeFile, size: size}
	}
	tree := map[string]inTree{
		"a": {modeFile, "1"}, "b": {modeFile, "1"}, "x": {modeExec, "1"}, "old": {modeFile, "1"}, "sub/old": {modeFile, "1"}, ".gitattributes": {modeFile, "1"},
	}
	show := func(stages []stage) (out []string) {
		for _, s := range stages {
			var paths []string
			for _, f := range s.files {
				paths = append(paths, f.path)
			}
			for _, p := range s.removed {
				paths = append(paths, "-"+p)
			}
			out = append(out, strings.Join(paths, " "))
		}
		return out
	}
	all := []entry{e("c", "1", 10), e("b", "2", 10), e("a", "1", 10), e("x", "1", 10)}
	for _, c := range []struct {
		what   string
		list   []entry
		prune  bool
		prefix string
		most   limits
		want   []string
	}{
		{"what is new or differs, also in its mode", all, false, "", limits{10, 1 << 20}, []string{"b c x"}},
		{"few files in a commit", all, false, "", limits{2, 1 << 20}, []string{"b c", "x"}},
		{"few bytes in a commit", all, false, "", limits{10, 1000}, []string{"b", "c", "x"}},
		{"one larger than a commit may be", []entry{e("big", "1", 1<<30), e("c", "1", 1)}, false, "", limits{10, 1000}, []string{"big", "c"}},
		{"removing", []entry{e("a", "1", 1)}, true, "", limits{10, 1000}, []string{"-b -old -sub/old -x"}},
		{"removing below a prefix", []entry{e("sub/new", "1", 1)}, true, "sub", limits{10, 1000}, []string{"sub/new -sub/old"}},
		{"nothing", []entry{e("a", "1", 1)}, false, "", limits{10, 1000}, nil},
	} {
		if got := show(plan(tree, c.list, c.prune, c.prefix, c.most)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	got := string(attributes([]byte("*.txt text"), []string{"b.bin", "a b.bin"}))
	want := "*.txt text\n\"/a b.bin\" filter=lfs diff=lfs merge=lfs -text\n/b.bin filter=lfs diff=lfs merge=lfs -text\n"
	if got != want {
		t.Errorf("got %q", got)
	}
	if again := string(attributes([]byte(got), []string{"b.bin"})); again != got {
		t.Errorf("added twice: %q", again)
	}
}

// TestAttributesMatch: git takes every odd path for LFS's, and no other.
func TestAttributesMatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	odd := []string{"plain.bin", "a b", `q"uote`, "st*r", "[x]", "ünï", "tab\tin", "sub/deep.bin", "#no", "!not", `back\slash`}
	if err := os.WriteFile(filepath.Join(dir, ".gitattributes"), attributes(nil, odd), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"star": "unspecified", "x": "unspecified", "other/plain.bin": "unspecified"} {
		checkFilter(t, dir, path, want)
	}
	for _, path := range odd {
		checkFilter(t, dir, path, "lfs")
	}
}

func checkFilter(t *testing.T, dir, path, want string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "check-attr", "-z", "filter", "--", path)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if fields := strings.Split(string(out), "\x00"); len(fields) < 3 || fields[2] != want {
		t.Errorf("%q has filter %q, want %s", path, fields, want)
	}
}

func TestCleanPrefix(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", ".": "", "/": "", "a/b/": "a/b", "./a": "a", "a//b": "a/b", "../x": "!", "a/../..": "!", "a/.git/b": "!", ".GIT": "!"} {
		got, err := cleanPrefix(in)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzQuote: what is quoted is one line, and fast-import reads it as it was.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"a", "a b", "\"", "\\", "\n", "é", "\x00\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := quote(s)
		if strings.ContainsAny(q, "\n\r\x00") || q[0] != '"' || q[len(q)-1] != '"' {
			t.Fatalf("%q is quoted as %q", s, q)
		}
		if got := unquoteC(q[1 : len(q)-1]); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func unquoteC(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if s[i] >= '0' && s[i] <= '3' {
			var c byte
			if _, err := fmt.Sscanf(s[i:i+3], "%o", &c); err == nil {
				b.WriteByte(c)
			}
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
