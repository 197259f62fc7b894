package hosting

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// When repositories are looked after, and what is then done.
const (
	keepEvery = time.Hour
	quiet     = 10 * time.Minute // since the last push: nothing that is read just now is packed anew
	manyPacks = 50
	leftover  = time.Minute    // no program that still works leaves its files alone for as long
	abandoned = 24 * time.Hour // an upload that broke off
)

// Run looks after the repositories until ctx ends: what programs that were killed left behind is taken away, and many small
// packs become one.
func (h *Host) Run(ctx context.Context) error {
	if err := os.MkdirAll(h.cfg.Root, 0o700); err != nil {
		return err
	}
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		h.keep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *Host) keep(ctx context.Context) {
	now := h.cfg.Now()
	for _, pattern := range []string{".new-*", ".gone-*"} {
		h.sweep(now, abandoned, filepath.Join(h.cfg.Root, pattern))
	}
	names, err := h.names()
	if err != nil {
		h.log.Warn("repositories not looked after", "err", err)
		return
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		dir := filepath.Join(h.cfg.Root, name+".git")
		h.Sweep(dir)
		if err := h.repack(ctx, dir, now); err != nil && ctx.Err() == nil {
			h.log.Warn("repository not packed", "repository", name, "err", err)
		}
	}
}

// Sweep removes what a program that was killed left in a repository: locks that would keep others from writing, and packs
// and objects that never became part of it.
func (h *Host) Sweep(dir string) {
	now := h.cfg.Now()
	h.sweep(now, leftover, filepath.Join(dir, "*.lock"))
	h.sweep(now, abandoned, filepath.Join(dir, "objects", "tmp_objdir-*"), filepath.Join(dir, "objects", "incoming-*"),
		filepath.Join(dir, "objects", "pack", "tmp_*"), filepath.Join(dir, "lfs", "tmp", "*"))
	err := filepath.WalkDir(filepath.Join(dir, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".lock") {
			h.sweep(now, leftover, path)
		}
		return nil
	})
	if err != nil {
		h.log.Debug("refs not swept", "repository", dir, "err", err)
	}
}

func (h *Host) sweep(now time.Time, age time.Duration, patterns ...string) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a bad pattern, and these are good
		}
		for _, path := range found {
			info, err := os.Lstat(path)
			if err != nil || now.Sub(info.ModTime()) < age {
				continue
			}
			if err := os.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				h.log.Warn("left-over not removed", "path", path, "err", err)
				continue
			}
			h.log.Info("left-over removed", "path", path)
		}
	}
}

// repack makes one pack of many when nothing has been pushed for a while. Objects that nothing leads to are kept for two
// weeks, as git does: a deploy may still want the commit that a force push left behind.
func (h *Host) repack(ctx context.Context, dir string, now time.Time) error {
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) <= manyPacks {
		return err
	}
	for _, p := range packs {
		if info, err := os.Stat(p); err == nil && now.Sub(info.ModTime()) < quiet {
			return nil
		}
	}
	_, err = h.run(ctx, dir, "gc", "--quiet")
	return err
}
