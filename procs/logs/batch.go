package logs

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

// batchBytes bounds one write to the file. It must hold the longest record.
const batchBytes = 128 << 10

// batch collects the records of one stream that go to the file in one write, all with one timestamp.
type batch struct {
	stream  Stream
	buf     []byte
	limit   int
	full    [headLen]byte // the head of an F record
	part    [headLen]byte // the head of a P record
	partial bool          // the last record is a part
}

var batches = sync.Pool{New: func() any { return &batch{buf: make([]byte, 0, batchBytes)} }}

func (w *Writer) newBatch(s Stream) *batch {
	b := batches.Get().(*batch)
	b.start(s, w.opt.Now())
	b.limit = int(min(int64(batchBytes), w.opt.MaxBytes))
	return b
}

func (b *batch) start(s Stream, at time.Time) {
	b.stream, b.buf, b.partial = s, b.buf[:0], false
	copy(b.full[:], appendHead(b.part[:0], at, s, false))
	b.part = b.full
	b.part[headLen-2] = 'P'
}

func (b *batch) add(partial bool, head, text []byte) {
	buf := b.buf
	if partial {
		buf = append(buf, b.part[:]...)
	} else {
		buf = append(buf, b.full[:]...)
	}
	if len(head) > 0 {
		buf = append(buf, head...)
	}
	buf = append(buf, text...)
	b.buf = append(buf, '\n')
	b.partial = partial
}

func (b *batch) free() {
	if cap(b.buf) <= batchBytes {
		batches.Put(b)
	}
}

// payload is how many bytes of output the records hold, newlines of finished lines included, and whether
// the last one is a part.
func payload(records []byte) (n int64, partial bool) {
	for len(records) > 0 {
		end := bytes.IndexByte(records, '\n') + 1
		if end <= headLen {
			return n, partial
		}
		n += int64(end - headLen - 1)
		if partial = records[headLen-2] == 'P'; !partial {
			n++
		}
		records = records[end:]
	}
	return n, partial
}

// marker tells readers of a loss. It finishes the unfinished lines first: what follows is not their rest.
func (w *Writer) marker(at time.Time) []byte {
	var m []byte
	for s := range Stream(streams) {
		if w.open[s] {
			m = append(appendHead(m, at, s, false), '\n')
		}
	}
	m = appendHead(m, at, Stderr, false)
	return fmt.Appendf(m, "aictl: %d bytes of output lost: %v\n", w.missing, w.cause())
}

func (w *Writer) cause() string {
	if w.fault == nil {
		return "they could not be written"
	}
	// One record is one line.
	return string(bytes.ReplaceAll([]byte(w.fault.Error()), []byte{'\n'}, []byte{' '}))
}
