package gitea

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File is one file of a folder.
type File struct {
	Path string // below the folder, with slashes
	Info fs.FileInfo
}

// Files lists what a snapshot of dir would hold, in the order of a walk: .gitignore and .aictlignore files are honoured, and
// what belongs to a working copy only is left out. others are what is neither a file nor a link.
func Files(ctx context.Context, dir string) (files []File, others []string, err error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New(dir + " is no directory")
	}
	if err != nil {
		return nil, nil, err
	}
	ignore := newIgnores(dir)
	ignore.enter("")
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case passing(e.Name()) || ignore.match(rel, e.IsDir()):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case e.IsDir():
			ignore.enter(rel)
			return nil
		case !e.Type().IsRegular() && e.Type()&fs.ModeSymlink == 0:
			others = append(others, rel)
			return nil
		}
		info, err := e.Info()
		files = append(files, File{Path: filepath.ToSlash(rel), Info: info})
		return err
	})
	return files, others, err
}
