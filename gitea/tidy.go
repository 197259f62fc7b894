package gitea

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// From so many packs or loose objects on a mirror is packed anew: every fetch adds a pack, and reading looks through all.
const (
	tidyPacks = 20
	tidyLoose = 5000
)

// usedFile has the time at which a mirror was last opened.
const usedFile = "aictl-used"

// used notes that the mirror is in use. A mirror that cannot note it is collected too early and fetched again.
func (m *Mirror) used() {
	file, now := filepath.Join(m.dir, usedFile), time.Now()
	err := os.Chtimes(file, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(file, nil, 0o600)
	}
	if err != nil {
		m.log.Warn("use of a mirror not noted", "repository", m.shown, "err", err)
	}
}

// Tidied is a mirror that was packed anew or removed.
type Tidied struct {
	Dir    string
	Before int64 // bytes that it took
	After  int64 // 0 for one that was removed
}

// Tidy packs mirrors anew that many fetches have left in many pieces. Nothing is lost by it: commits that a force push took
// from every branch stay, because a release may come from them. It needs the git program and does nothing without.
func (ms *Mirrors) Tidy(ctx context.Context) (done []Tidied, err error) {
	err = ms.each(func(m *Mirror) error {
		if m.git == nil {
			return nil
		}
		t, err := m.tidy(ctx)
		if t != nil {
			done = append(done, *t)
		}
		return err
	})
	return done, err
}

// Unused lists the mirrors that were not opened since before; Collect would remove them.
func (ms *Mirrors) Unused(ctx context.Context, before time.Time) (list []Tidied, err error) {
	err = ms.each(func(m *Mirror) error {
		if m.lastUsed().Before(before) {
			n, err := diskUse(ctx, m.dir)
			list = append(list, Tidied{Dir: m.dir, Before: n})
			return err
		}
		return ctx.Err()
	})
	return list, err
}

// Collect removes the mirrors that were not opened since before. When one is needed again it is fetched again, so before
// should be weeks ago.
func (ms *Mirrors) Collect(ctx context.Context, before time.Time) (gone []Tidied, err error) {
	err = ms.each(func(m *Mirror) error {
		n, err := diskUse(ctx, m.dir)
		if err != nil {
			return err
		}
		ms.mu.Lock() // nobody opens it meanwhile
		defer ms.mu.Unlock()
		if !m.lastUsed().Before(before) || !m.readers.TryLock() {
			return nil
		}
		defer m.readers.Unlock()
		select {
		case m.turn <- struct{}{}:
			defer m.unlock()
		default:
			return nil
		}
		if err := os.RemoveAll(m.dir); err != nil {
			return err
		}
		delete(ms.open, m.dir)
		gone = append(gone, Tidied{Dir: m.dir, Before: n})
		return nil
	})
	return gone, err
}

func (m *Mirror) lastUsed() time.Time {
	info, err := os.Stat(filepath.Join(m.dir, usedFile))
	if err != nil {
		info, err = os.Stat(m.dir) // from before uses were noted
	}
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}

// each shows all mirrors on the disk. A fault of one does not keep the others from being seen.
func (ms *Mirrors) each(do func(*Mirror) error) error {
	dirs, err := filepath.Glob(filepath.Join(ms.dir, "*.git"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue
		}
		if err := do(ms.at(dir)); err != nil {
			errs = append(errs, fmt.Errorf("mirror %s: %w", filepath.Base(dir), err))
		}
	}
	return errors.Join(errs...)
}

// at is the mirror in a folder, whatever it mirrors.
func (ms *Mirrors) at(dir string) *Mirror {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if m, ok := ms.open[dir]; ok {
		return m
	}
	m := &Mirror{dir: dir, shown: dir, git: ms.program(), all: ms, log: ms.log, folder: newFolder()}
	m.sweep()
	ms.open[dir] = m
	return m
}

func diskUse(ctx context.Context, dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil || !e.Type().IsRegular() {
			return err
		}
		if info, err := e.Info(); err == nil { // else it is gone
			n += info.Size()
		}
		return nil
	})
	return n, err
}

// pieces counts a mirror's packs and loose objects.
func (m *Mirror) pieces() (packs []string, loose int, err error) {
	if packs, err = filepath.Glob(filepath.Join(m.dir, "objects", "pack", "pack-*.pack")); err != nil {
		return nil, 0, err
	}
	for i := range 256 {
		entries, err := os.ReadDir(filepath.Join(m.dir, "objects", fmt.Sprintf("%02x", i)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
		loose += len(entries)
	}
	return packs, loose, nil
}

var packName = regexp.MustCompile(`^[0-9a-f]{40}$`)

// tidy makes one pack of all, and removes the others when nobody reads. Writers wait for it; readers do not.
func (m *Mirror) tidy(ctx context.Context) (*Tidied, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.unlock()
	packs, loose, err := m.pieces()
	if err != nil || len(packs) < tidyPacks && loose < tidyLoose {
		return nil, err
	}
	before, err := diskUse(ctx, m.dir)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = m.git.run(ctx, call{dir: m.dir, out: &out, args: []string{"pack-objects", "--quiet", "--all", "--keep-unreachable", "--pack-loose-unreachable",
		"--non-empty", "--delta-base-offset", filepath.Join(m.dir, "objects", "pack", "pack")}})
	if err != nil {
		m.sweep()
		return nil, m.classify("pack", err)
	}
	name := strings.TrimSpace(out.String())
	if !packName.MatchString(name) {
		return nil, fmt.Errorf("pack %s: git answered %.100q", m.shown, name)
	}
	packs = slices.DeleteFunc(packs, func(p string) bool { return filepath.Base(p) == "pack-"+name+".pack" })
	removed, err := m.replace(ctx, packs)
	if err != nil || !removed {
		return nil, err
	}
	after, err := diskUse(ctx, m.dir)
	return &Tidied{Dir: m.dir, Before: before, After: after}, err
}

// replace removes packs whose content another has. While somebody reads they stay, until the next time.
func (m *Mirror) replace(ctx context.Context, packs []string) (bool, error) {
	for try := 0; !m.readers.TryLock(); try++ {
		if try == 20 {
			m.log.Info("old packs stay while they are read", "repository", m.shown)
			return false, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	defer m.readers.Unlock()
	for _, pack := range packs {
		// The pack first: git and go-git overlook what has an index and no pack, or no index and no pack.
		for _, end := range []string{".pack", ".idx", ".rev", ".bitmap", ".mtimes"} {
			err := os.Remove(strings.TrimSuffix(pack, ".pack") + end)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
		}
	}
	if err := m.git.run(ctx, call{dir: m.dir, args: []string{"prune-packed", "--quiet"}}); err != nil {
		return false, m.classify("pack", err)
	}
	return true, m.classify("pack", m.git.run(ctx, call{dir: m.dir, args: []string{"pack-refs", "--all", "--prune"}}))
}
