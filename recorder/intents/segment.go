package intents

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// slot is a file that is one segment after the other. It is mapped, so that an entry costs no system call: what was stored
// in the mapping is in the page cache and survives the end of the process, however it comes.
type slot struct {
	path   string
	mapped []byte
	number uint64 // of the segment it is now
	used   int
	open   *Entry // first of those not settled
	count  int    // of those
}

// errFault says that the mapping cannot be written: the file was cut, or its disk is broken.
var errFault = errors.New("the file of intents cannot be written")

// newSlot makes a file whose blocks are all there, so that a disk which fills up later does no harm.
func newSlot(dir string, k int) (_ *slot, err error) {
	s := &slot{path: filepath.Join(dir, fmt.Sprintf("%d%s", k, suffix))}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, f.Close()) // the mapping stays
		if err != nil {
			err = errors.Join(err, os.Remove(s.path))
		}
	}()
	if err := reserve(f); err != nil {
		return nil, err
	}
	s.mapped, err = unix.Mmap(int(f.Fd()), 0, segmentSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return s, err
}

// reserve allocates the file's blocks, by writing them where the file system knows no other way.
func reserve(f *os.File) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, segmentSize)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		_, err = f.WriteAt(make([]byte, segmentSize), 0)
	}
	return err
}

// begin makes the slot a new, empty segment.
func (s *slot) begin(number uint64) error {
	s.number, s.used = number, 0
	return s.put(appendHeader(nil, number))
}

// empty makes the slot no segment.
func (s *slot) empty() error {
	s.used = 0
	return s.put(make([]byte, headerSize))
}

func (s *slot) room() int { return segmentSize - s.used }

// put appends b, which must fit.
func (s *slot) put(b []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if _, ok := fault.(interface{ Addr() uintptr }); !ok {
				panic(fault)
			}
			err = errFault
		}
	}()
	s.used += copy(s.mapped[s.used:], b)
	return nil
}

func (s *slot) link(e *Entry) {
	e.slot, e.prev, e.next = s, nil, s.open
	if s.open != nil {
		s.open.prev = e
	}
	s.open = e
	s.count++
}

func (s *slot) unlink(e *Entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.open = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.slot, e.prev, e.next = nil, nil, nil
	s.count--
}

// close lets go of the mapping and leaves the file.
func (s *slot) close() error { return unix.Munmap(s.mapped) }

// remove takes the file away, too.
func (s *slot) remove() error { return errors.Join(s.close(), os.Remove(s.path)) }
