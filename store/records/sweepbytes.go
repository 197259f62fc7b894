package records

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// SweepBytes removes whole days, the oldest first, until all day files and bodies together take no more than most bytes.
// The newest day stays, however large it is. Bodies that were in use within the last hour go with a later sweep.
func (a *Archive) SweepBytes(ctx context.Context, most int64) (Swept, error) {
	s := Swept{}
	size, err := a.size()
	if err != nil {
		return s, fmt.Errorf("sweep records: %w", err)
	}
	for size > most {
		oldest, newest, err := span(a.dir)
		if err != nil {
			return s, fmt.Errorf("sweep records: %w", err)
		}
		if oldest == newest {
			return s, nil
		}
		more, err := a.Sweep(ctx, (oldest + 1).begins())
		size -= more.Bytes
		s.Days, s.Bodies, s.Bytes = append(s.Days, more.Days...), s.Bodies+more.Bodies, s.Bytes+more.Bytes
		s.Warnings = append(s.Warnings, more.Warnings...)
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// span are the first and the last day of which there is a file, one that was set aside included; equal when there is none.
func span(dir string) (oldest, newest day, err error) {
	all, aside, err := days(dir)
	for _, name := range aside {
		if d, ok := asideDay(name); ok {
			all = append(all, d)
		}
	}
	if err != nil || len(all) == 0 {
		return 0, 0, err
	}
	oldest, newest = all[0], all[0]
	for _, d := range all {
		oldest, newest = min(oldest, d), max(newest, d)
	}
	return oldest, newest, nil
}

// size is what the folder takes, in bytes.
func (a *Archive) size() (total int64, err error) {
	err = filepath.WalkDir(a.dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var info os.FileInfo
			if info, err = e.Info(); err == nil {
				total += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		return err
	})
	return total, err
}
