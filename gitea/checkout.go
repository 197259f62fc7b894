package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"aictl/gitea/lfs"
)

// Trees beyond these are taken for malicious ones: a few hundred objects can be made to unfold to more files than any disk
// has room for. Files are written so many at a time.
const (
	maxDepth   = 256
	maxEntries = 2_000_000
	fileBatch  = 20_000
)

// checkout writes one tree; a submodule's tree has one of its own.
type checkout struct {
	ctx      context.Context
	m        *Mirror
	s        *filesystem.Storage
	blobs    blobReader
	root     *os.Root
	tally    *tally
	waiting  []pending // files whose content is still to be written
	links    []string
	pointers []pointerFile
	odd      []string // files that begin as pointers and are none
	modules  []module
}

// tally is what a whole checkout has written, submodules and all.
type tally struct {
	commit   string // of the outermost repository
	entries  int
	files    int
	bytes    int64
	modules  int
	pointers []lfs.Pointer
	chain    []string // the repositories that lead to the one being written
	dir      string
	written  int64 // bytes since the disk was looked at
	progress func(string)
}

type pending struct {
	name string
	hash plumbing.Hash
	mode filemode.FileMode
}

type pointerFile struct {
	name string
	lfs.Pointer
}

// Checkout writes the exact tree of a commit into dir, which must not exist: modes and symbolic links are kept, submodules
// and the content of LFS pointers are fetched, there is no .git. The tree is written beside dir and renamed, so dir is whole
// or missing. What cannot be fetched, and links that leave the tree, are refused with their names. progress may be nil.
func (m *Mirror) Checkout(ctx context.Context, sha, dir string, progress func(string)) (err error) {
	if progress == nil {
		progress = func(string) {}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return m.onDisk(dir, err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("check out %s to %s: %w", sha, dir, fs.ErrExist)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".checkout-*")
	if err != nil {
		return m.onDisk(dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := m.write(ctx, sha, tmp, progress); err != nil {
		return m.onDisk(dir, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return m.onDisk(dir, err)
	}
	return m.onDisk(dir, os.Rename(tmp, dir))
}

// told are errors that say already what is wrong with which repository.
var told = []error{ErrRefused, ErrNoSpace, ErrAuth, ErrUnreachable, ErrNotRepository, ErrUnknownRef, ErrEmpty}

// onDisk says where the disk is full; other errors pass.
func (m *Mirror) onDisk(dir string, err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range told {
		if errors.Is(err, kind) {
			return err
		}
	}
	if IsNoSpace(err) {
		return fmt.Errorf("check out %s: %w on %s; free some or move the data directory", m.shown, ErrNoSpace, filepath.Dir(dir))
	}
	return m.classify("check out", err)
}

func (m *Mirror) write(ctx context.Context, sha, dir string, progress func(string)) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	all := &tally{commit: sha, dir: dir, chain: []string{m.url}, progress: progress}
	if err := m.writeTree(ctx, sha, root, all); err != nil {
		return err
	}
	progress(all.said())
	return ctx.Err()
}

func (t *tally) said() string { return fmt.Sprintf("%d files, %s", t.files, size(t.bytes)) }

// writeTree writes a commit's tree with all that belongs to it.
func (m *Mirror) writeTree(ctx context.Context, sha string, root *os.Root, all *tally) error {
	defer m.reading()()
	s := m.storage()
	commit, err := object.GetCommit(wary{s}, plumbing.NewHash(sha))
	if err != nil {
		return fmt.Errorf("commit %s: %w", sha, err)
	}
	c := &checkout{ctx: ctx, m: m, s: s, blobs: m.blobs(s), root: root, tally: all}
	if err := c.tree(commit.TreeHash, "", 0); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	if err := c.whole(); err != nil {
		return fmt.Errorf("check out %s of %s: %w", sha[:min(8, len(sha))], m.shown, err)
	}
	return nil
}

// whole fetches what the tree only names. Links are followed only then: all that they may pass through exists.
func (c *checkout) whole() error {
	if len(c.odd) > 0 {
		return fmt.Errorf("%w: %d files begin as Git LFS pointers and are not (%s); commit them anew", ErrRefused, len(c.odd), several(c.odd))
	}
	if err := c.fetchModules(); err != nil {
		return err
	}
	if err := c.verifyLinks(); err != nil {
		return err
	}
	return c.fillPointers()
}

func (c *checkout) tree(h plumbing.Hash, at string, depth int) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("%w: folders are nested deeper than %d", ErrRefused, maxDepth)
	}
	tree, err := object.GetTree(wary{c.s}, h)
	if err != nil {
		return err
	}
	if c.tally.entries += len(tree.Entries); c.tally.entries > maxEntries {
		return fmt.Errorf("%w: it has more than %d files", ErrRefused, maxEntries)
	}
	for _, e := range tree.Entries {
		name := path.Join(at, e.Name)
		if !safeName(e.Name) {
			return fmt.Errorf("%w: %q is not a name that may be written", ErrRefused, name)
		}
		switch e.Mode {
		case filemode.Dir:
			if err := c.root.Mkdir(name, 0o755); err != nil {
				return err
			}
			if err := c.tree(e.Hash, name, depth+1); err != nil {
				return err
			}
		case filemode.Submodule:
			c.modules = append(c.modules, module{path: name, sha: e.Hash.String()})
		default:
			c.waiting = append(c.waiting, pending{name, e.Hash, e.Mode})
		}
	}
	if len(c.waiting) >= fileBatch {
		return c.flush()
	}
	return nil
}

// flush writes the files that wait.
func (c *checkout) flush() error {
	hashes := make([]plumbing.Hash, len(c.waiting))
	for i, p := range c.waiting {
		hashes[i] = p.hash
	}
	buf := make([]byte, catBuffer)
	err := c.blobs(c.ctx, hashes, func(i int, n int64, r io.Reader) error {
		p := c.waiting[i]
		switch p.mode {
		case filemode.Symlink:
			return c.link(p.name, r)
		case filemode.Executable:
			return c.file(p.name, n, r, 0o755, buf)
		}
		return c.file(p.name, n, r, 0o644, buf)
	})
	c.waiting = c.waiting[:0]
	return err
}

func (c *checkout) file(name string, n int64, r io.Reader, mode os.FileMode, buf []byte) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if n < lfs.MaxPointer {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		c.notePointer(name, text)
		r = strings.NewReader(string(text))
	}
	if err := c.tally.room(n); err != nil {
		return err
	}
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	got, err := io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{&endable{c.ctx, r}}, buf)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if got != n {
		return fmt.Errorf("write %s: %w", name, io.ErrUnexpectedEOF)
	}
	c.tally.files++
	c.tally.bytes += n
	if c.tally.files%500 == 0 {
		c.tally.progress(c.tally.said())
	}
	return nil
}

// endable is a reader that ends with its context.
type endable struct {
	ctx context.Context
	r   io.Reader
}

func (e *endable) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
}

// safeName reports whether a tree entry's name is one path element that may be written.
func safeName(n string) bool {
	return n != "" && n != "." && n != ".." && !strings.ContainsAny(n, "/\x00") && !strings.EqualFold(n, ".git")
}
