package gitea

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// OpenHosted opens a bare repository that aictl hosts itself: it is its own mirror, so nothing is fetched and nothing copied.
// name is shown to people. One that is not there is ErrNotRepository.
func (ms *Mirrors) OpenHosted(ctx context.Context, dir, name string) (*Mirror, error) {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return nil, fmt.Errorf("open %s: %w: nothing of this name is hosted here; push to /git/%s.git first, or make it with `aictl gitea create %s`",
			name, ErrNotRepository, name, name)
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	m, err := openMirror(ctx, MirrorConfig{Dir: dir, URL: dir, Logger: ms.log, all: ms})
	if err != nil {
		return nil, err
	}
	m.shown, m.frozen, m.hosted = name, true, true // it is not among those that are looked after here: others write to it
	return m, errors.Join(ctx.Err(), m.classify("open", m.noteHead()))
}

// noteHead keeps the default branch's tip where mirrors have it.
func (m *Mirror) noteHead() error {
	s := m.storage()
	tip, err := storer.ResolveReference(s, plumbing.HEAD)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil // nothing has been pushed yet
	}
	if err != nil {
		return err
	}
	if old, err := s.Reference(defaultRef); err == nil && old.Hash() == tip.Hash() {
		return nil
	}
	return s.SetReference(plumbing.NewHashReference(defaultRef, tip.Hash()))
}
