package records

import (
	"encoding/binary"
	"strings"
)

const (
	// blockMax is how many records a block holds at most.
	blockMax = 256
	// blockBytes is where a block is full before that, in bytes of its streams.
	blockBytes = 1 << 20
	tagSize    = 4
	fixedSize  = 16 + tagSize
)

// raw is a block before compression: its streams, of each of which every record takes some bytes in turn. A text that
// equals the one of the record before takes none. Two raws are joined by joining their streams, for the first record
// of a raw has nothing before it.
type raw struct {
	n      int
	fixed  []byte // id and tag
	random []byte // trace ids and digests, which do not shrink
	nums   []byte // uvarints
	texts  []byte
	bodies []byte

	before  [textCount]string
	started bool // a record's texts are in before
	plain   int  // bytes of the texts, those that are not repeated included
}

// newRaw has room for what records usually take, so that their bodies are copied once.
func newRaw(recs []record) *raw {
	n, bodies := len(recs), 0
	for i := range recs {
		bodies += len(recs[i].sides[request].body) + len(recs[i].sides[response].body)
	}
	return &raw{
		fixed: make([]byte, 0, n*fixedSize), random: make([]byte, 0, n*16), nums: make([]byte, 0, n*40+256), texts: make([]byte, 0, n*48+2048),
		bodies: make([]byte, 0, bodies),
	}
}

func (b *raw) size() int {
	return len(b.fixed) + len(b.random) + len(b.nums) + len(b.texts) + len(b.bodies)
}

// full reports whether another record should begin another block.
func (b *raw) full() bool {
	return b.n >= blockMax || b.size() >= blockBytes || b.plain >= 4*blockBytes
}

// join appends another raw.
func (b *raw) join(more *raw) {
	b.n, b.plain, b.started = b.n+more.n, b.plain+more.plain, false
	b.fixed = append(b.fixed, more.fixed...)
	b.random = append(b.random, more.random...)
	b.nums = append(b.nums, more.nums...)
	b.texts = append(b.texts, more.texts...)
	b.bodies = append(b.bodies, more.bodies...)
}

// Bits of the first number of a record. The texts that differ from those before follow from bit maskTexts on.
const (
	maskErased = 1 << iota
	maskRemoved
	maskCached
	maskStart // nothing is before this record: its raw begins
	maskTraceRaw
	maskTraceID // the trace id is the record's id

	maskTexts = 8
)

// Bits of the number a side begins with.
const (
	sideTruncated = 1 << iota
	sideOmitted
	sideErased
	sideZeros
	sideGiven
	sideFile
	sidePacked
	sidePartial // the kept bytes are not as many as passed
	sideKept    // the digest of the kept bytes, which are gone
	sideExtras  // chunks, frames, parts
)

func (b *raw) uint(n uint64) { b.nums = binary.AppendUvarint(b.nums, n) }
func (b *raw) int(n int64)   { b.nums = binary.AppendVarint(b.nums, n) }

func (b *raw) text(s string) {
	b.uint(uint64(len(s)))
	b.texts = append(b.texts, s...)
}

// add appends a record.
func (b *raw) add(r *record) {
	b.fixed = append(b.fixed, r.id[:]...)
	b.fixed = append(b.fixed, r.tag[:]...)
	b.n++
	if r.state == stateRemoved {
		b.uint(maskRemoved)
		b.random = append(b.random, r.leaf[:]...)
		return
	}
	mask := b.mask(r)
	b.uint(mask)
	if mask&maskTraceRaw != 0 {
		b.random = append(b.random, r.trace[:]...)
	}
	for i := range r.texts {
		if mask>>(maskTexts+i)&1 != 0 {
			b.changed(i, r.texts[i])
		}
	}
	b.before = r.texts
	if r.state == stateErased {
		b.random = append(b.random, r.personal[:]...)
	}
	b.int(r.status)
	b.int(r.started - idTime(r.id).UnixMicro())
	b.int(r.first)
	b.int(r.duration)
	b.side(&r.sides[request])
	b.side(&r.sides[response])
}

func (b *raw) mask(r *record) (mask uint64) {
	if r.state == stateErased {
		mask |= maskErased
	}
	if r.cached {
		mask |= maskCached
	}
	if !b.started {
		mask |= maskStart
		b.before, b.started = [textCount]string{}, true
	}
	switch {
	case r.traceRaw && r.trace == r.id:
		mask |= maskTraceID
	case r.traceRaw:
		mask |= maskTraceRaw
	}
	for i := range r.texts {
		if r.texts[i] != b.before[i] {
			b.plain += len(r.texts[i])
			mask |= 1 << (maskTexts + i)
		}
	}
	return mask
}

// changed writes a text that is not the one before. Texts of lines are written line by line, against the line at the
// same place: of headers, most differ in a length and a date only.
func (b *raw) changed(i int, text string) {
	if !ofLines(i) {
		b.text(text)
		return
	}
	before := b.before[i]
	b.uint(uint64(strings.Count(text, "\n")))
	for text != "" {
		var line, old string
		line, text = cutLine(text)
		old, before = cutLine(before)
		if line == old {
			b.uint(0)
			continue
		}
		b.uint(uint64(len(line)))
		b.texts = append(b.texts, line...)
	}
}

// ofLines reports whether a text ends every line with a line break, see encodeHeader.
func ofLines(i int) bool { return i == textTags || i >= textReqHeader }

// cutLine returns the first line with its break, and what follows.
func cutLine(text string) (line, rest string) {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return text, ""
}

func (b *raw) side(s *side) {
	flags := s.flags()
	b.uint(flags)
	b.uint(uint64(s.size))
	if flags&sideGiven != 0 {
		b.random = append(b.random, s.sum[:]...)
	}
	if flags&(sideFile|sideKept) != 0 {
		b.random = append(b.random, s.kept[:]...)
	}
	if flags&sidePartial != 0 {
		b.uint(uint64(len(s.body)))
	}
	b.bodies = append(b.bodies, s.body...)
	if flags&sideExtras != 0 {
		b.extras(s)
	}
}

func (s *side) flags() uint64 {
	plain := !s.file && s.size == int64(len(s.body))
	gone := !s.file && len(s.body) == 0 && s.kept != [32]byte{}
	return bit(s.truncated)*sideTruncated | bit(s.omitted)*sideOmitted | bit(s.erased)*sideErased | bit(s.digest == digestZeros)*sideZeros |
		bit(s.digest == digestGiven)*sideGiven | bit(s.file)*sideFile | bit(s.packed)*sidePacked | bit(!s.file && !plain)*sidePartial |
		bit(gone)*sideKept | bit(len(s.chunks)+len(s.frames)+len(s.parts) > 0)*sideExtras
}

func (b *raw) extras(s *side) {
	b.uint(uint64(len(s.chunks)))
	at, end := int64(0), int64(0)
	for _, c := range s.chunks {
		b.int(c.At.Microseconds() - at)
		b.int(c.End - end)
		at, end = c.At.Microseconds(), c.End
	}
	b.uint(uint64(len(s.frames)))
	at = 0
	for _, f := range s.frames {
		b.int(f.At.Microseconds() - at)
		b.uint(uint64(f.Opcode)<<1 | bit(f.Final))
		b.int(f.Size)
		b.int(f.Size - f.Kept)
		at = f.At.Microseconds()
	}
	b.uint(uint64(len(s.parts)))
	for _, p := range s.parts {
		b.text(p.Name)
		b.text(p.FileName)
		b.text(p.ContentType)
		b.int(p.Offset)
		b.int(p.Size)
		b.random = append(b.random, p.SHA256[:]...)
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
