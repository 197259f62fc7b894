package envs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Collect removes the environments that neither keep nor a running deploy holds, and returns their keys.
// Hidden folders (caches of the tools) stay.
func (b *Builder) Collect(ctx context.Context, keep map[string]bool) ([]string, error) {
	unused, err := b.Unused(ctx, keep)
	var gone []string
	for _, name := range unused {
		if err != nil || ctx.Err() != nil {
			break
		}
		var removed bool
		if removed, err = b.Discard(name); removed && err == nil && !strings.HasPrefix(name, trashPrefix) {
			gone = append(gone, name)
		}
	}
	return gone, errors.Join(err, ctx.Err())
}

// Unused lists the folders that can go by their names: environments that neither keep nor a deploy under way holds,
// and what an interrupted removal left (hidden, ".removed-…").
func (b *Builder) Unused(ctx context.Context, keep map[string]bool) ([]string, error) {
	entries, err := os.ReadDir(b.cfg.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() && (strings.HasPrefix(name, trashPrefix) || !strings.HasPrefix(name, ".") && !keep[name] && b.pins[name] == 0) {
			out = append(out, name)
		}
	}
	return out, ctx.Err()
}

// trashPrefix is how the folders of environments that are being removed begin.
const trashPrefix = ".removed-"

// Discard removes one folder that Unused has listed, and reports false when a deploy has come to need it. Whether a release does is the
// caller's to know.
func (b *Builder) Discard(name string) (bool, error) {
	if strings.HasPrefix(name, trashPrefix) && name == filepath.Base(name) {
		return true, os.RemoveAll(filepath.Join(b.cfg.Root, name))
	}
	if name == "" || strings.HasPrefix(name, ".") || name != filepath.Base(name) {
		return false, fmt.Errorf("remove environment %q: that is no name of one", name)
	}
	removed, err := b.collect(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return removed, err
}
