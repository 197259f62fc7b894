package gitea

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watchRig is a watched folder that is never looked at without being told.
type watchRig struct {
	t   *testing.T
	dir string
	*TreeWatch
}

func newWatchRig(t *testing.T, files map[string]string) *watchRig {
	t.Helper()
	r := &watchRig{t: t, dir: t.TempDir()}
	for name, text := range files {
		r.write(name, text)
	}
	w, err := WatchTree(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	w.recheck = time.Hour
	r.TreeWatch = w
	return r
}

func (r *watchRig) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	r.must(os.MkdirAll(filepath.Dir(path), 0o755))
	r.must(os.WriteFile(path, []byte(text), 0o644))
}

func (r *watchRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *watchRig) path(name string) string { return filepath.Join(r.dir, name) }

// until collects changes until all the wanted ones were told, and returns what was told besides.
func (r *watchRig) until(want ...string) (besides []string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	for len(want) > 0 {
		changed, err := r.Next(ctx)
		if err != nil {
			r.t.Fatalf("waiting for %q: %v", want, err)
		}
		for _, name := range changed {
			if at := slices.Index(want, name); at >= 0 {
				want = slices.Delete(want, at, at+1)
			} else {
				besides = append(besides, name)
			}
		}
	}
	return besides
}

func TestTreeWatch(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, map[string]string{
		"main.py": "1", "lib/a.py": "1", ".gitignore": "/data/\n*.log\n", ".aictlignore": "notes.md\n", "notes.md": "", "data/x": "",
		"__pycache__/main.pyc": "", "node_modules/a/b.js": "", ".venv/bin/python": "", ".git/HEAD": "ref: refs/heads/main\n",
	})
	for dir := range r.watched {
		if rel, _ := filepath.Rel(r.dir, dir); rel != "." && rel != "lib" {
			t.Errorf("%s is watched", rel)
		}
	}
	step := func(what string, do func(), want ...string) {
		t.Helper()
		do()
		if besides := r.until(want...); len(besides) > 0 {
			t.Errorf("%s: told %q, too", what, besides)
		}
	}
	step("written in place", func() { r.write("main.py", "22") }, "main.py")
	step("an editor's rename over", func() {
		r.write(".main.py.swp", "x")
		r.write("main.py~", "x")
		r.write("new", "333")
		r.must(os.Rename(r.path("new"), r.path("main.py")))
	}, "main.py")
	step("noise", func() {
		for _, name := range []string{"server.log", "data/y", "notes.md", "__pycache__/z.pyc", ".git/index", ".#lock", "node_modules/a/c.js"} {
			r.write(name, "noise")
		}
		r.write("lib/b.py", "1")
	}, "lib/b.py")
	step("a new folder, deep, filled at once", func() { r.write("models/v1/deep/w.bin", "1") }, "models/v1/deep/w.bin")
	step("within it", func() { r.write("models/v1/deep/w.bin", "22") }, "models/v1/deep/w.bin")
	step("a renamed folder", func() { r.must(os.Rename(r.path("models"), r.path("weights"))) },
		"models/v1/deep/w.bin", "weights/v1/deep/w.bin")
	step("within its new name", func() { r.write("weights/v1/deep/w.bin", "333") }, "weights/v1/deep/w.bin")
	step("a folder that takes the place of another", func() {
		r.write("__pycache__/staged/c.py", "1") // made where nobody looks
		r.must(os.RemoveAll(r.path("lib")))
		r.must(os.Rename(r.path("__pycache__/staged"), r.path("lib")))
	}, "lib/a.py", "lib/b.py", "lib/c.py")
	step("within the one that took it", func() { r.write("lib/c.py", "22") }, "lib/c.py")
	step("removed", func() { r.must(os.RemoveAll(r.path("weights"))) }, "weights/v1/deep/w.bin")
	step("made executable", func() { r.must(os.Chmod(r.path("main.py"), 0o755)) }, "main.py")
	step("a link that is swapped", func() {
		r.must(os.Symlink("main.py", r.path("link.new")))
		r.must(os.Rename(r.path("link.new"), r.path("link")))
	}, "link")
	step("another thing is ignored", func() { r.write(".aictlignore", "notes.md\nlib\n") }, ".aictlignore", "lib/c.py")
}

// A file that is written all the time is not waited for without end.
func TestTreeWatchWhileSomethingWrites(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, map[string]string{"a": "1"})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := os.WriteFile(r.path("a"), []byte(strings.Repeat("x", n%1000)), 0o644); err != nil {
					return
				}
			}
		}
	}()
	r.until("a")
	stop()
	<-done
}

func TestTreeWatchLimits(t *testing.T) {
	t.Parallel()
	for errno, words := range map[syscall.Errno][]string{
		syscall.ENOSPC: {"max_user_watches", "sysctl", IgnoreFile},
		syscall.EMFILE: {"max_user_instances", "sysctl"},
	} {
		r := newWatchRig(t, map[string]string{"a": "1"})
		r.add = func(string) error { return &os.SyscallError{Syscall: "inotify_add_watch", Err: errno} }
		r.write("more/b", "1")
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		_, err := r.Next(ctx)
		cancel()
		if !errors.Is(err, ErrWatchLimit) {
			t.Errorf("%v: %v", errno, err)
			continue
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
	}
	if _, err := WatchTree(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	r := newWatchRig(t, map[string]string{"a": "1"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.must(os.RemoveAll(r.dir))
	if _, err := r.Next(ctx); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is gone, and Next says %v", err)
	}
}

// What is watched is what is deployed.
func TestOpenTreeTakesWhatIsWatched(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, map[string]string{
		"main.py": "1", ".aictlignore": "*.bin\n", "w.bin": "", ".main.py.swp": "", "__pycache__/a.pyc": "", ".git/HEAD": "ref: refs/heads/main\n",
	})
	ms := NewMirrors(t.TempDir(), nil)
	m, _, err := ms.OpenTree(t.Context(), r.dir)
	r.must(err)
	first, err := m.Resolve(t.Context(), "")
	r.must(err)
	out := filepath.Join(t.TempDir(), "out")
	r.must(m.Checkout(t.Context(), first, out, func(string) {}))
	var got []string
	r.must(filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(out, path)
			got = append(got, rel)
		}
		return err
	}))
	if want := []string{".aictlignore", "main.py"}; !slices.Equal(got, want) {
		t.Errorf("the snapshot holds %q, want %q", got, want)
	}
	if files, _, err := r.scan(); err != nil || len(files) != len(got) {
		t.Errorf("watched: %v, %v", files, err)
	}
	r.write("w.bin", "changed")
	m, _, err = ms.OpenTree(t.Context(), r.dir)
	r.must(err)
	if again, err := m.Resolve(t.Context(), ""); err != nil || again != first {
		t.Errorf("%s, then %s, %v", first, again, err)
	}
}

func FuzzIgnores(f *testing.F) {
	for _, seed := range []string{"*.log\n", "/data/\n!keep\n", "**/a/**\n", "[\n", "\\", "!", "a[]b\n#x\n \n/\n", "***/[!a-]\r\n"} {
		f.Add(seed, "a/b.log")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, IgnoreFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g := newIgnores(dir)
		g.enter("")
		if got := g.match(name, false); got != g.match(name, false) {
			t.Error("two answers to one question")
		}
		passing(filepath.Base(name))
	})
}
