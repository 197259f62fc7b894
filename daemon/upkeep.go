package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"aictl/deploy"
	"aictl/disk"
	"aictl/store"
)

// What the clean-up does by itself, and what it leaves for how long.
const (
	firstUpkeep = 10 * time.Minute // after the start: not while services come up
	upkeepEvery = 24 * time.Hour
	mirrorAge   = 30 * 24 * time.Hour // a mirror that nothing was deployed from for so long is fetched again when it is needed
	objectAge   = time.Hour           // LFS objects of a deploy under way are younger
	planTime    = 20 * time.Second    // for saying what a clean-up would free
)

// upkeep is the disk below the data directory.
type upkeep struct {
	d      *Daemon
	pruner *disk.Pruner
}

func (d *Daemon) newUpkeep() *upkeep {
	u := &upkeep{d: d}
	u.pruner = disk.NewPruner(d.dir.Root, u.ofDeploys, u.ofObjects, u.ofMirrors)
	return u
}

// Plan implements api.Upkeep.
func (u *upkeep) Plan(ctx context.Context) (disk.Plan, error) { return u.pruner.Plan(ctx) }

// Prune implements api.Upkeep.
func (u *upkeep) Prune(ctx context.Context) (disk.Plan, error) {
	done, err := u.pruner.Run(ctx)
	for _, item := range done.Items {
		if item.Kept != "" {
			u.d.log.Warn("not cleaned up", "kind", item.Kind, "service", item.Service, "name", item.Name, "reason", item.Kept)
		}
	}
	if done.Bytes > 0 {
		u.d.log.Info("cleaned up", "items", len(done.Items), "bytes", done.Bytes)
	}
	return done, err
}

// ofDeploys are releases, environments, left-over folders and deploys of long ago.
func (u *upkeep) ofDeploys(ctx context.Context) ([]disk.Find, error) {
	unused, err := u.d.deployer.Unused(ctx)
	out := make([]disk.Find, 0, len(unused))
	for _, w := range unused {
		out = append(out, disk.Find{
			Kind: w.Kind, Service: w.Service, Name: w.Name, Paths: w.Paths,
			Remove: func(ctx context.Context) (bool, error) { return u.d.deployer.Discard(ctx, w) },
		})
	}
	return out, err
}

// ofObjects are the LFS objects that no release has which is to stay.
func (u *upkeep) ofObjects(ctx context.Context) ([]disk.Find, error) {
	unused, err := u.d.deployer.Unused(ctx)
	if err != nil {
		return nil, err
	}
	going := map[string]bool{}
	for _, w := range unused {
		if w.Kind == deploy.WasteRelease {
			going[w.Service+"/"+w.Name] = true
		}
	}
	keep, err := u.commits(ctx, going)
	if err != nil {
		return nil, err
	}
	objects, err := u.d.lfs.Unused(ctx, keep, time.Now().Add(-objectAge))
	if err != nil || len(objects) == 0 {
		return nil, err
	}
	f := disk.Find{Kind: "lfs", Name: fmt.Sprintf("%d files of objects that no release has", len(objects))}
	for _, o := range objects {
		f.Paths = append(f.Paths, o.Path)
	}
	f.Remove = func(ctx context.Context) (bool, error) {
		keep, err := u.commits(ctx, nil)
		if err != nil {
			return false, err
		}
		gone, err := u.d.lfs.Collect(ctx, keep, time.Now().Add(-objectAge))
		return len(gone) > 0, err
	}
	return []disk.Find{f}, nil
}

// commits are those of the releases that are there, but for some, and of the deploys under way.
func (u *upkeep) commits(ctx context.Context, but map[string]bool) (map[string]bool, error) {
	keep := map[string]bool{}
	services, err := u.d.store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	for _, svc := range services {
		all, err := u.d.store.Releases(ctx, svc.Name, "", 0)
		if err != nil {
			return nil, err
		}
		for _, rel := range all {
			if !but[svc.Name+"/"+rel.ID] {
				keep[rel.Commit] = true
			}
		}
	}
	open, err := u.d.store.Deploys(ctx, store.DeployFilter{States: []store.DeployState{store.DeployQueued, store.DeployRunning}})
	for _, row := range open {
		keep[row.Commit] = true
	}
	return keep, err
}

