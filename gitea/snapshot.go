package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// MaxSnapshot bounds the files of a snapshotted folder together, in bytes.
const MaxSnapshot int64 = 2 << 30

// snapshotBranch is the only branch of a snapshot's mirror.
const snapshotBranch plumbing.ReferenceName = "refs/heads/snapshot"

// skipped are folders that belong to a working copy, not to its code.
var skipped = []string{".git", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}

// OpenDir opens a folder of this machine: the root of a repository by its commits, with a warning for what is not
// committed; any other folder by a snapshot of its files, which becomes a commit. The same content always gives the
// same commit. .gitignore and .aictlignore files are honoured, also those of a repository around the folder.
func (ms *Mirrors) OpenDir(ctx context.Context, dir string) (m *Mirror, warnings []string, err error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("open %s: %w: no such directory", dir, ErrNotRepository)
	}
	if IsRepository(dir) {
		m, err := ms.Open(ctx, dir, Auth{})
		if err != nil {
			return nil, nil, err
		}
		changed, err := uncommitted(ctx, dir)
		if err != nil {
			return nil, nil, m.classify("compare the files of", err)
		}
		if len(changed) > 0 {
			slices.Sort(changed)
			warnings = append(warnings, fmt.Sprintf("%d files are not committed and are not included: %s", len(changed), several(changed)))
		}
		return m, warnings, nil
	}
	return ms.OpenTree(ctx, dir)
}

// openSnapshot opens the mirror for snapshots of dir; name tells it from others.
func (ms *Mirrors) openSnapshot(ctx context.Context, dir, name string) (*Mirror, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	at := ms.place(name)
	if m, ok := ms.open[at]; ok && m.frozen {
		m.used()
		return m, nil
	}
	m := &Mirror{dir: at, url: dir, shown: dir, local: dir, frozen: true, git: ms.program(), all: ms, log: ms.log, folder: newFolder()}
	if err := errors.Join(ctx.Err(), m.init()); err != nil {
		return nil, err
	}
	m.sweep()
	m.used()
	ms.open[at] = m
	return m, nil
}

// snapshot imports dir's files as the commit of the snapshot branch.
func (m *Mirror) snapshot(ctx context.Context, dir string, limit int64) ([]string, error) {
	st := m.storage()
	s := &snapshot{ctx: ctx, s: st, dir: dir, left: limit, limit: limit}
	s.ignore = newIgnores(dir)
	tree, n, err := s.tree("")
	switch {
	case IsNoSpace(err):
		return nil, fmt.Errorf("snapshot %s: %w on %s; free some or move the data directory", dir, ErrNoSpace, m.dir)
	case err != nil:
		return nil, fmt.Errorf("snapshot %s: %w", dir, err)
	case n == 0:
		return nil, fmt.Errorf("snapshot %s: %w: it holds no file that is not ignored", dir, ErrEmpty)
	}
	// A fixed author and time make the commit depend on nothing but the content.
	who := object.Signature{Name: "aictl", Email: "aictl@localhost", When: time.Unix(0, 0).UTC()}
	commit := &object.Commit{Author: who, Committer: who, Message: "Snapshot\n", TreeHash: tree}
	h, err := store(st, commit)
	if err != nil {
		return nil, m.onDisk(m.dir, err)
	}
	refs := map[plumbing.ReferenceName]plumbing.Hash{snapshotBranch: h, defaultRef: h}
	return s.warnings, m.onDisk(m.dir, setRefs(st, refs))
}

// snapshot turns a folder into trees.
type snapshot struct {
	ctx      context.Context
	s        *filesystem.Storage
	dir      string
	ignore   *ignores
	left     int64 // bytes that may still come
	limit    int64
	warnings []string
}

