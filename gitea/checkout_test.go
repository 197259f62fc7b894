package gitea

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func TestCheckoutIsExact(t *testing.T) {
	o := newOrigin(t)
	o.write("bin/run.sh", "#!/bin/sh\n")
	must(t, os.Chmod(filepath.Join(o.dir, "bin/run.sh"), 0o755))
	must(t, os.Symlink("../main.py", filepath.Join(o.dir, "bin/main")))
	must(t, os.Symlink("not/there", filepath.Join(o.dir, "dangling")))
	first := o.commit(map[string]string{"main.py": "one", "数据.txt": "\xff\x00binary"})
	o.commit(map[string]string{"main.py": "two"})
	both(t, o, func(t *testing.T, m *Mirror) {
		must(t, m.Fetch(t.Context(), ""))
		dir := filepath.Join(t.TempDir(), "deep", "out")
		var said []string
		must(t, m.Checkout(t.Context(), first, dir, func(s string) { said = append(said, s) }))
		for name, want := range map[string]string{"main.py": "one", "bin/main": "one", "数据.txt": "\xff\x00binary"} {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
				t.Errorf("%s = %q, %v; want %q", name, got, err, want)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, "bin/run.sh")); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("the program is not executable: %v, %v", info, err)
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf(".git: %v", err)
		}
		if len(said) == 0 || !strings.HasPrefix(said[len(said)-1], "5 files") {
			t.Errorf("progress: %q", said)
		}
		if err := m.Checkout(t.Context(), first, dir, nil); !errors.Is(err, os.ErrExist) {
			t.Errorf("a second checkout to one folder: %v", err)
		}
		onlyIn(t, filepath.Dir(dir), "out")
	})
}

// onlyIn checks that a folder holds one entry: nothing temporary is left.
func onlyIn(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q; want %q", dir, got, want)
	}
}

func TestCheckoutRefuses(t *testing.T) {
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 20000000\n"
	for name, c := range map[string]struct {
		files map[string]string
		links map[string]string
		raw   *object.TreeEntry // added beside them
		says  string
	}{
		"LFS pointers":           {files: map[string]string{"models/a.bin": pointer, "b.py": "x"}, says: "models/a.bin"},
		"absolute link":          {links: map[string]string{"x": "/etc/passwd"}, says: "the link x leaves"},
		"link upwards":           {links: map[string]string{"a/x": "../../outside"}, says: "the link a/x leaves"},
		"link through a link":    {links: map[string]string{"deep/up": "../", "x": "deep/up/../../outside"}, says: "leaves the repository"},
		"link past what is not":  {links: map[string]string{"x": "later/../../outside"}, says: "the link x leaves"},
		"submodule":              {files: map[string]string{"a": "1"}, raw: &object.TreeEntry{Name: "vendored", Mode: filemode.Submodule, Hash: plumbing.NewHash(strings.Repeat("1", 40))}, says: "submodules (vendored)"},
		"a .git folder of files": {files: map[string]string{"a": "1"}, raw: &object.TreeEntry{Name: ".GIT", Mode: filemode.Regular}, says: ".GIT"},
		"a name going up":        {files: map[string]string{"a": "1"}, raw: &object.TreeEntry{Name: "..", Mode: filemode.Dir}, says: "not a name"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t)
			for at, target := range c.links {
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(o.dir, at)), 0o755))
				must(t, os.Symlink(target, filepath.Join(o.dir, at)))
			}
			sha := o.commit(c.files)
			m := mirrorOf(t, o.dir, Auth{})
			must(t, m.Fetch(t.Context(), ""))
			if c.raw != nil {
				sha = graft(t, m, sha, *c.raw)
			}
			parent := t.TempDir()
			err := m.Checkout(t.Context(), sha, filepath.Join(parent, "out"), nil)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want a refusal saying %q", err, c.says)
			}
			onlyIn(t, parent)
		})
	}
}

