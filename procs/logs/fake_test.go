package logs

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"
)

// fakeDisk is a disk in memory with room for a bounded number of bytes.
type fakeDisk struct {
	mu      sync.Mutex
	files   map[string]*fakeFile
	room    int64 // bytes that can still be written; negative for no bound
	openErr error
	opens   int
}

func newFakeDisk() *fakeDisk { return &fakeDisk{files: map[string]*fakeFile{}, room: -1} }

func (d *fakeDisk) set(room int64, openErr error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room, d.openErr = room, openErr
}

func (d *fakeDisk) Open(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opens++
	if d.openErr != nil {
		return nil, d.openErr
	}
	if d.files[path] == nil {
		d.files[path] = &fakeFile{disk: d}
	}
	return d.files[path], nil
}

func (d *fakeDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[from] == nil {
		return fs.ErrNotExist
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *fakeDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[path]
	if f == nil {
		return fs.ErrNotExist
	}
	f.removed = true
	delete(d.files, path)
	return nil
}

func (d *fakeDisk) Rotated(path string) ([]uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var seqs []uint64
	for name := range d.files {
		var seq uint64
		if n, err := fmt.Sscanf(name, path+".%d", &seq); n == 1 && err == nil {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}

// all is the log's content, oldest file first.
func (d *fakeDisk) all(path string) []byte {
	seqs, _ := d.Rotated(path)
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []byte
	for _, name := range append(rotatedNames(path, seqs), path) {
		if f := d.files[name]; f != nil {
			out = append(out, f.data...)
		}
	}
	return out
}

type fakeFile struct {
	disk    *fakeDisk
	data    []byte
	removed bool
	noTrunc bool
}

func (f *fakeFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := len(p)
	if f.disk.room >= 0 && int64(n) > f.disk.room {
		n = int(f.disk.room)
	}
	f.data = append(f.data, p[:n]...)
	if f.disk.room >= 0 {
		f.disk.room -= int64(n)
	}
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (f *fakeFile) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return copy(p, f.data[off:]), nil
}

func (f *fakeFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.noTrunc {
		return syscall.EIO
	}
	if f.disk.room >= 0 {
		f.disk.room += int64(len(f.data)) - size
	}
	f.data = slices.Clip(f.data[:size])
	return nil
}

func (f *fakeFile) State() (int64, bool, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.data)), f.removed, nil
}

func (f *fakeFile) Close() error { return nil }
