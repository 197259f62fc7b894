package intents

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/google/uuid"
)

// A segment is a file of a fixed size: a header, then entries without gaps. Everything is little-endian.
//
//	header  magic "aictlint" · version uint32 · CRC uint32 of the next field · number uint64
//	entry   CRC uint32 · length uint32 of the payload · kind byte · payload
//
// An entry's CRC covers its length, kind and payload and is seeded with the segment's number, so that what a slot held
// when it was another segment does not count. Reading ends at the first entry that does not agree.
const (
	suffix      = ".seg"
	magic       = "aictlint"
	version     = 1
	headerSize  = 24
	entryHead   = 9
	segmentSize = 1 << 20
)

// Kinds of entries.
const (
	kindTotals  = 1 + iota // JSON of the ledgers; what came before counts no more
	kindIntent             // an exchange was accepted
	kindCarried            // an intent of an older segment that is given up
	kindMarks              // exchanges were settled
	kindCounted            // an exchange was accepted and settled without having been listed
	kindRefused            // requests were answered by the recorder
)

// Bounds of an intent's texts; what is longer is cut. A segment must hold many.
const (
	maxPath = 512
	maxText = 256
)

// Outcome is what became of an exchange: Recorded, NoBody, or why it was dropped.
type Outcome = string

// The outcomes of exchanges that were recorded.
const (
	Recorded Outcome = ""
	NoBody   Outcome = "no_body" // recorded, its bodies withheld under pressure
)

// Crash is why an exchange was lost that the process did not live to settle.
const Crash Outcome = "crash"

// outcomes are the bytes that stand for them. The order is part of the format; what is not listed is written as the last.
var outcomes = []Outcome{Recorded, NoBody, "queue_full", "disk", "rejected", "shutdown", Crash, "other"}

func outcomeByte(o Outcome) byte {
	for i, known := range outcomes {
		if known == o {
			return byte(i)
		}
	}
	return byte(len(outcomes) - 1)
}

func outcomeOf(b byte) Outcome { return outcomes[min(int(b), len(outcomes)-1)] }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(number uint64, b []byte) uint32 {
	return crc32.Update(uint32(number^number>>32), castagnoli, b)
}

func appendHeader(b []byte, number uint64) []byte {
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	tail := binary.LittleEndian.AppendUint64(nil, number)
	b = binary.LittleEndian.AppendUint32(b, sum(0, tail))
	return append(b, tail...)
}

// numberOf reads a segment's header.
func numberOf(b []byte) (uint64, bool) {
	if len(b) < headerSize || string(b[:8]) != magic || binary.LittleEndian.Uint32(b[8:]) != version {
		return 0, false
	}
	number := binary.LittleEndian.Uint64(b[16:])
	return number, sum(0, b[16:headerSize]) == binary.LittleEndian.Uint32(b[12:])
}

// seal completes an entry that begins at b[0]: room for its head, then the payload.
func seal(b []byte, number uint64, kind byte) {
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-entryHead))
	b[8] = kind
	binary.LittleEndian.PutUint32(b, sum(number, b[4:]))
}

// entry is one as it is read.
type entry struct {
	kind    byte
	payload []byte
}

// next cuts the first entry off b.
func next(b []byte, number uint64) (e entry, rest []byte, ok bool) {
	if len(b) < entryHead {
		return e, nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b[4:]))
	if n > uint64(len(b)-entryHead) {
		return e, nil, false
	}
	whole := b[:entryHead+n]
	if sum(number, whole[4:]) != binary.LittleEndian.Uint32(b) {
		return e, nil, false
	}
	return entry{kind: whole[8], payload: whole[entryHead:]}, b[len(whole):], true
}

func appendIntent(b []byte, e *Entry) []byte {
	b = binary.AppendUvarint(b, e.seq)
	b = append(b, e.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Start.UnixNano()))
	b = appendText(b, e.Service, maxText)
	b = appendText(b, e.Method, maxText)
	b = appendText(b, e.TraceID, maxText)
	b = appendText(b, e.Session, maxText)
	return appendText(b, e.Path, maxPath)
}

func appendText(b []byte, text string, most int) []byte {
	text = text[:min(len(text), most)]
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

var errGarbled = errors.New("entry is garbled")

func parseIntent(p []byte) (seq uint64, in Intent, err error) {
	d := decoder{rest: p}
	seq = d.uvarint()
	copy(in.ID[:], d.take(len(uuid.UUID{})))
	if at := d.take(8); d.err == nil {
		in.Start = time.Unix(0, int64(binary.LittleEndian.Uint64(at))).UTC()
	}
	in.Service, in.Method, in.TraceID, in.Session, in.Path = d.text(), d.text(), d.text(), d.text(), d.text()
	if len(d.rest) > 0 {
		d.err = errGarbled
	}
	return seq, in, d.err
}

// eachMark reads the marks of an entry.
func eachMark(p []byte, visit func(seq uint64, o Outcome)) error {
	d := decoder{rest: p}
	for len(d.rest) > 0 && d.err == nil {
		seq := d.uvarint()
		if o := d.take(1); d.err == nil {
			visit(seq, outcomeOf(o[0]))
		}
	}
	return d.err
}

// decoder reads a payload; after an error everything is empty.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.err, d.rest = errGarbled, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.err, d.rest = errGarbled, nil
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.err, d.rest = errGarbled, nil
		return ""
	}
	return string(d.take(int(n)))
}
