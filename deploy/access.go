package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aictl/procs"
)

// admit lets a service that runs as another user get to its release and environment, and to nothing else of the data
// directory. It does nothing for the others.
func (r *runner) admit() error {
	id, err := procs.FindIdentity(r.manifest.Process.User, r.manifest.Process.Group)
	if id == nil || err != nil {
		return err
	}
	if !procs.MayChangeUser() {
		return nil // it is the same user, or the keeper says that it cannot be
	}
	if err := openWay(r.Dirs); err != nil {
		return fmt.Errorf("let %s pass through the data directory: %w", id, err)
	}
	if err := os.Chmod(filepath.Dir(r.release.Dir), 0o711); err != nil {
		return fmt.Errorf("let %s pass to its release: %w", id, err)
	}
	if err := giveTo(r.release.Dir, id.GID); err != nil {
		return fmt.Errorf("give the release to the group of %s: %w", id, err)
	}
	if r.release.EnvKey == "" {
		return nil
	}
	if err := openAll(filepath.Join(r.Dirs.Envs, r.release.EnvKey)); err != nil {
		return fmt.Errorf("let %s read its environment: %w", id, err)
	}
	return nil
}

// openWay makes the data directory passable: its folders can be gone through, not listed, and what lies beside them is closed
// first.
func openWay(dirs Dirs) error {
	root := filepath.Dir(dirs.Releases)
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	way := map[string]bool{dirs.Releases: true, dirs.Envs: true}
	for _, entry := range entries {
		path := filepath.Join(root, entry.Name())
		if way[path] || entry.Type()&fs.ModeSymlink != 0 {
			continue
		}
		if err := changeMode(path, 0, 0o007); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{root, dirs.Releases, dirs.Envs} {
		if err := changeMode(dir, 0o001, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// changeMode adds and takes permissions when that changes anything.
func changeMode(path string, add, take fs.FileMode) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	has := info.Mode().Perm()
	if want := has&^take | add; want != has {
		return os.Chmod(path, want)
	}
	return nil
}

// giveTo lets one group read a tree, and nobody else; its owner stays.
func giveTo(dir string, gid int) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, gid); err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return changeMode(path, readable(entry)&0o050, 0o027)
	})
}

// openAll lets everybody read a tree: the packages of an environment are no secret, and services of several users may share
// it.
func openAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return changeMode(path, readable(entry)&0o055, 0)
	})
}

// readable is the permissions that reading takes: folders have to be entered, too, and a file that its owner may run may
// be run by the others.
func readable(entry fs.DirEntry) fs.FileMode {
	info, err := entry.Info()
	if err == nil && (entry.IsDir() || info.Mode()&0o100 != 0) {
		return 0o055
	}
	return 0o044
}

// checkLimits refuses what this machine cannot give the service's processes, and warns of limits that it cannot hold them to.
func (r *runner) checkLimits(ctx context.Context) error {
	if r.Enforce == nil {
		return nil
	}
	warnings, err := r.Enforce(ctx, r.manifest)
	for _, w := range warnings {
		r.warn(ctx, w)
	}
	return err
}
