package records

import (
	"crypto/sha256"
	"encoding/binary"
)

// The hash chain of a day. Every record has a leaf:
//
//	personal = SHA-256(query, remote, session, user, error, tags, headers, trailers, chunks, frames, parts)
//	leaf     = SHA-256(id, the other metadata, of each body size, flags and digests, personal)
//	head     = SHA-256(the head before, leaf)
//
// where the digests of a body are the one of the bytes that passed and the one of the bytes kept. The first head is
// the SHA-256 of the day's name. So a body and everything personal can be erased, and the leaf, and with it
// every later head, still be computed from the digests that stay. Of a record that retention removed its leaf stays.

// firstHead is the head before a day's first record.
func firstHead(d day) [32]byte { return sha256.Sum256([]byte("aictl records of " + d.String())) }

func nextHead(before, leaf [32]byte) [32]byte {
	var b [64]byte
	copy(b[:32], before[:])
	copy(b[32:], leaf[:])
	return sha256.Sum256(b[:])
}

// hasher computes leaves; it is reused.
type hasher struct{ buf []byte }

func (h *hasher) text(s string) {
	h.buf = binary.AppendUvarint(h.buf, uint64(len(s)))
	h.buf = append(h.buf, s...)
}

func (h *hasher) leaf(r *record) [32]byte {
	if r.state == stateRemoved {
		return r.leaf
	}
	personal := r.personal
	if r.state == stateWhole {
		personal = h.personal(r)
	}
	h.buf = append(h.buf[:0], r.id[:]...)
	for _, s := range r.texts[:textPersonal] {
		h.text(s)
	}
	h.buf = append(h.buf, byte(bit(r.cached)|bit(r.traceRaw)<<1))
	h.buf = append(h.buf, r.trace[:]...)
	for _, n := range []int64{r.status, r.started, r.first, r.duration} {
		h.buf = binary.AppendVarint(h.buf, n)
	}
	for i := range r.sides {
		s := &r.sides[i]
		passed, kept := s.passedSum(), s.keptSum()
		h.buf = append(binary.AppendVarint(h.buf, s.size), byte(bit(s.truncated)|bit(s.omitted)<<1))
		h.buf = append(h.buf, passed[:]...)
		h.buf = append(h.buf, kept[:]...)
	}
	h.buf = append(h.buf, personal[:]...)
	return sha256.Sum256(h.buf)
}

// personal is the hash of all that erasing takes away besides the bodies.
func (h *hasher) personal(r *record) [32]byte {
	h.buf = h.buf[:0]
	for _, s := range r.texts[textPersonal:] {
		h.text(s)
	}
	for i := range r.sides {
		h.extras(&r.sides[i])
	}
	return sha256.Sum256(h.buf)
}

func (h *hasher) extras(s *side) {
	b := h.buf
	for _, n := range []int{len(s.chunks), len(s.frames), len(s.parts)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, c := range s.chunks {
		b = binary.AppendVarint(binary.AppendVarint(b, c.At.Microseconds()), c.End)
	}
	for _, f := range s.frames {
		b = append(binary.AppendVarint(b, f.At.Microseconds()), f.Opcode, byte(bit(f.Final)))
		b = binary.AppendVarint(binary.AppendVarint(b, f.Size), f.Kept)
	}
	h.buf = b
	for _, p := range s.parts {
		h.text(p.Name)
		h.text(p.FileName)
		h.text(p.ContentType)
		h.buf = binary.AppendVarint(binary.AppendVarint(h.buf, p.Offset), p.Size)
		h.buf = append(h.buf, p.SHA256[:]...)
	}
}