// graft makes a commit like sha with one more entry in its tree, as no honest client would.
func graft(t *testing.T, m *Mirror, sha string, e object.TreeEntry) string {
	t.Helper()
	s := m.storage()
	commit, err := object.GetCommit(s, plumbing.NewHash(sha))
	must(t, err)
	tree, err := commit.Tree()
	must(t, err)
	entries := append([]object.TreeEntry{e}, tree.Entries...)
	obj := s.NewEncodedObject()
	obj.SetType(plumbing.TreeObject)
	w, err := obj.Writer()
	must(t, err)
	for _, e := range entries { // by hand: go-git's encoder has scruples
		_, err := w.Write(append([]byte(strings.TrimLeft(e.Mode.String(), "0")+" "+e.Name+"\x00"), e.Hash[:]...))
		must(t, err)
	}
	must(t, w.Close())
	h, err := s.SetEncodedObject(obj)
	must(t, err)
	h, err = store(s, &object.Commit{TreeHash: h, Message: "bad"})
	must(t, err)
	return h.String()
}

func TestCheckoutStopsWithItsContext(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	m := mirrorOf(t, o.dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	parent := t.TempDir()
	if err := m.Checkout(ctx, sha, filepath.Join(parent, "out"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	onlyIn(t, parent)
}

func TestSnapshot(t *testing.T) {
	repo := newOrigin(t)
	repo.commit(map[string]string{".gitignore": "*.log\n"})
	dir := filepath.Join(repo.dir, "examples", "svc")
	write := func(name, text string) {
		t.Helper()
		repo.write(filepath.Join("examples/svc", name), text)
	}
	write("main.py", "print(1)")
	write("run.log", "ignored by the repository above")
	write("data/big.bin", strings.Repeat("x", bigObject+1))
	write("data/.gitignore", "tmp/\n!keep.log\n")
	write("data/tmp/x", "ignored")
	write("data/keep.log", "kept")
	write(".venv/lib", "never")
	write("sub/__pycache__/x.pyc", "never")
	must(t, os.MkdirAll(filepath.Join(dir, "empty"), 0o755))

	ms := NewMirrors(t.TempDir(), nil)
	m, warnings, err := ms.OpenDir(t.Context(), dir)
	must(t, err)
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
	first, err := m.Resolve(t.Context(), "")
	must(t, err)
	out := filepath.Join(t.TempDir(), "out")
	must(t, m.Fetch(t.Context(), ""))
	must(t, m.Checkout(t.Context(), first, out, nil))
	onlyIn(t, out, "data", "main.py")
	onlyIn(t, filepath.Join(out, "data"), ".gitignore", "big.bin", "keep.log")

	again, _, err := NewMirrors(t.TempDir(), nil).OpenDir(t.Context(), dir)
	must(t, err)
	if sha, err := again.Resolve(t.Context(), ""); err != nil || sha != first {
		t.Errorf("the same content gave %s, %v; want %s", sha, err, first)
	}
	write("main.py", "print(2)")
	m, _, err = ms.OpenDir(t.Context(), dir)
	must(t, err)
	if sha, err := m.Resolve(t.Context(), ""); err != nil || sha == first {
		t.Errorf("changed content gave the same commit (%v)", err)
	}
	// What git itself says about the objects.
	if bad, err := fsck(m.Dir()); err != nil {
		t.Errorf("git fsck: %v: %s", err, bad)
	}
	if _, err := m.snapshot(t.Context(), dir, 100); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), ".gitignore") {
		t.Errorf("over the bound: %v", err)
	}
	if _, _, err := ms.OpenDir(t.Context(), t.TempDir()); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, _, err := ms.OpenDir(t.Context(), filepath.Join(dir, "nowhere")); !errors.Is(err, ErrNotRepository) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestRepositoryRootUsesItsCommits(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"main.py": "1", ".gitignore": "*.log\n"})
	o.write("main.py", "2")
	o.write("new.py", "1")
	o.write("x.log", "1")
	m, warnings, err := NewMirrors(t.TempDir(), nil).OpenDir(t.Context(), o.dir)
	must(t, err)
	must(t, m.Fetch(t.Context(), ""))
	if got, err := m.Resolve(t.Context(), ""); err != nil || got != sha {
		t.Errorf("got %s, %v; want HEAD %s", got, err, sha)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "2 files are not committed and are not included: main.py, new.py") {
		t.Errorf("warnings: %q", warnings)
	}
}
