package gitea

import (
	"bytes"
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
)

// lfsPointer begins every file that Git LFS keeps elsewhere; pointers are never larger than lfsMax bytes.
const (
	lfsPointer = "version https://git-lfs.github.com/spec/"
	lfsMax     = 1024
)

// A tree deeper than this is taken for a malicious one.
const maxDepth = 256

// checkout writes one tree.
type checkout struct {
	ctx      context.Context
	s        *filesystem.Storage
	root     *os.Root
	progress func(string)
	files    int
	bytes    int64
	links    []string
	pointers []string
	modules  []string
}

// Checkout writes the exact tree of a commit into dir, which must not exist: modes and symbolic links are kept, there
// is no .git. The tree is written beside dir and renamed, so dir is whole or missing. Submodules, LFS pointers and
// links that leave the tree are refused with their names. progress may be nil.
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

// onDisk says where the disk is full; other errors pass.
func (m *Mirror) onDisk(dir string, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrNoSpace):
		return err
	case IsNoSpace(err):
		return fmt.Errorf("check out %s: %w on %s; free some or move the data directory", m.shown, ErrNoSpace, filepath.Dir(dir))
	}
	return m.classify("check out", err)
}

func (m *Mirror) write(ctx context.Context, sha, dir string, progress func(string)) error {
	s := m.storage()
	commit, err := object.GetCommit(s, plumbing.NewHash(sha))
	if err != nil {
		return fmt.Errorf("commit %s: %w", sha, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	c := &checkout{ctx: ctx, s: s, root: root, progress: progress}
	if err := c.tree(commit.TreeHash, "", 0); err != nil {
		return err
	}
	if err := c.verify(); err != nil {
		return fmt.Errorf("check out %s of %s: %w", sha[:min(8, len(sha))], m.shown, err)
	}
	progress(fmt.Sprintf("%d files, %s", c.files, size(c.bytes)))
	return ctx.Err()
}

func (c *checkout) tree(h plumbing.Hash, at string, depth int) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("%w: folders are nested deeper than %d", ErrRefused, maxDepth)
	}
	tree, err := object.GetTree(c.s, h)
	if err != nil {
		return err
	}
	for _, e := range tree.Entries {
		if !safeName(e.Name) {
			return fmt.Errorf("%w: %q is not a name that may be written", ErrRefused, path.Join(at, e.Name))
		}
		if err := c.entry(e, path.Join(at, e.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (c *checkout) entry(e object.TreeEntry, name string, depth int) error {
	switch e.Mode {
	case filemode.Dir:
		if err := c.root.Mkdir(name, 0o755); err != nil {
			return err
		}
		return c.tree(e.Hash, name, depth+1)
	case filemode.Submodule:
		c.modules = append(c.modules, name)
		return nil
	case filemode.Symlink:
		return c.link(e.Hash, name)
	case filemode.Executable:
		return c.file(e.Hash, name, 0o755)
	}
	return c.file(e.Hash, name, 0o644)
}

func (c *checkout) file(h plumbing.Hash, name string, mode os.FileMode) error {
	blob, err := object.GetBlob(c.s, h)
	if err != nil {
		return err
	}
	r, err := blob.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	head := new(bytes.Buffer)
	src := io.Reader(&endable{c.ctx, r})
	if blob.Size <= lfsMax {
		src = io.TeeReader(src, head)
	}
	n, err := io.Copy(f, src)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if strings.HasPrefix(head.String(), lfsPointer) {
		c.pointers = append(c.pointers, name)
	}
	c.files++
	c.bytes += n
	if c.files%500 == 0 {
		c.progress(fmt.Sprintf("%d files, %s", c.files, size(c.bytes)))
	}
	return nil
}

func (c *checkout) link(h plumbing.Hash, name string) error {
	blob, err := object.GetBlob(c.s, h)
	if err != nil {
		return err
	}
	r, err := blob.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	target, err := io.ReadAll(io.LimitReader(r, 4097))
	if err != nil {
		return err
	}
	if path.IsAbs(string(target)) || len(target) > 4096 || len(target) == 0 {
		return fmt.Errorf("%w: the link %s leaves the repository (%.100s)", ErrRefused, name, target)
	}
	c.links = append(c.links, name)
	c.files++
	return c.root.Symlink(string(target), name)
}

// verify refuses what cannot run. Links are followed only now that everything they may pass through exists.
func (c *checkout) verify() error {
	for _, name := range c.links {
		_, err := c.root.Stat(name)
		if err == nil || errors.Is(err, fs.ErrNotExist) && c.leadsInside(name) {
			continue
		}
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		return fmt.Errorf("%w: the link %s leaves the repository or leads nowhere", ErrRefused, name)
	}
	if len(c.modules) > 0 {
		return fmt.Errorf("%w: it has submodules (%s), which are not fetched; copy the files into the repository or install them as packages",
			ErrRefused, several(c.modules))
	}
	if len(c.pointers) > 0 {
		return fmt.Errorf("%w: %d files are Git LFS pointers without their content (%s); LFS is not fetched yet, so commit the files themselves or load them at start",
			ErrRefused, len(c.pointers), several(c.pointers))
	}
	return nil
}

// leadsInside reports whether a link stays within the tree by its text: what is missing on its way may come to exist.
func (c *checkout) leadsInside(name string) bool {
	target, err := c.root.Readlink(name)
	return err == nil && filepath.IsLocal(path.Join(path.Dir(name), target))
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

// several lists a few names.
func several(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + fmt.Sprintf(" and %d more", len(names)-5)
	}
	return strings.Join(names, ", ")
}

// size is a number of bytes for people.
func size(n int64) string {
	const kib = 1024
	switch {
	case n < kib:
		return fmt.Sprintf("%d B", n)
	case n < kib*kib:
		return fmt.Sprintf("%.1f KiB", float64(n)/kib)
	case n < kib*kib*kib:
		return fmt.Sprintf("%.1f MiB", float64(n)/kib/kib)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/kib/kib/kib)
}
