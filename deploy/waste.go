package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"aictl/store"
)

// The kinds of Waste.
const (
	WasteRelease     = "release"     // beyond the number to keep
	WasteFolder      = "left-over"   // a folder that nothing names: of a release, or of a deploy that was cut off
	WasteEnvironment = "environment" // no release uses it, or it is half removed
	WasteDeploys     = "deploys"     // rows and logs beyond the number to keep
)

// Waste is something of deploys that nobody needs any more. Paths are the files and folders that go with it.
type Waste struct {
	Kind    string
	Service string // "" when it is of none
	Name    string
	Paths   []string

	ids []int64 // of WasteDeploys
	dir string  // of WasteRelease and WasteFolder
}

// Unused lists what Discard may remove, without removing anything: releases beyond the number to keep with the environments that
// they alone use, folders that nothing names, and deploys of long ago with their logs.
func (d *Deployer) Unused(ctx context.Context) ([]Waste, error) {
	releases, err := d.unusedReleases(ctx)
	if err != nil {
		return nil, err
	}
	halves, err := d.cutOff(ctx)
	if err != nil {
		return nil, err
	}
	deploys, err := d.oldDeploys(ctx)
	return slices.Concat(releases, halves, deploys), err
}

// unusedReleases are releases, the folders of none, and environments.
func (d *Deployer) unusedReleases(ctx context.Context) ([]Waste, error) {
	d.files.Lock()
	defer d.files.Unlock()
	services, err := d.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	var out []Waste
	named, needed := map[string]bool{}, map[string]bool{}
	for _, svc := range services {
		all, err := d.Store.Releases(ctx, svc.Name, "", 0)
		if err != nil {
			return nil, err
		}
		held, err := d.heldReleases(ctx, svc.Name)
		if err != nil {
			return nil, err
		}
		drop := surplus(all, svc, d.keep())
		for _, rel := range all {
			dir := d.releaseDir(svc.Name, rel.ID)
			named[dir] = true
			if !drop[rel.ID] || d.inWork[dir] || held[rel.ID] {
				needed[rel.EnvKey] = true
				continue
			}
			w := Waste{Kind: WasteRelease, Service: svc.Name, Name: rel.ID, dir: dir}
			if isFolder(dir) {
				w.Paths = []string{dir}
			}
			out = append(out, w)
		}
	}
	for dir := range d.inWork {
		named[dir] = true
	}
	orphans, err := d.orphans(named)
	if err != nil {
		return nil, err
	}
	for _, dir := range orphans {
		out = append(out, Waste{Kind: WasteFolder, Name: d.below(dir), Paths: []string{dir}, dir: dir})
	}
	unused, err := d.Envs.Unused(ctx, needed)
	for _, key := range unused {
		out = append(out, Waste{Kind: WasteEnvironment, Name: key, Paths: []string{filepath.Join(d.Dirs.Envs, key)}})
	}
	return out, err
}

