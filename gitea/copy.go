package gitea

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// A pack written by copyObjects holds about this much, which bounds the memory it takes.
const (
	packBytes   = 64 << 20
	packObjects = 20000
)

// copier collects what dst lacks. Files and trees are written before the commits that need them, children before
// parents, so that whatever dst holds is complete even when a copy breaks off.
type copier struct {
	ctx      context.Context
	src, dst *filesystem.Storage
	seen     map[plumbing.Hash]bool
	shallow  map[plumbing.Hash]bool
	commits  []plumbing.Hash // and tags
	content  []plumbing.Hash
	size     int64
}

// copyObjects copies the tips and everything they reach.
func copyObjects(ctx context.Context, src, dst *filesystem.Storage, tips []plumbing.Hash) error {
	c := &copier{ctx: ctx, src: src, dst: dst, seen: map[plumbing.Hash]bool{}, shallow: map[plumbing.Hash]bool{}}
	cut, err := src.Shallow()
	if err != nil {
		return err
	}
	for _, h := range cut {
		c.shallow[h] = true
	}
	todo := tips
	for len(todo) > 0 {
		h := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		more, err := c.history(h)
		if err != nil {
			return err
		}
		todo = append(todo, more...)
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.content = c.commits
	return c.flush()
}

// missing reports whether h must be copied, once.
func (c *copier) missing(h plumbing.Hash) bool {
	if c.seen[h] {
		return false
	}
	c.seen[h] = true
	return c.dst.HasEncodedObject(h) != nil
}

// history notes a commit or tag and returns what it names in turn.
func (c *copier) history(h plumbing.Hash) ([]plumbing.Hash, error) {
	if err := c.ctx.Err(); err != nil || !c.missing(h) {
		return nil, err
	}
	obj, err := c.src.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return nil, lacks(h, err)
	}
	switch obj.Type() {
	case plumbing.CommitObject:
		commit, err := object.DecodeCommit(c.src, obj)
		if err != nil {
			return nil, err
		}
		c.commits = append(c.commits, h)
		if err := c.tree(commit.TreeHash); err != nil || c.shallow[h] {
			return nil, err
		}
		return commit.ParentHashes, nil
	case plumbing.TagObject:
		tag, err := object.DecodeTag(c.src, obj)
		if err != nil {
			return nil, err
		}
		c.commits = append(c.commits, h)
		return []plumbing.Hash{tag.Target}, nil
	case plumbing.TreeObject:
		delete(c.seen, h)
		return nil, c.tree(h)
	}
	return nil, c.add(h)
}

func (c *copier) tree(h plumbing.Hash) error {
	if !c.missing(h) {
		return nil
	}
	tree, err := object.GetTree(c.src, h)
	if err != nil {
		return lacks(h, err)
	}
	for _, e := range tree.Entries {
		switch {
		case e.Mode == filemode.Submodule:
		case e.Mode == filemode.Dir:
			if err := c.tree(e.Hash); err != nil {
				return err
			}
		case c.missing(e.Hash):
			if err := c.add(e.Hash); err != nil {
				return err
			}
		}
	}
	return c.add(h)
}

func (c *copier) add(h plumbing.Hash) error {
	n, err := c.src.EncodedObjectSize(h)
	if errors.Is(err, plumbing.ErrObjectNotFound) { // it does not look into borrowed objects
		var obj plumbing.EncodedObject
		if obj, err = c.src.EncodedObject(plumbing.AnyObject, h); err == nil {
			n = obj.Size()
		}
	}
	if err != nil {
		return lacks(h, err)
	}
	c.content = append(c.content, h)
	c.size += n
	if c.size < packBytes && len(c.content) < packObjects {
		return nil
	}
	return c.flush()
}

// flush writes what was collected as one pack, which appears in dst whole or not at all.
func (c *copier) flush() error {
	if err := c.ctx.Err(); err != nil || len(c.content) == 0 {
		return err
	}
	w, err := c.dst.PackfileWriter()
	if err != nil {
		return err
	}
	_, err = packfile.NewEncoder(w, c.src, false).Encode(c.content, 0)
	c.content, c.size = nil, 0
	return errors.Join(err, w.Close())
}

func lacks(h plumbing.Hash, err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("object %s is missing there (a partial clone?); run `git fetch --refetch` in it: %w", h, err)
	}
	return err
}
