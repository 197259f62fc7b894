package hosting

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"demo", "a", "Text_classify.v2-x", strings.Repeat("a", 100), "9lives"} {
		if err := ValidName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"": "empty", ".": "begins", "..": "begins", "-x": "begins", "a/b": "letters", "a b": "letters", "é": "letters", "a\x00": "letters",
		"a..b": "dots", "a.": "dots", "a.git": "own files", "a.lock": "own files", strings.Repeat("a", 101): "longer", "~x": "letters", "a%2fb": "letters",
	} {
		if err := ValidName(bad); !errors.Is(err, ErrName) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want something about %q", bad, err, why)
		}
	}
}

// FuzzValidName finds no name that leads out of the folder or into another repository.
func FuzzValidName(f *testing.F) {
	for _, s := range []string{"demo", "../x", "a/../../b", "a.git", ".new-1", "a\\b"} {
		f.Add(s)
	}
	h := New(Config{Root: "/r"})
	f.Fuzz(func(t *testing.T, name string) {
		dir, err := h.Dir(name)
		if err != nil {
			return
		}
		if filepath.Dir(filepath.Clean(dir)) != "/r" || filepath.Base(dir) != name+".git" || strings.HasPrefix(filepath.Base(dir), ".") {
			t.Errorf("%q lies at %s", name, dir)
		}
	})
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	if err := r.Create(ctx, "demo"); err != nil {
		t.Fatal(err)
	}
	if err := r.Create(ctx, "demo"); !errors.Is(err, ErrExists) {
		t.Errorf("the second of a name: %v", err)
	}
	if err := r.Create(ctx, "../x"); !errors.Is(err, ErrName) {
		t.Errorf("a bad name: %v", err)
	}
	list, err := r.List(ctx)
	if err != nil || len(list) != 1 || list[0].Name != "demo" || list[0].Default != "main" || !list[0].Empty {
		t.Fatalf("%+v, %v", list, err)
	}
	dir := working(t, "trunk")
	git(t, dir, "push", "-q", r.at("demo"), "trunk")
	shown, err := r.Show("demo")
	if err != nil || shown.Empty || shown.Default != "trunk" || shown.Size == 0 || shown.Pushed.IsZero() {
		t.Fatalf("after a push: %+v, %v", shown, err)
	}
	if err := r.Remove(ctx, "demo"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Show("demo"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its removal: %v", err)
	}
	if err := r.Remove(ctx, "demo"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	left, err := os.ReadDir(r.cfg.Root)
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestLeftOvers: locks of killed programs go, those of working ones stay.
func TestLeftOvers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := working(t, "main")
	git(t, dir, "push", "-q", r.at("demo"), "main")
	repo, err := r.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * abandoned)
	stale := []string{"refs/heads/main.lock", "packed-refs.lock", "objects/pack/tmp_pack_x", "lfs/tmp/x"}
	fresh := []string{"refs/heads/new.lock", "config.lock", "objects/pack/tmp_pack_y"}
	for _, name := range append(stale, fresh...) {
		write(t, filepath.Join(repo, name), "")
	}
	for _, name := range stale {
		if err := os.Chtimes(filepath.Join(repo, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	r.keep(t.Context())
	for _, name := range stale {
		if _, err := os.Stat(filepath.Join(repo, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range fresh {
		if _, err := os.Stat(filepath.Join(repo, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	commit(t, dir, "main.py", "print(2)\n", "More")
	git(t, dir, "push", "-q", r.at("demo"), "main")
}
