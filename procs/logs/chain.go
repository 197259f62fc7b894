package logs

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// chain is a log's files, oldest first, seen as one run of bytes that grows at its end. Files stay open, so
// that rotation takes nothing away from a reader that is busy.
type chain struct {
	path    string
	parts   []part
	lastSeq uint64 // the highest sequence number among the files known to be older than the last part
}

// part is one file at its place in the chain.
type part struct {
	f    *os.File
	base int64 // chain offset of the file's first byte
	size int64 // bytes of the file that belong to the chain
}

// openChain opens what there is of the log now. A log that does not exist yet is an empty chain.
func openChain(path string) (*chain, error) {
	c := &chain{path: path}
	// The current file is opened before the others are listed: if it is rotated in between, it shows up in the
	// list as the same file, and newer ones stay out.
	current, err := os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := c.openRotated(current); err != nil {
		return nil, errors.Join(err, closeFile(current), c.Close())
	}
	if current != nil {
		if err := c.push(current); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// openRotated opens the rotated files older than current.
func (c *chain) openRotated(current *os.File) error {
	seqs, err := rotated(c.path)
	if err != nil {
		return err
	}
	for i, seq := range seqs {
		f, err := os.Open(rotatedName(c.path, seq))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was the oldest, and is gone
		}
		if err != nil {
			return err
		}
		if current != nil && sameFile(f, current) {
			return f.Close()
		}
		if err := c.push(f); err != nil {
			return err
		}
		if current != nil {
			c.lastSeq = seq
		} else if i > 0 {
			c.lastSeq = seqs[i-1] // this one may be the last part
		}
	}
	return nil
}

// push adds a file at the end; the chain closes it, even when push fails.
func (c *chain) push(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	c.parts = append(c.parts, part{f: f, base: c.size(), size: st.Size()})
	return nil
}

// size is the chain's length in bytes.
func (c *chain) size() int64 {
	if len(c.parts) == 0 {
		return 0
	}
	last := c.parts[len(c.parts)-1]
	return last.base + last.size
}

// ReadAt implements io.ReaderAt; it gives io.EOF at the chain's end, and may read less than asked before it.
func (c *chain) ReadAt(p []byte, off int64) (int, error) {
	for i := len(c.parts) - 1; i >= 0; i-- {
		pt := c.parts[i]
		if off < pt.base {
			continue
		}
		left := pt.base + pt.size - off
		if left <= 0 {
			return 0, io.EOF
		}
		n, err := pt.f.ReadAt(p[:min(int64(len(p)), left)], off-pt.base)
		if n > 0 {
			return n, nil
		}
		return 0, err
	}
	return 0, io.EOF
}

// grow takes in what was written since, and drops the files that end at or before offset done.
// It reports whether there is anything new.
func (c *chain) grow(done int64) (bool, error) {
	was := c.size()
	if len(c.parts) == 0 {
		if err := c.next(); err != nil {
			return false, err
		}
		return c.size() > was, nil
	}
	for {
		// What comes after the last file is looked for before that file's end: once there is a next one, nothing
		// more is written to this one.
		next, behind, err := c.successor()
		if err != nil {
			return false, err
		}
		if err := c.extend(done); err != nil {
			return false, errors.Join(err, closeFile(next))
		}
		if next == nil {
			return c.size() > was, c.forget(done)
		}
		c.lastSeq = behind
		if err := c.push(next); err != nil {
			return false, err
		}
	}
}

// next opens the first file of a log that did not exist before.
func (c *chain) next() error {
	fresh, err := openChain(c.path)
	if err != nil {
		return err
	}
	*c = *fresh
	return nil
}

// extend takes in what the last file has grown by. Half a record that the Writer took back is nothing anyone
// has read yet; a file that somebody cut shorter than that is read again from its start.
func (c *chain) extend(done int64) error {
	last := &c.parts[len(c.parts)-1]
	st, err := last.f.Stat()
	if err != nil {
		return err
	}
	if size := st.Size(); size >= last.size || last.base+size >= done {
		last.size = size
		return nil
	}
	again, err := os.Open(last.f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil // rotated or removed: its successor will come
	}
	if err != nil {
		return err
	}
	if !sameFile(again, last.f) {
		return again.Close()
	}
	last.size = max(0, done-last.base)
	return c.push(again)
}

// successor opens the file that follows the last one; nil when the last is still the current file or the next
// one is not there yet. behind is the highest sequence number older than that successor.
func (c *chain) successor() (next *os.File, behind uint64, err error) {
	last := c.parts[len(c.parts)-1].f
	for {
		current, err := os.Open(c.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
		if current != nil && sameFile(current, last) {
			return nil, 0, current.Close()
		}
		// Listed after the current file was opened, so that nothing newer than the list's end but that file exists.
		name, behind, err := c.following(last)
		if err != nil {
			return nil, 0, errors.Join(err, closeFile(current))
		}
		if name == "" {
			return current, behind, nil
		}
		if err := closeFile(current); err != nil {
			return nil, 0, err
		}
		f, err := os.Open(name)
		if err == nil {
			return f, behind, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, err
		}
		// It was removed as the oldest between the two looks; go on with the one after it.
	}
}

// following names the oldest rotated file newer than last, "" when there is none.
func (c *chain) following(last *os.File) (name string, behind uint64, err error) {
	seqs, err := rotated(c.path)
	if err != nil {
		return "", 0, err
	}
	behind = c.lastSeq
	for _, seq := range seqs {
		if seq > behind && isFile(rotatedName(c.path, seq), last) {
			behind = seq
		}
	}
	for _, seq := range seqs {
		if seq > behind {
			return rotatedName(c.path, seq), behind, nil
		}
	}
	return "", behind, nil
}

// forget closes the files that end at or before offset done.
func (c *chain) forget(done int64) error {
	var errs []error
	for len(c.parts) > 1 && c.parts[0].base+c.parts[0].size <= done {
		errs = append(errs, c.parts[0].f.Close())
		c.parts = c.parts[1:]
	}
	return errors.Join(errs...)
}

// Close closes all files.
func (c *chain) Close() error {
	var errs []error
	for _, p := range c.parts {
		errs = append(errs, p.f.Close())
	}
	c.parts = nil
	return errors.Join(errs...)
}

func closeFile(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

func sameFile(a, b *os.File) bool {
	sa, err := a.Stat()
	if err != nil {
		return false
	}
	sb, err := b.Stat()
	return err == nil && os.SameFile(sa, sb)
}

func isFile(name string, f *os.File) bool {
	st, err := os.Stat(name)
	if err != nil {
		return false
	}
	fst, err := f.Stat()
	return err == nil && os.SameFile(st, fst)
}
