package gitea

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
)

// maxLink bounds the target of a symbolic link, in bytes.
const maxLink = 4096

func (c *checkout) link(name string, r io.Reader) error {
	target, err := io.ReadAll(io.LimitReader(r, maxLink+1))
	if err != nil {
		return err
	}
	if path.IsAbs(string(target)) || len(target) > maxLink || len(target) == 0 {
		return fmt.Errorf("%w: the link %s leaves the repository (%.100s)", ErrRefused, name, target)
	}
	c.links = append(c.links, name)
	c.tally.files++
	return c.root.Symlink(string(target), name)
}

func (c *checkout) verifyLinks() error {
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
	return nil
}

// leadsInside reports whether a link stays within the tree by its text: what is missing on its way may come to exist.
func (c *checkout) leadsInside(name string) bool {
	target, err := c.root.Readlink(name)
	return err == nil && filepath.IsLocal(path.Join(path.Dir(name), target))
}
