package replay

import (
	"bufio"
	"container/heap"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// sorter puts any number of items in the order of their arrival, holding at most about budget bytes of them: what is
// more goes, sorted run by run, to a file that has no name and so ends with the process.
type sorter struct {
	dir    string
	budget int64

	held  []*item
	size  int64
	count int
	disk  *scratch
	runs  []extent
}

// extent is where a run lies in the file.
type extent struct{ from, size int64 }

// sortBudget is how much a replay holds in memory while it sorts, in bytes.
const sortBudget = 32 << 20

func newSorter(dir string, budget int64) *sorter { return &sorter{dir: dir, budget: budget} }

func (s *sorter) add(i *item) error {
	s.held = append(s.held, i)
	s.size += i.size()
	s.count++
	if s.size < s.budget {
		return nil
	}
	return s.spill()
}

func (s *sorter) sortHeld() {
	slices.SortFunc(s.held, func(a, b *item) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
}

func (s *sorter) spill() (err error) {
	if s.disk == nil {
		if s.disk, err = newScratch(s.dir); err != nil {
			return err
		}
	}
	s.sortHeld()
	from := s.disk.size
	enc := gob.NewEncoder(s.disk)
	for _, i := range s.held {
		if err := enc.Encode(i); err != nil {
			return fmt.Errorf("keep requests for their turn in %s: %w", s.dir, err)
		}
	}
	if err := s.disk.flush(); err != nil {
		return fmt.Errorf("keep requests for their turn in %s: %w", s.dir, err)
	}
	s.runs = append(s.runs, extent{from, s.disk.size - from})
	s.held, s.size = nil, 0
	return nil
}

// sorted returns a function that gives one item after the other, and io.EOF after the last. Nothing may be added any
// more.
func (s *sorter) sorted() (next func() (*item, error), err error) {
	if len(s.runs) == 0 {
		s.sortHeld()
		at := 0
		return func() (*item, error) {
			if at == len(s.held) {
				return nil, io.EOF
			}
			i := s.held[at]
			s.held[at] = nil
			at++
			return i, nil
		}, nil
	}
	if len(s.held) > 0 {
		if err := s.spill(); err != nil {
			return nil, err
		}
	}
	buffer := int(max(4<<10, min(256<<10, s.budget/int64(len(s.runs)))))
	m := &merge{}
	for _, r := range s.runs {
		run := &run{dec: gob.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(s.disk.file, r.from, r.size), buffer))}
		if err := run.advance(); err != nil {
			return nil, err
		}
		m.runs = append(m.runs, run)
	}
	heap.Init(m)
	return m.next, nil
}

func (s *sorter) close() error {
	s.held = nil
	if s.disk == nil {
		return nil
	}
	return s.disk.close()
}

// run reads a sorted run; head is nil after its last item.
type run struct {
	dec  *gob.Decoder
	head *item
}

func (r *run) advance() error {
	r.head = &item{}
	err := r.dec.Decode(r.head)
	if errors.Is(err, io.EOF) {
		r.head = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("read requests back: %w", err)
	}
	return nil
}

// merge is a heap of runs by their heads.
type merge struct{ runs []*run }

func (m *merge) Len() int           { return len(m.runs) }
func (m *merge) Less(i, j int) bool { return m.runs[i].head.before(m.runs[j].head) }
func (m *merge) Swap(i, j int)      { m.runs[i], m.runs[j] = m.runs[j], m.runs[i] }
func (m *merge) Push(x any)         { m.runs = append(m.runs, x.(*run)) }
func (m *merge) Pop() any {
	last := m.runs[len(m.runs)-1]
	m.runs = m.runs[:len(m.runs)-1]
	return last
}

func (m *merge) next() (*item, error) {
	if len(m.runs) == 0 {
		return nil, io.EOF
	}
	first := m.runs[0].head
	if err := m.runs[0].advance(); err != nil {
		return nil, err
	}
	if m.runs[0].head == nil {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
	return first, nil
}

// scratch is a file without a name.
type scratch struct {
	file *os.File
	buf  *bufio.Writer
	size int64
}

func newScratch(dir string) (*scratch, error) {
	f, err := os.CreateTemp(dir, ".replay-*")
	if err != nil {
		return nil, fmt.Errorf("keep requests for their turn: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("keep requests for their turn: %w", err), f.Close())
	}
	return &scratch{file: f, buf: bufio.NewWriterSize(f, 256<<10)}, nil
}

func (s *scratch) Write(p []byte) (int, error) {
	n, err := s.buf.Write(p)
	s.size += int64(n)
	return n, err
}

func (s *scratch) flush() error { return s.buf.Flush() }

func (s *scratch) close() error { return s.file.Close() }
