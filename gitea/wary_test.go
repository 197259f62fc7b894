package gitea

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// TestObjectsThatUnfold: what packs to a few kilobytes is not read into memory.
func TestObjectsThatUnfold(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	o.commit(map[string]string{"main.py": "1"})
	w, err := o.repo.Worktree()
	must(t, err)
	who := &object.Signature{Name: "t", Email: "t@localhost", When: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	h, err := w.Commit("Begin\n\n"+strings.Repeat("and so on\n", maxCommit/10+1), &git.CommitOptions{AllowEmptyCommits: true, Author: who})
	must(t, err)
	tag, err := o.repo.CreateTag("v1", h, &git.CreateTagOptions{Tagger: who, Message: strings.Repeat("and so on\n", maxCommit/10+1)})
	must(t, err)
	m := mirrorOf(t, o.dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	if c, err := m.Describe(t.Context(), h.String()); !errors.Is(err, ErrRefused) {
		t.Errorf("described with %d bytes: %v", len(c.Message), err)
	}
	if _, _, err := m.Log(t.Context(), "", h.String(), 10); !errors.Is(err, ErrRefused) {
		t.Errorf("log: %v", err)
	}
	if err := m.Checkout(t.Context(), h.String(), filepath.Join(t.TempDir(), "out"), nil); !errors.Is(err, ErrRefused) {
		t.Errorf("checked out: %v", err)
	}
	if at, err := peel(m.storage(), tag.Hash()); !errors.Is(err, ErrRefused) {
		t.Errorf("the tag leads to %s, %v", at, err)
	}
}
