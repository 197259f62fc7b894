package gitea

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTidyLosesNothing(t *testing.T) {
	o := newOrigin(t)
	srv := serve(t, filepath.Dir(o.dir), "")
	ms := NewMirrors(t.TempDir(), nil)
	m, err := ms.Open(t.Context(), srv.URL+"/origin/.git", Auth{})
	must(t, err)
	first := o.commit(map[string]string{"a": "0"})
	var all []string
	for i := range tidyPacks + 1 {
		all = append(all, o.commit(map[string]string{"a": fmt.Sprint(i), "b": fmt.Sprint(i * i)}))
		must(t, m.Fetch(t.Context(), ""))
	}
	o.ref("refs/heads/main", first) // a force push: none of them is on a branch any more
	must(t, m.Fetch(t.Context(), ""))
	packs, _, err := m.pieces()
	must(t, err)
	if len(packs) < tidyPacks {
		t.Fatalf("only %d packs", len(packs))
	}
	done := m.reading() // somebody reads all the while: the old packs stay
	if list, err := ms.Tidy(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("while it is read: %v, %v", list, err)
	}
	if _, err := m.Resolve(t.Context(), all[3]); err != nil {
		t.Error(err)
	}
	done()
	list, err := ms.Tidy(t.Context())
	if err != nil || len(list) != 1 || list[0].After >= list[0].Before {
		t.Errorf("got %+v, %v", list, err)
	}
	if packs, loose, err := m.pieces(); err != nil || len(packs) != 1 || loose != 0 {
		t.Errorf("%d packs and %d loose objects are left, %v", len(packs), loose, err)
	}
	for _, sha := range append(all, first) {
		must(t, m.Checkout(t.Context(), sha, filepath.Join(t.TempDir(), "out"), nil))
	}
	if got, err := m.Resolve(t.Context(), "main"); err != nil || got != first {
		t.Errorf("main is %s, %v", got, err)
	}
	if bad, err := fsck(m.Dir()); err != nil {
		t.Errorf("git fsck: %v: %s", err, bad)
	}
	o.commit(map[string]string{"a": "after"})
	must(t, m.Fetch(t.Context(), ""))
	if list, err := ms.Tidy(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a second time: %v, %v", list, err)
	}
}

func TestCollectMirrors(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	srv := serve(t, filepath.Dir(o.dir), "")
	root := t.TempDir()
	ms := NewMirrors(root, nil)
	old, err := ms.Open(t.Context(), srv.URL+"/origin/.git", Auth{})
	must(t, err)
	must(t, old.Fetch(t.Context(), ""))
	fresh, err := ms.Open(t.Context(), o.dir, Auth{})
	must(t, err)
	long := time.Now().Add(-60 * 24 * time.Hour)
	must(t, os.Chtimes(filepath.Join(old.dir, usedFile), long, long))
	beside := filepath.Join(root, "notes")
	must(t, os.WriteFile(beside, []byte("x"), 0o600))
	before := time.Now().Add(-30 * 24 * time.Hour)
	list, err := ms.Unused(t.Context(), before)
	if err != nil || len(list) != 1 || list[0].Dir != old.dir || list[0].Before == 0 {
		t.Errorf("got %+v, %v", list, err)
	}
	done := old.reading()
	if gone, err := ms.Collect(t.Context(), before); err != nil || len(gone) != 0 {
		t.Errorf("removed while it is read: %+v, %v", gone, err)
	}
	done()
	if gone, err := ms.Collect(t.Context(), before); err != nil || len(gone) != 1 {
		t.Errorf("got %+v, %v", gone, err)
	}
	for path, there := range map[string]bool{old.dir: false, fresh.dir: true, beside: true} {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) == there {
			t.Errorf("%s: %v", path, err)
		}
	}
	again, err := ms.Open(t.Context(), srv.URL+"/origin/.git", Auth{})
	must(t, err)
	must(t, again.Fetch(t.Context(), ""))
	must(t, again.Checkout(t.Context(), sha, filepath.Join(t.TempDir(), "out"), nil))
}
