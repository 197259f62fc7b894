package gateway

import (
	"hash"
	"sync"
	"sync/atomic"
)

// hashAfter is from what size on a body is hashed beside its way, not on it.
const hashAfter = 256 << 10

const (
	hashPieceSize = 32 << 10
	hashBacklog   = 4 // pieces that wait to be hashed before the body has to wait
)

// hashing takes what needs every byte of a long body, its digest and the listing of its parts, off the way of the body. It belongs to a capture and is
// guarded by its lock.
type hashing struct {
	work []chan *hashPiece // to each who needs the bytes
	now  *hashPiece        // is being filled; nil: none
	done sync.WaitGroup
}

type hashPiece struct {
	n     int
	users atomic.Int32 // who have not had it
	b     [hashPieceSize]byte
}

var hashPieces = sync.Pool{New: func() any { return new(hashPiece) }}

// newHashing begins to hash; end has to follow. Until then nobody else may use what it is given. p may be nil.
func newHashing(digest hash.Hash, p *parts) *hashing {
	h := &hashing{}
	h.begin(func(b []byte) { digest.Write(b) })
	if p != nil {
		h.begin(p.add)
	}
	return h
}

func (h *hashing) begin(take func(b []byte)) {
	work := make(chan *hashPiece, hashBacklog)
	h.work = append(h.work, work)
	h.done.Go(func() {
		for piece := range work {
			take(piece.b[:piece.n])
			if piece.users.Add(-1) == 0 {
				hashPieces.Put(piece)
			}
		}
	})
}

// add copies p. It waits when the hashing is behind.
func (h *hashing) add(p []byte) {
	for len(p) > 0 {
		if h.now == nil {
			h.now = hashPieces.Get().(*hashPiece)
			h.now.n = 0
		}
		n := copy(h.now.b[h.now.n:], p)
		h.now.n += n
		p = p[n:]
		if h.now.n == hashPieceSize {
			h.send()
		}
	}
}

func (h *hashing) send() {
	piece := h.now
	h.now = nil
	piece.users.Store(int32(len(h.work)))
	for _, work := range h.work {
		work <- piece
	}
}

// end returns when everything is hashed.
func (h *hashing) end() {
	if h.now != nil {
		h.send()
	}
	for _, work := range h.work {
		close(work)
	}
	h.done.Wait()
}

// drop ends the capture of a body that nobody asks for any more.
func (c *capture) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended = true; c.hashing != nil {
		c.hashing.end()
		c.hashing = nil
	}
}

// dropAnswer gives up what was captured of an answer that another takes the place of.
func (x *exchange) dropAnswer() {
	if x.response != nil {
		x.response.drop()
	}
	if x.answered != nil {
		x.answered.drop()
	}
	x.response, x.answered, x.tunnel = nil, nil, nil
}
