package logs

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// firstBlock is how much of a log's end is read first for its last lines; each block further back is twice as big.
	firstBlock = 64 << 10
	maxBlock   = 8 << 20
	// lookBack is how far before a block reading begins, to find the first parts of its first lines.
	lookBack int64 = 2 * maxRecord
	// farBack is how far it begins before when that did not tell whether a line has first parts.
	farBack int64 = 2 << 20
)

// source reads one log for a query.
type source struct {
	Source
	path  string
	query *Query
	files *chain
	scan  *scanner
	join  joiner
	from  int64  // no line that is wanted ends before this offset
	rest  []line // unfinished lines at the end, when nothing more is waited for
	ended bool
}

func openSource(q *Query, src Source) (*source, error) {
	files, err := openChain(src.Path)
	if err != nil {
		return nil, err
	}
	s := &source{Source: src, path: src.Path, query: q, files: files, scan: newScanner(files, 0)}
	if s.from, err = s.files.search(q.Since); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.begin(s.from, farBack)
	return s, nil
}

// begin sets the scanner so that lines ending at or after offset from are put together.
func (s *source) begin(from, back int64) {
	start := max(0, from-back)
	s.scan.seek(start)
	s.join = joiner{cutOff: start > 0}
}

// next returns the next wanted entry.
func (s *source) next() (e Entry, ok bool, err error) {
	for {
		rec, _, ok, err := s.scan.next()
		if err != nil {
			return e, false, err
		}
		if !ok {
			return s.unfinished()
		}
		l, ok := s.join.add(rec)
		if ok && s.wants(l) {
			return s.entry(l), true, nil
		}
	}
}

// unfinished returns the lines whose end was never written, unless it is waited for.
func (s *source) unfinished() (e Entry, ok bool, err error) {
	if s.query.Follow {
		return e, false, nil
	}
	if !s.ended {
		s.ended = true
		s.rest = s.join.rest()
	}
	for len(s.rest) > 0 {
		l := s.rest[0]
		s.rest = s.rest[1:]
		if s.wants(l) {
			return s.entry(l), true, nil
		}
	}
	return e, false, nil
}

func (s *source) wants(l line) bool {
	return s.query.Streams.Has(l.stream) && !l.at.Before(s.query.Since) &&
		(s.query.Grep == nil || s.query.Grep.Match(l.text))
}

func (s *source) entry(l line) Entry {
	return Entry{Time: l.at, Instance: s.Instance, Stream: l.stream, Text: l.text, Truncated: l.cut || l.head == headMissing}
}

// tail returns copies of the last n wanted entries and leaves the source at the log's end. It reads blocks
// from the end backwards, each of them forwards.
func (s *source) tail(ctx context.Context, n int) ([]Entry, error) {
	lowest, end := s.from, s.files.size()
	if n == 0 {
		// Only the beginnings of unfinished lines matter.
		lowest = max(lowest, end-firstBlock)
	}
	last, err := s.block(max(lowest, end-firstBlock), end, n, true)
	if err != nil {
		return nil, err
	}
	found := last.entries
	end = max(lowest, end-firstBlock)
	for size := int64(2 * firstBlock); end > lowest && len(found) < n; size = min(2*size, maxBlock) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := max(lowest, end-size)
		b, err := s.block(start, end, n-len(found), false)
		if err != nil {
			return nil, err
		}
		found = append(b.entries, found...)
		end = start
	}
	s.scan.seek(last.end)
	s.join = last.join
	return found, nil
}

// block is what was found in one block of a log.
type block struct {
	entries []Entry
	head    head   // of the line with the least certain one
	join    joiner // the state at the block's end
	end     int64  // offset behind the last whole record
}

// block reads the last n wanted lines that end in [start, end), at the log's end the unfinished ones, too.
// When a line's first parts lie before the place where reading began, it begins again further back.
func (s *source) block(start, end int64, n int, atEnd bool) (b block, err error) {
	for back := lookBack; ; back *= 4 {
		s.begin(start, back)
		b, err = s.readBlock(start, end, n, atEnd)
		if err != nil || start <= back || b.head == headKnown || (b.head == headUnsure && back >= farBack) {
			return b, err
		}
	}
}

func (s *source) readBlock(start, end int64, n int, atEnd bool) (b block, err error) {
	last := lastN{n: n}
	take := func(l line) {
		if s.query.Streams.Has(l.stream) {
			b.head = max(b.head, l.head) // of others, too: the word looked for may be in the head
		}
		if s.wants(l) {
			last.add(s.entry(l))
		}
	}
	for {
		rec, off, ok, err := s.scan.next()
		if err != nil {
			return b, err
		}
		if !ok || off >= end {
			break
		}
		if l, ok := s.join.add(rec); ok && off >= start {
			take(l)
		}
	}
	b.join, b.end = s.join, min(s.scan.off, end)
	if atEnd && !s.query.Follow {
		for _, l := range s.join.rest() {
			take(l)
		}
		b.join = joiner{}
	}
	b.entries = last.list()
	return b, nil
}

// lastN keeps copies of the last n entries added.
type lastN struct {
	n     int
	ring  []Entry
	start int
}

func (l *lastN) add(e Entry) {
	if l.n == 0 {
		return
	}
	if len(l.ring) < l.n {
		e.Text = bytes.Clone(e.Text)
		l.ring = append(l.ring, e)
		return
	}
	slot := &l.ring[l.start]
	e.Text = append(slot.Text[:0], e.Text...)
	*slot = e
	l.start = (l.start + 1) % l.n
}

func (l *lastN) list() []Entry { return slices.Concat(l.ring[l.start:], l.ring[:l.start]) }

// grow takes in what was written since.
func (s *source) grow() error {
	_, err := s.files.grow(s.scan.off)
	return err
}

// Close closes the files.
func (s *source) Close() error {
	s.scan.free()
	return s.files.Close()
}

// search returns an offset before which no record is as late as since, found by halving.
func (c *chain) search(since time.Time) (int64, error) {
	var lo int64
	hi := c.size()
	if since.IsZero() {
		return 0, nil
	}
	scan := newScanner(c, 0)
	defer scan.free()
	for hi-lo > firstBlock {
		mid := lo + (hi-lo)/2
		scan.seek(mid)
		rec, off, ok, err := scan.next()
		if err != nil {
			return 0, err
		}
		if ok && off < hi && rec.at.Before(since) {
			lo = off
		} else {
			hi = mid
		}
	}
	return lo, nil
}
