package lfs

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Object is a file of the store.
type Object struct {
	Path string
	Size int64 // bytes
}

// Note writes down which objects a commit has, before they are fetched: Collect keeps them for as long as it is told to keep
// the commit.
func (s *Store) Note(commit string, objects []Pointer) error {
	if raw, err := hex.DecodeString(commit); err != nil || len(raw) < 20 {
		return fmt.Errorf("note the LFS objects of %q: it is no full SHA", commit)
	}
	dir := filepath.Join(s.dir, "uses")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	oids := make([]string, 0, len(objects))
	for _, p := range objects {
		oids = append(oids, p.OID)
	}
	slices.Sort(oids)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(slices.Compact(oids), "\n") + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, commit))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// Size is what the store takes, in bytes, and the number of whole objects in it.
func (s *Store) Size(ctx context.Context) (size int64, objects int, err error) {
	err = s.walk(ctx, "objects", func(o Object, _ time.Time) error {
		size += o.Size
		objects++
		return nil
	})
	return size, objects, err
}

// Unused lists what Collect would remove.
func (s *Store) Unused(ctx context.Context, keep map[string]bool, before time.Time) ([]Object, error) {
	return s.unused(ctx, keep, before, func(Object) error { return nil })
}

// Collect removes the objects that none of the commits in keep has, the notes of other commits, and parts of objects whose
// fetching was given up; but nothing that was written since before, which may belong to a deploy under way (an hour ago is
// good). It returns what it removed. What a service runs on is a copy and stays.
func (s *Store) Collect(ctx context.Context, keep map[string]bool, before time.Time) ([]Object, error) {
	return s.unused(ctx, keep, before, func(o Object) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.busy[filepath.Base(o.Path)] != nil {
			return nil
		}
		err := os.Remove(o.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (s *Store) unused(ctx context.Context, keep map[string]bool, before time.Time, do func(Object) error) ([]Object, error) {
	used := map[string]bool{}
	var gone []Object
	old := func(o Object, at time.Time) error {
		if !at.Before(before) {
			return nil
		}
		gone = append(gone, o)
		return do(o)
	}
	err := s.walk(ctx, "uses", func(o Object, at time.Time) error {
		commit := filepath.Base(o.Path)
		if !keep[commit] && at.Before(before) {
			return old(o, at)
		}
		return readUses(o.Path, used)
	})
	if err != nil { // without all notes nothing is known to be unused
		return gone, fmt.Errorf("read which LFS objects are used: %w", err)
	}
	err = s.walk(ctx, "objects", func(o Object, at time.Time) error {
		if used[filepath.Base(o.Path)] {
			return nil
		}
		return old(o, at)
	})
	return gone, errors.Join(err, s.walk(ctx, "incoming", old))
}

func readUses(file string, used map[string]bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		used[sc.Text()] = true
	}
	return sc.Err()
}

// walk shows the files below a part of the store; a missing part has none.
func (s *Store) walk(ctx context.Context, part string, show func(Object, time.Time) error) error {
	return filepath.WalkDir(filepath.Join(s.dir, part), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return show(Object{Path: path, Size: info.Size()}, info.ModTime())
	})
}
