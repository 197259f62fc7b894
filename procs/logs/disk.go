package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// disk is what the Writer asks of the file system; tests put a failing one in its place.
type disk interface {
	Open(path string) (file, error) // for appending and reading; makes the file and its folder when missing
	Rename(from, to string) error
	Remove(path string) error
	Rotated(path string) ([]uint64, error)
}

// file is an open log file; writes go to its end.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Truncate(size int64) error
	// State gives the size in bytes and whether the file was removed under our feet.
	State() (size int64, removed bool, err error)
}

type osDisk struct{}

func (osDisk) Open(path string) (file, error) {
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE | syscall.O_CLOEXEC
	f, err := os.OpenFile(path, flags, 0o640)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o750); err == nil {
			f, err = os.OpenFile(path, flags, 0o640)
		}
	}
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) Remove(path string) error     { return os.Remove(path) }

func (osDisk) Rotated(path string) ([]uint64, error) { return rotated(path) }

type osFile struct{ *os.File }

// State uses fstat directly: os.File.Stat would allocate with every chunk.
func (f osFile) State() (int64, bool, error) {
	var st syscall.Stat_t
	for {
		err := syscall.Fstat(int(f.Fd()), &st)
		if err == syscall.EINTR {
			continue
		}
		return st.Size, st.Nlink == 0, err
	}
}

// rotatedName is the name of path's rotated file with sequence number seq.
func rotatedName(path string, seq uint64) string { return fmt.Sprintf("%s.%06d", path, seq) }

// rotated lists the sequence numbers of path's rotated files, oldest first.
// A folder that does not exist holds none.
func rotated(path string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	prefix := filepath.Base(path) + "."
	var seqs []uint64
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || len(digits) < 6 {
			continue
		}
		if seq, err := strconv.ParseUint(digits, 10, 64); err == nil && rotatedName(path, seq) == filepath.Join(filepath.Dir(path), e.Name()) {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}

// Remove deletes the log at path with all its rotated files. A log that does not exist is no error.
func Remove(path string) error {
	seqs, err := rotated(path)
	if err != nil {
		return fmt.Errorf("list the rotated files of %s: %w", path, err)
	}
	var errs []error
	for _, name := range append(rotatedNames(path, seqs), path) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove log: %w", err))
		}
	}
	return errors.Join(errs...)
}

func rotatedNames(path string, seqs []uint64) []string {
	names := make([]string, len(seqs))
	for i, seq := range seqs {
		names[i] = rotatedName(path, seq)
	}
	return names
}
