// Package disk says what lies where below the data directory and how much it is, what of it can go, and whether there is room. It removes nothing
// but what those who own it offer, and nothing outside the data directory.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Size is what files take on the disk, in bytes. Shared is the part of Bytes with other names elsewhere: removing these files does not free it.
type Size struct {
	Bytes  int64
	Shared int64
	Files  int
}

// Add adds another size.
func (s *Size) Add(o Size) {
	s.Bytes += o.Bytes
	s.Shared += o.Shared
	s.Files += o.Files
}

// Freed is what removing the files frees.
func (s Size) Freed() int64 { return s.Bytes - s.Shared }

// inode is a file, whatever its names.
type inode struct{ dev, ino uint64 }

// links counts the names of a file that were met.
type links struct {
	met   uint64
	names uint64
	bytes int64
}

// Measure adds up files and folders. A file with several names counts once; links are not followed; what is missing, or goes meanwhile, is
// nothing.
func Measure(ctx context.Context, paths ...string) (Size, error) {
	var s Size
	linked := map[inode]*links{}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			return s.count(d, linked)
		})
		if err != nil {
			return s, fmt.Errorf("measure %s: %w", path, err)
		}
	}
	for _, l := range linked {
		if l.met < l.names {
			s.Shared += l.bytes
		}
	}
	return s, nil
}

func (s *Size) count(d fs.DirEntry, linked map[inode]*links) error {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	bytes := st.Blocks * 512
	if !d.IsDir() {
		if st.Nlink > 1 {
			key := inode{uint64(st.Dev), st.Ino}
			if l := linked[key]; l != nil {
				l.met++
				return nil
			}
			linked[key] = &links{met: 1, names: uint64(st.Nlink), bytes: bytes}
		}
		s.Files++
	}
	s.Bytes += bytes
	return nil
}

// Space is what a file system has, in bytes. Free is what this user may still take.
type Space struct {
	Free  int64
	Total int64
}

// SpaceOf asks the file system of a path.
func SpaceOf(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, fmt.Errorf("ask how much of the disk of %s is free: %w", path, err)
	}
	return spaceOf(st.Blocks, st.Bavail, st.Bsize), nil
}

func spaceOf(blocks, free uint64, size int64) Space {
	return Space{Free: int64(free) * size, Total: int64(blocks) * size}
}

// part of the disk that may be asked for at most: on a small one a demand for a large one must not end all deploys.
const part = 50

// Short reports whether less is free than least, and how much would have to be: least, but at most a fiftieth of the disk.
func (s Space) Short(least int64) (needed int64, short bool) {
	needed = least
	if s.Total > 0 {
		needed = min(needed, s.Total/part)
	}
	return needed, s.Free < needed
}