// heldReleases are those of a service that something runs from, or will: the store would not forget them.
func (d *Deployer) heldReleases(ctx context.Context, service string) (map[string]bool, error) {
	instances, err := d.Store.Instances(ctx, service, "")
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, i := range instances {
		held[i.Release] = true
	}
	canaries, err := d.Store.Canaries(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range canaries {
		held[c.Release] = held[c.Release] || c.Service == service
	}
	shadows, err := d.Store.Shadows(ctx)
	for _, s := range shadows {
		held[s.Release] = held[s.Release] || s.Service == service
	}
	return held, err
}

// below is a folder's path below that of all releases.
func (d *Deployer) below(dir string) string {
	return strings.TrimPrefix(strings.TrimPrefix(dir, d.Dirs.Releases), string(filepath.Separator))
}

// cutOff are the checkouts of deploys that have ended without placing them.
func (d *Deployer) cutOff(ctx context.Context) ([]Waste, error) {
	entries, err := os.ReadDir(d.incoming(""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list checkouts: %w", err)
	}
	var out []Waste
	for _, e := range entries {
		dir := d.incoming(e.Name())
		w := Waste{Kind: WasteFolder, Name: d.below(dir), Paths: []string{dir}, dir: dir}
		busy, err := d.underWay(ctx, e.Name())
		if err != nil {
			return nil, err
		}
		if !busy {
			out = append(out, w)
		}
	}
	return out, nil
}

// underWay reports whether the deploy of this number may still write.
func (d *Deployer) underWay(ctx context.Context, name string) (bool, error) {
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return true, nil // not made by a deploy: whoever made it knows
	}
	row, err := d.Store.Deploy(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err != nil || !row.State.Ended(), err
}

// oldDeploys are deploys beyond the number to keep, a Waste for each service.
func (d *Deployer) oldDeploys(ctx context.Context) ([]Waste, error) {
	old, err := d.Store.OldDeploys(ctx, d.history())
	if err != nil {
		return nil, err
	}
	var out []Waste
	for service, ids := range old {
		w := Waste{Kind: WasteDeploys, Service: service, ids: ids, Name: fmt.Sprintf("#%d", ids[0])}
		if n := len(ids); n > 1 {
			w.Name = fmt.Sprintf("%d deploys, #%d to #%d", n, ids[0], ids[n-1])
		}
		for _, id := range ids {
			for _, path := range d.logsOf(id) {
				if _, err := os.Lstat(path); err == nil {
					w.Paths = append(w.Paths, path)
				}
			}
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b Waste) int { return strings.Compare(a.Service, b.Service) })
	return out, nil
}

// logsOf are the files that are kept with a deploy: its log and the report of its verification.
func (d *Deployer) logsOf(id int64) []string {
	log := logPath(d.Dirs.Logs, id)
	return []string{log, strings.TrimSuffix(log, ".log") + ".verify.json"}
}

// Discard removes something that Unused has listed. It looks again first, and reports false when it is needed meanwhile.
func (d *Deployer) Discard(ctx context.Context, w Waste) (bool, error) {
	switch w.Kind {
	case WasteRelease:
		return d.discardRelease(ctx, w)
	case WasteFolder:
		return d.discardFolder(ctx, w)
	case WasteEnvironment:
		keys, err := d.Store.EnvKeys(ctx)
		if err != nil || keys[w.Name] > 0 {
			return false, err
		}
		return d.Envs.Discard(w.Name)
	case WasteDeploys:
		return true, d.discardDeploys(ctx, w)
	}
	return false, fmt.Errorf("%s %s: that is nothing a deploy leaves behind", w.Kind, w.Name)
}

func (d *Deployer) discardRelease(ctx context.Context, w Waste) (bool, error) {
	d.files.Lock()
	defer d.files.Unlock()
	if d.inWork[w.dir] {
		return false, nil
	}
	err := d.Store.DeleteRelease(ctx, w.Service, w.Name)
	if errors.Is(err, store.ErrConflict) { // it runs, or became live again
		return false, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	return true, os.RemoveAll(w.dir)
}

func (d *Deployer) discardFolder(ctx context.Context, w Waste) (bool, error) {
	d.files.Lock()
	defer d.files.Unlock()
	within := filepath.Dir(w.dir)
	switch {
	case d.inWork[w.dir]:
		return false, nil
	case within == d.incoming(""):
		if busy, err := d.underWay(ctx, filepath.Base(w.dir)); busy || err != nil {
			return false, err
		}
	case within == d.Dirs.Releases: // of a service without releases
		if inside, err := subdirs(w.dir); len(inside) > 0 || err != nil {
			return false, err
		}
	default:
		_, err := d.Store.Release(ctx, filepath.Base(within), filepath.Base(w.dir))
		if !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	return true, os.RemoveAll(w.dir)
}

// discardDeploys forgets rows before files: a file without a row is found again, a row without its file would show nothing.
func (d *Deployer) discardDeploys(ctx context.Context, w Waste) error {
	if err := d.Store.DeleteDeploys(ctx, w.ids...); err != nil {
		return err
	}
	var errs []error
	for _, id := range w.ids {
		for _, path := range d.logsOf(id) {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// isFolder reports whether there is a folder, not a link to one.
func isFolder(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