// tree stores the folder at rel and returns its tree and the number of entries in it.
func (s *snapshot) tree(rel string) (plumbing.Hash, int, error) {
	if err := s.ctx.Err(); err != nil {
		return plumbing.ZeroHash, 0, err
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, rel))
	if err != nil {
		return plumbing.ZeroHash, 0, err
	}
	s.ignore.enter(rel)
	tree := &object.Tree{}
	for _, e := range entries {
		name := filepath.Join(rel, e.Name())
		if passing(e.Name()) || s.ignore.match(name, e.IsDir()) {
			continue
		}
		te, ok, err := s.entry(e, name)
		if err != nil {
			return plumbing.ZeroHash, 0, err
		}
		if ok {
			tree.Entries = append(tree.Entries, te)
		}
	}
	slices.SortFunc(tree.Entries, func(a, b object.TreeEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	h, err := store(s.s, tree)
	return h, len(tree.Entries), err
}

func (s *snapshot) entry(e fs.DirEntry, rel string) (object.TreeEntry, bool, error) {
	te := object.TreeEntry{Name: e.Name()}
	info, err := e.Info()
	if err != nil {
		return te, false, err
	}
	switch {
	case e.IsDir():
		var n int
		te.Mode = filemode.Dir
		te.Hash, n, err = s.tree(rel)
		return te, n > 0, err // Git knows no empty folders
	case info.Mode()&fs.ModeSymlink != 0:
		te.Mode = filemode.Symlink
		target, err := os.Readlink(filepath.Join(s.dir, rel))
		if err != nil {
			return te, false, err
		}
		te.Hash, err = s.blob(strings.NewReader(target), int64(len(target)))
		return te, true, err
	case !info.Mode().IsRegular():
		s.warnings = append(s.warnings, rel+" is neither a file nor a folder and is not included")
		return te, false, nil
	}
	te.Mode = filemode.Regular
	if info.Mode()&0o111 != 0 {
		te.Mode = filemode.Executable
	}
	if s.left -= info.Size(); s.left < 0 {
		return te, false, fmt.Errorf("%w: it is larger than %s; put what is not code into a .gitignore file, or deploy a Git repository",
			ErrRefused, size(s.limit))
	}
	f, err := os.Open(filepath.Join(s.dir, rel))
	if err != nil {
		return te, false, err
	}
	defer f.Close()
	te.Hash, err = s.blob(f, info.Size())
	return te, true, err
}

// blob stores n bytes of r, without holding them in memory when they are many. A file that changes its length
// meanwhile is an error.
func (s *snapshot) blob(r io.Reader, n int64) (plumbing.Hash, error) {
	r = io.LimitReader(&endable{s.ctx, r}, n)
	if n > bigObject {
		return s.stream(r, n)
	}
	obj := s.s.NewEncodedObject()
	obj.SetType(plumbing.BlobObject)
	obj.SetSize(n)
	w, err := obj.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if err := errors.Join(fill(w, r, n), w.Close()); err != nil {
		return plumbing.ZeroHash, err
	}
	return put(s.s, obj)
}

func (s *snapshot) stream(r io.Reader, n int64) (plumbing.Hash, error) {
	w, err := dotgit.New(s.s.Filesystem()).NewObject()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.WriteHeader(plumbing.BlobObject, n); err != nil {
		return plumbing.ZeroHash, errors.Join(err, w.Close())
	}
	if err := errors.Join(fill(w, r, n), w.Close()); err != nil {
		return plumbing.ZeroHash, err
	}
	return w.Hash(), nil
}

func fill(w io.Writer, r io.Reader, n int64) error {
	got, err := io.Copy(w, r)
	if err == nil && got != n {
		err = errors.New("a file changed while it was read; try again")
	}
	return err
}

// encoder is an object that knows its stored form.
type encoder interface {
	Encode(plumbing.EncodedObject) error
}

func store(s *filesystem.Storage, e encoder) (plumbing.Hash, error) {
	obj := s.NewEncodedObject()
	if err := e.Encode(obj); err != nil {
		return plumbing.ZeroHash, err
	}
	return put(s, obj)
}

// put writes an object unless it is there.
func put(s *filesystem.Storage, obj plumbing.EncodedObject) (plumbing.Hash, error) {
	if h := obj.Hash(); s.HasEncodedObject(h) == nil {
		return h, nil
	}
	return s.SetEncodedObject(obj)
}

// sortName is a tree entry's name as Git sorts it: a folder's ends in a slash.
func sortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}
