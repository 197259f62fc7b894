package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aictl/store"
)

// Clean removes releases beyond the number to keep, folders that no release names, and environments that no release
// uses. The live and the previous release always stay. It touches nothing outside the folders of Dirs. It returns
// what it removed: folders of releases by their paths, environments by their keys.
func (d *Deployer) Clean(ctx context.Context) ([]string, error) {
	unused, err := d.unusedReleases(ctx)
	if err != nil {
		return nil, err
	}
	var gone []string
	var errs []error
	for _, w := range unused {
		removed, err := d.Discard(ctx, w)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("remove %s %s: %w", w.Kind, w.Name, err))
		case removed && w.Kind == WasteEnvironment:
			gone = append(gone, w.Name)
		case removed:
			gone = append(gone, w.Paths...)
		}
	}
	return gone, errors.Join(errs...)
}

// surplus chooses the releases to drop: of those newest first, what comes after keep. The live and the previous one
// are never chosen and count.
func surplus(all []store.Release, svc store.Service, keep int) map[string]bool {
	drop := map[string]bool{}
	for _, rel := range all {
		if rel.ID == svc.Release || rel.ID == svc.Previous {
			keep--
		}
	}
	for _, rel := range all {
		if rel.ID == svc.Release || rel.ID == svc.Previous {
			continue
		}
		if keep--; keep < 0 {
			drop[rel.ID] = true
		}
	}
	return drop
}

// releaseDir is where a release lies. It is made of names, not read from the release's row: after a move of the data
// directory the row names the old place.
func (d *Deployer) releaseDir(service, id string) string {
	return filepath.Join(d.Dirs.Releases, service, id)
}

// hold keeps a release folder from being cleaned up until letGo.
func (d *Deployer) hold(dir string) {
	d.files.Lock()
	defer d.files.Unlock()
	d.inWork[dir] = true
}

// letGo ends hold; "" does nothing.
func (d *Deployer) letGo(dir string) {
	d.files.Lock()
	defer d.files.Unlock()
	delete(d.inWork, dir)
}

// orphans are the release folders that no stored release names. Hidden folders are at work.
func (d *Deployer) orphans(known map[string]bool) ([]string, error) {
	dirs, err := subdirs(d.Dirs.Releases)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, service := range dirs {
		releases, err := subdirs(service)
		if err != nil {
			return out, err
		}
		for _, dir := range releases {
			if !known[dir] {
				out = append(out, dir)
			}
		}
		if len(releases) == 0 {
			out = append(out, service)
		}
	}
	return out, nil
}

// subdirs are the visible folders in dir; a missing one has none. Links are not followed.
func subdirs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}