// ofMirrors are the mirrors that nothing was deployed from for long.
func (u *upkeep) ofMirrors(ctx context.Context) ([]disk.Find, error) {
	unused, err := u.d.mirrors.Unused(ctx, time.Now().Add(-mirrorAge))
	collect := sync.OnceValues(func() ([]string, error) {
		gone, err := u.d.mirrors.Collect(ctx, time.Now().Add(-mirrorAge))
		dirs := make([]string, len(gone))
		for i, m := range gone {
			dirs[i] = m.Dir
		}
		return dirs, err
	})
	var out []disk.Find
	for _, m := range unused {
		out = append(out, disk.Find{Kind: "mirror", Name: filepath.Base(m.Dir), Paths: []string{m.Dir}, Remove: func(context.Context) (bool, error) {
			gone, err := collect()
			if slices.Contains(gone, m.Dir) {
				return true, nil
			}
			return false, err
		}})
	}
	return out, err
}

// Usage implements api.Upkeep.
func (u *upkeep) Usage(ctx context.Context) (disk.Usage, error) {
	services, err := u.d.store.Services(ctx, "", 0)
	if err != nil {
		return disk.Usage{}, err
	}
	uses := make([]disk.Uses, 0, len(services))
	for _, svc := range services {
		all, err := u.d.store.Releases(ctx, svc.Name, "", 0)
		if err != nil {
			return disk.Usage{}, err
		}
		one := disk.Uses{Name: svc.Name, Count: len(all), Releases: filepath.Join(u.d.dir.Releases(), svc.Name), Logs: filepath.Join(u.d.dir.Logs(), svc.Name)}
		for _, rel := range all {
			if rel.EnvKey != "" && !slices.Contains(one.Envs, rel.EnvKey) {
				one.Envs = append(one.Envs, rel.EnvKey)
			}
		}
		uses = append(uses, one)
	}
	return disk.Survey(ctx, u.d.dir.Root, u.d.dir.Envs(), uses)
}

// room implements deploy.Deps.Room.
func (u *upkeep) room(ctx context.Context) error {
	least := int64(u.d.settings.current().Deploy.MinFree)
	for _, dir := range []string{u.d.dir.Releases(), u.d.dir.Envs(), u.d.dir.Root} {
		space, err := disk.SpaceOf(dir)
		if err != nil {
			return err
		}
		if needed, short := space.Short(least); short {
			return u.shortage(ctx, dir, space, needed)
		}
	}
	return nil
}

// shortage says what to do about a full disk.
func (u *upkeep) shortage(ctx context.Context, dir string, space disk.Space, needed int64) error {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	advice := "free some (`aictl disk` shows what takes the most), or lower deploy.min_free"
	if plan, err := u.pruner.Plan(ctx); err != nil {
		u.d.log.Warn("what a clean-up would free is not known", "err", err)
	} else if plan.Bytes > 0 {
		advice = fmt.Sprintf("`aictl prune` would free %s; else %s", disk.Text(plan.Bytes), advice)
	} else {
		advice = "`aictl prune` would free nothing; " + advice
	}
	return fmt.Errorf("the disk is nearly full: %s of the disk of %s are free, and a deploy wants %s (deploy.min_free): %s",
		disk.Text(space.Free), dir, disk.Text(needed), advice)
}

// run cleans up from time to time, and packs mirrors that many fetches have left in pieces.
func (u *upkeep) run(ctx context.Context) error {
	wait := time.NewTimer(firstUpkeep)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		if _, err := u.Prune(ctx); err != nil && ctx.Err() == nil {
			u.d.log.Error("clean up", "err", err)
		}
		packed, err := u.d.mirrors.Tidy(ctx)
		for _, m := range packed {
			u.d.log.Info("mirror packed", "mirror", filepath.Base(m.Dir), "before", m.Before, "after", m.After)
		}
		if err != nil && ctx.Err() == nil {
			u.d.log.Warn("pack mirrors", "err", err)
		}
		wait.Reset(upkeepEvery)
	}
}
