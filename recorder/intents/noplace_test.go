package intents

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Without a place for its files a journal lists nothing and stands in nobody's way; when there is one again, it goes on.
func TestNoPlace(t *testing.T) {
	root := t.TempDir()
	j := open(t, root)
	j.slots.free = nil
	away := filepath.Join(root, "away")
	if err := os.Rename(j.dir, away); err != nil {
		t.Fatal(err)
	}
	var all []*Entry
	for range 10 {
		all = append(all, newEntry("a", "/"))
		j.Begin(all[len(all)-1])
	}
	if l := j.Totals()["a"]; l.Accepted != 10 || l.Unlisted != 10 || !j.slots.failing {
		t.Errorf("%+v", l)
	}
	if err := os.Rename(away, j.dir); err != nil {
		t.Fatal(err)
	}
	j.slots.retry = time.Time{}
	late := newEntry("a", "/late")
	j.Begin(late)
	if l := j.Totals()["a"]; l.Accepted != 11 || l.Unlisted != 10 || j.slots.failing {
		t.Errorf("%+v", l)
	}
	for _, e := range append(all, late) {
		j.Settle([]Settled{{e, Recorded}})
	}
	closeOf(t, j)
	if _, err := os.Stat(j.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

// A journal that could not even have a folder has one as soon as there is a place for it, and its account is kept.
func TestNoPlaceAtTheStart(t *testing.T) {
	root := filepath.Join(t.TempDir(), "intents")
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, root)
	first, second := newEntry("a", "/"), newEntry("a", "/")
	j.Begin(first)
	if err := os.Remove(root); err != nil {
		t.Fatal(err)
	}
	j.slots.retry = time.Time{}
	j.Begin(second)
	if l := j.Totals()["a"]; l.Accepted != 2 || l.Unlisted != 1 || j.slots.failing {
		t.Errorf("%+v", l)
	}
	j.Settle([]Settled{{first, Recorded}})
	kill(t, j)
	next := open(t, root)
	defer closeOf(t, next)
	e := claimOnly(t, next)
	if len(e.Open) != 1 || e.Open[0] != second.Intent || e.totals["a"].Accepted != 2 {
		t.Errorf("%+v %+v", e.Open, e.totals)
	}
	if err := e.Leave(); err != nil {
		t.Error(err)
	}
}

// A file that somebody cut cannot be written through its mapping; that is a fault to live with, not a signal to die of.
func TestCutFileIsSurvived(t *testing.T) {
	root := t.TempDir()
	j := open(t, root)
	first := newEntry("a", "/")
	j.Begin(first)
	if err := os.Truncate(j.slots.current().path, 0); err != nil {
		t.Fatal(err)
	}
	second, third := newEntry("a", "/"), newEntry("a", "/")
	j.Begin(second)
	j.Begin(third)
	if l := j.Totals()["a"]; l.Accepted != 3 || l.Unlisted != 1 {
		t.Errorf("%+v", l)
	}
	j.Settle([]Settled{{first, Recorded}, {second, Recorded}, {third, Recorded}})
	closeOf(t, j)
}
