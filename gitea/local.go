package gitea

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// localPath returns the path behind a file:// URL or a path, "" for anything that needs a network.
func localPath(raw string) string {
	if rest, ok := strings.CutPrefix(raw, "file://"); ok {
		if p, err := url.PathUnescape(rest); err == nil {
			return filepath.Clean(p)
		}
		return filepath.Clean(rest)
	}
	if ep, err := transport.NewEndpoint(raw); err == nil && ep.Protocol == "file" {
		return filepath.Clean(raw)
	}
	return ""
}

// IsRepository reports whether dir is the root of a Git repository: a work tree, a linked one, or a bare one.
func IsRepository(dir string) bool {
	_, err := gitDir(dir)
	return err == nil
}

// gitDir finds the folder with the repository's HEAD.
func gitDir(dir string) (string, error) {
	dot := filepath.Join(dir, ".git")
	info, err := os.Stat(dot)
	switch {
	case err == nil && info.IsDir():
		dir = dot
	case err == nil: // a linked work tree or a submodule: "gitdir: PATH"
		text, err := os.ReadFile(dot)
		if err != nil {
			return "", err
		}
		target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
		if !ok {
			return "", git.ErrRepositoryNotExists
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		dir = target
	}
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			if _, err := os.Stat(filepath.Join(dir, "commondir")); err == nil {
				continue
			}
			return "", git.ErrRepositoryNotExists
		}
	}
	return dir, nil
}

// openLocal opens a repository on this machine without the git program; objects borrowed from others are found.
func openLocal(dir string) (*filesystem.Storage, error) {
	dot, err := gitDir(dir)
	if err != nil {
		return nil, err
	}
	common, err := commonDir(dot)
	if err != nil {
		return nil, err
	}
	var files billy.Filesystem = osfs.New(dot)
	if common != "" {
		files = dotgit.NewRepositoryFilesystem(files, osfs.New(common))
	}
	return filesystem.NewStorageWithOptions(files, cache.NewObjectLRU(32*cache.MiByte),
		filesystem.Options{LargeObjectThreshold: bigObject, AlternatesFS: osfs.New("/")}), nil
}

// commonDir is where a linked work tree's repository has what all its work trees share, "" for any other.
func commonDir(dot string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dot, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	common := strings.TrimSpace(string(text))
	if !filepath.IsAbs(common) {
		common = filepath.Join(dot, common)
	}
	return common, nil
}

// checkLocal tells early what is wrong with a local source.
func (m *Mirror) checkLocal() error {
	info, err := os.Stat(m.local)
	if err != nil {
		return fmt.Errorf("open %s: %w: %v; %s", m.shown, ErrNotRepository, errors.Unwrap(err), m.notFoundAdvice())
	}
	if !info.IsDir() || !IsRepository(m.local) {
		return m.classify("open", git.ErrRepositoryNotExists)
	}
	return nil
}

// fetchLocal copies what the mirror lacks from a repository on this machine.
func (m *Mirror) fetchLocal(ctx context.Context, ref string) error {
	src, err := openLocal(m.local)
	if err != nil {
		return err
	}
	dst := m.storage()
	refs, err := refsOf(src)
	if err != nil {
		return err
	}
	delete(refs, defaultRef)
	if head, err := storer.ResolveReference(src, plumbing.HEAD); err == nil {
		refs[defaultRef] = head.Hash()
	} else if len(refs) == 0 {
		return transport.ErrEmptyRemoteRepository
	}
	tips := make([]plumbing.Hash, 0, len(refs)+1)
	for _, h := range refs {
		tips = append(tips, h)
	}
	if h := plumbing.NewHash(ref); plumbing.IsHash(ref) && holds(src, h) {
		tips = append(tips, h)
	}
	if err := m.copyLocal(ctx, src, dst, tips); err != nil {
		return err
	}
	dst = m.storage() // with the packs that came
	if err := m.noteShallow(src, dst); err != nil {
		return err
	}
	return setRefs(dst, refs)
}

// noteShallow notes in the mirror where a history is cut off: the git program would take it for a damaged one.
func (m *Mirror) noteShallow(src, dst *filesystem.Storage) error {
	cut, err := src.Shallow()
	if err != nil || len(cut) == 0 {
		return err
	}
	known, err := dst.Shallow()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, h := range known {
		fmt.Fprintln(&text, h)
	}
	before := text.Len()
	for _, h := range cut {
		if !slices.Contains(known, h) && dst.HasEncodedObject(h) == nil {
			fmt.Fprintln(&text, h)
		}
	}
	if text.Len() == before {
		return nil
	}
	file := filepath.Join(m.dir, "shallow")
	if err := os.WriteFile(file+".lock", []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".lock", file)
}

// holds reports whether a repository has an object. What it borrows from others' packs is found by reading it only.
func holds(s *filesystem.Storage, h plumbing.Hash) bool {
	if s.HasEncodedObject(h) == nil {
		return true
	}
	_, err := s.EncodedObject(plumbing.AnyObject, h)
	return err == nil
}

// setRefs makes the mirror's branches, tags and default be refs, no more and no less.
func setRefs(dst *filesystem.Storage, refs map[plumbing.ReferenceName]plumbing.Hash) error {
	old, err := refsOf(dst)
	if err != nil {
		return err
	}
	for name := range old {
		if _, ok := refs[name]; !ok {
			if err := dst.RemoveReference(name); err != nil {
				return err
			}
		}
	}
	for name, h := range refs {
		if old[name] == h {
			continue
		}
		if err := dst.SetReference(plumbing.NewHashReference(name, h)); err != nil {
			return err
		}
	}
	return nil
}

// uncommitted names the files of a work tree that its HEAD does not hold as they are.
func uncommitted(ctx context.Context, dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		return nil, nil // bare
	}
	st, err := openLocal(dir)
	if err != nil {
		return nil, err
	}
	repo, err := git.Open(st, osfs.New(dir))
	if err != nil {
		return nil, err
	}
	tree, err := repo.Worktree()
	if err != nil {
		return nil, err
	}
	status, err := tree.Status()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	var out []string
	for name, s := range status {
		if s.Worktree != git.Unmodified || s.Staging != git.Unmodified {
			out = append(out, name)
		}
	}
	return out, nil
}
