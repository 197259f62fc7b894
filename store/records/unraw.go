package records

import (
	"encoding/binary"
	"fmt"
)

// reader takes records from the streams of a raw. Hostile bytes end it with an error; it never allocates more than a
// small multiple of what the streams hold.
type reader struct {
	fixed, random, nums, texts, bodies []byte
	before                             [textCount]string
	budget                             int // bytes of texts that may still come
	failed                             bool
}

// records reads n records. Their bodies share memory with the raw.
func (b *raw) records() ([]record, error) {
	d := &reader{fixed: b.fixed, random: b.random, nums: b.nums, texts: b.texts, bodies: b.bodies, budget: 16*blockBytes + 4*b.size()}
	rs := make([]record, b.n)
	for i := range rs {
		d.record(&rs[i])
		if d.failed {
			return nil, fmt.Errorf("%w: record %d of a block ends early or says what cannot be", ErrCorrupt, i)
		}
	}
	if len(d.fixed)+len(d.random)+len(d.nums)+len(d.texts)+len(d.bodies) > 0 {
		return nil, fmt.Errorf("%w: a block holds more than its %d records", ErrCorrupt, b.n)
	}
	return rs, nil
}

func (d *reader) uint() uint64 {
	n, size := binary.Uvarint(d.nums)
	if size <= 0 {
		d.failed = true
		return 0
	}
	d.nums = d.nums[size:]
	return n
}

func (d *reader) int() int64 {
	n, size := binary.Varint(d.nums)
	if size <= 0 {
		d.failed = true
		return 0
	}
	d.nums = d.nums[size:]
	return n
}

// take returns the next bytes of a stream, none when there are not as many.
func (d *reader) take(from *[]byte, n uint64) []byte {
	if d.failed || n > uint64(len(*from)) {
		d.failed = true
		return nil
	}
	b := (*from)[:n:n]
	*from = (*from)[n:]
	return b
}

func (d *reader) sum(from *[]byte) (sum [32]byte) {
	copy(sum[:], d.take(from, 32))
	return sum
}

func (d *reader) text() string { return string(d.take(&d.texts, d.uint())) }

// count reads how many elements follow, each of which takes at least one byte of numbers.
func (d *reader) count() int {
	n := d.uint()
	if n > uint64(len(d.nums)) {
		d.failed = true
		return 0
	}
	return int(n)
}

func (d *reader) record(r *record) {
	copy(r.id[:], d.take(&d.fixed, 16))
	copy(r.tag[:], d.take(&d.fixed, tagSize))
	mask := d.uint()
	if mask&maskRemoved != 0 {
		r.state, r.leaf = stateRemoved, d.sum(&d.random)
		d.failed = d.failed || mask != maskRemoved
		return
	}
	r.cached = mask&maskCached != 0
	if mask&maskStart != 0 {
		d.before = [textCount]string{}
	}
	switch {
	case mask&maskTraceID != 0:
		r.traceRaw, r.trace = true, r.id
	case mask&maskTraceRaw != 0:
		r.traceRaw = true
		copy(r.trace[:], d.take(&d.random, 16))
	}
	for i := range r.texts {
		if mask>>(maskTexts+i)&1 != 0 {
			d.before[i] = d.changed(i)
			d.budget -= len(d.before[i])
		}
	}
	r.texts = d.before
	d.failed = d.failed || d.budget < 0
	if mask&maskErased != 0 {
		r.state, r.personal = stateErased, d.sum(&d.random)
	}
	r.status = d.int()
	r.started = d.int() + idTime(r.id).UnixMicro()
	r.first = d.int()
	r.duration = d.int()
	d.side(&r.sides[request])
	d.side(&r.sides[response])
}

func (d *reader) changed(i int) string {
	if !ofLines(i) {
		return d.text()
	}
	before, size := d.before[i], 0
	n := d.count()
	lines := make([]string, 0, min(n, 64))
	for range n {
		var line string
		line, before = cutLine(before)
		if n := d.uint(); n > 0 {
			line = string(d.take(&d.texts, n))
		}
		lines = append(lines, line)
		if size += len(line); d.failed || size > d.budget {
			d.failed = true
			return ""
		}
	}
	return joinLines(lines, size)
}

func joinLines(lines []string, size int) string {
	b := make([]byte, 0, size)
	for _, l := range lines {
		b = append(b, l...)
	}
	return string(b)
}

func (d *reader) side(s *side) {
	flags := d.uint()
	s.truncated, s.omitted, s.erased = flags&sideTruncated != 0, flags&sideOmitted != 0, flags&sideErased != 0
	s.file, s.packed = flags&sideFile != 0, flags&sidePacked != 0
	s.size = int64(d.uint())
	switch {
	case flags&sideZeros != 0:
		s.digest = digestZeros
	case flags&sideGiven != 0:
		s.digest, s.sum = digestGiven, d.sum(&d.random)
	}
	if flags&(sideFile|sideKept) != 0 {
		s.kept = d.sum(&d.random)
	}
	switch {
	case s.file:
	case flags&sidePartial != 0:
		s.body = d.take(&d.bodies, d.uint())
	default:
		s.body = d.take(&d.bodies, uint64(s.size))
	}
	if flags&sideExtras != 0 {
		d.extras(s)
	}
}

func (d *reader) extras(s *side) {
	at, end := int64(0), int64(0)
	for range d.count() {
		at += d.int()
		end += d.int()
		s.chunks = append(s.chunks, Chunk{At: micros(at), End: end})
	}
	at = 0
	for range d.count() {
		at += d.int()
		kind, size := d.uint(), d.int()
		s.frames = append(s.frames, Frame{At: micros(at), Opcode: byte(kind >> 1), Final: kind&1 != 0, Size: size, Kept: size - d.int()})
	}
	for range d.count() {
		p := Part{Name: d.text(), FileName: d.text(), ContentType: d.text(), Offset: d.int(), Size: d.int()}
		p.SHA256 = d.sum(&d.random)
		if d.failed {
			return
		}
		s.parts = append(s.parts, p)
	}
}
