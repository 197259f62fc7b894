package gitea

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
)

// WorkTree is the ref that names a directory's files as they are, committed or not.
const WorkTree = "worktree"

// IgnoreFile is read like .gitignore, beside it: what it names is neither deployed from a directory nor watched there.
const IgnoreFile = ".aictlignore"

// leftovers are files that editors keep beside those that are edited, and desktops beside all.
var leftovers = []string{"*.swp", "*.swo", "*.swx", "*~", ".#*", "#*#", "*.pyc", "*___jb_tmp___", "*___jb_old___", ".goutputstream-*", "*.kate-swp", ".DS_Store"}

// passing reports whether a file or folder of that name belongs to a working copy or to an editor, not to the code.
func passing(name string) bool {
	return slices.Contains(skipped, name) || slices.ContainsFunc(leftovers, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// OpenTree opens a folder of this machine by a snapshot of its files as they are, even of a repository's. The same
// content always gives the same commit. Ignore files are honoured.
func (ms *Mirrors) OpenTree(ctx context.Context, dir string) (m *Mirror, warnings []string, err error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("open %s: %w: no such directory", dir, ErrNotRepository)
	}
	at := dir
	if IsRepository(dir) {
		at += "#" + WorkTree // apart from the mirror of its commits
	}
	if m, err = ms.openSnapshot(ctx, dir, at); err != nil {
		return nil, nil, err
	}
	if err := m.lock(ctx); err != nil {
		return nil, nil, err
	}
	defer m.unlock()
	warnings, err = m.snapshot(ctx, dir, MaxSnapshot)
	return m, warnings, err
}
