package logs

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

// maxJoined bounds a line put together from its parts; what is beyond it is left out.
const maxJoined = 1 << 20

// scanBytes is a scanner's buffer: what has no newline within it cannot be a record.
const scanBytes = 2 * maxPart

var scanBuffers = sync.Pool{New: func() any { b := make([]byte, scanBytes); return &b }}

// scanner reads records one after the other and skips what is none.
type scanner struct {
	src      io.ReaderAt
	buf      *[]byte
	r, w     int
	off      int64 // of (*buf)[r] in src
	skipping bool  // until the next newline
}

// newScanner begins with the first record that starts at or after offset from.
func newScanner(src io.ReaderAt, from int64) *scanner {
	s := &scanner{src: src, buf: scanBuffers.Get().(*[]byte)}
	s.seek(from)
	return s
}

func (s *scanner) seek(from int64) {
	s.r, s.w, s.off, s.skipping = 0, 0, from, false
	if from > 0 {
		s.off, s.skipping = from-1, true
	}
}

// free gives the buffer back; records read so far are no longer valid.
func (s *scanner) free() {
	scanBuffers.Put(s.buf)
	s.buf = nil
}

// next returns the next record and its offset; ok is false at the end of what is there now. The record's text
// is valid until the next call. A last line without a newline is left for a later call.
func (s *scanner) next() (rec record, off int64, ok bool, err error) {
	for {
		buf := *s.buf
		if i := bytes.IndexByte(buf[s.r:s.w], '\n'); i >= 0 {
			line := buf[s.r : s.r+i]
			off = s.off
			s.r += i + 1
			s.off += int64(i + 1)
			if s.skipping {
				s.skipping = false
				continue
			}
			if rec, ok = parseRecord(line); ok {
				return rec, off, true, nil
			}
			continue
		}
		if more, err := s.fill(); !more {
			return record{}, 0, false, err
		}
	}
}

// fill reads on; more is false at the end.
func (s *scanner) fill() (more bool, err error) {
	buf := *s.buf
	if s.w-s.r == len(buf) {
		s.off += int64(len(buf))
		s.r, s.w, s.skipping = 0, 0, true
	} else if s.r > 0 {
		s.w = copy(buf, buf[s.r:s.w])
		s.r = 0
	}
	n, err := s.src.ReadAt(buf[s.w:], s.off+int64(s.w-s.r))
	if n > 0 {
		s.w += n
		return true, nil
	}
	// Half a record may still be taken back by the Writer, so it is read again the next time.
	s.w = s.r
	if err == nil || errors.Is(err, io.EOF) {
		return false, nil
	}
	return false, err
}

// joiner puts lines together from their parts, one stream apart from the other.
type joiner struct {
	lines  [streams]joined
	ended  [streams]bool // a record of this stream that ends a line was seen
	cutOff bool          // reading began somewhere in the middle of the log
}

type joined struct {
	text []byte
	at   time.Time
	cut  bool // there is more than text holds
	part bool // there is something
}

// line is a whole line.
type line struct {
	at     time.Time
	stream Stream
	text   []byte
	cut    bool
	head   head
}

// head says whether a line's first parts may lie before the place where reading began.
type head uint8

const (
	headKnown   head = iota // they do not
	headUnsure              // nothing of the stream was seen before: most likely the line is whole
	headMissing             // the line has parts, and its first may not have been seen
)

// add takes a record and returns the line that it ends, if it ends one. The line's text is valid until the next call.
func (j *joiner) add(rec record) (l line, ok bool) {
	p := &j.lines[rec.stream]
	if rec.partial {
		p.add(rec)
		return l, false
	}
	l = line{at: rec.at, stream: rec.stream, text: rec.text, head: j.head(rec.stream, p.part)}
	if p.part {
		p.add(rec)
		l.text, l.cut = p.text, p.cut
		*p = joined{text: p.text[:0]}
	}
	j.ended[rec.stream] = true
	return l, true
}

// head says what is known of the beginning of the stream's next line.
func (j *joiner) head(s Stream, parts bool) head {
	switch {
	case !j.cutOff || j.ended[s]:
		return headKnown
	case parts:
		return headMissing
	}
	return headUnsure
}

func (p *joined) add(rec record) {
	room := maxJoined - len(p.text)
	if len(rec.text) > room {
		p.cut = true
		rec.text = rec.text[:room]
	}
	p.text = append(p.text, rec.text...)
	p.at, p.part = rec.at, true
}

// rest returns the lines that have no end yet, in the order of their time, and forgets them.
func (j *joiner) rest() []line {
	var rest []line
	for s := range Stream(streams) {
		p := &j.lines[s]
		if p.part {
			rest = append(rest, line{at: p.at, stream: s, text: p.text, cut: p.cut, head: j.head(s, true)})
			*p = joined{}
		}
	}
	if len(rest) == 2 && rest[1].at.Before(rest[0].at) {
		rest[0], rest[1] = rest[1], rest[0]
	}
	return rest
}
