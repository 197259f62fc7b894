package gateway

import (
	"net/http"
	"time"

	"aictl/store/records"
)

// chunks notes when each piece of a streamed body passed. It belongs to a capture and is guarded by its lock.
type chunks struct {
	now   func() time.Time
	start time.Time
	list  []records.Chunk
	full  bool // no memory for more; what comes is added to the last
}

// chunkBytes is what one Chunk takes of the recorder's memory.
const chunkBytes = 16

// watchChunks makes c note its pieces from now on.
func (c *capture) watchChunks(x *exchange) {
	if x.ticket != nil && c.chunks == nil {
		c.chunks = &chunks{now: x.g.opt.Now, start: x.start}
	}
}

// note adds a piece that ended with the body's byte number end. When the list is full, its last entry stands for all that follows.
func (k *chunks) note(t Ticket, end int64) {
	piece := records.Chunk{At: k.now().Sub(k.start), End: end}
	if len(k.list) < records.MaxChunks && !k.full {
		var ok bool
		if k.list, ok = grow(t, k.list, records.MaxChunks, chunkBytes); ok {
			k.list = append(k.list, piece)
			return
		}
		k.full = true
	}
	if n := len(k.list); n > 0 {
		k.list[n-1] = piece
	}
}

// told returns the pieces of a body that came in more than one. One alone says nothing that the exchange's times do not.
func (k *chunks) told() []records.Chunk {
	if k == nil || len(k.list) < 2 {
		return nil
	}
	return k.list
}

// grow makes room in list for one more entry of size bytes each, as long as the recorder has memory for it.
func grow[T any](t Ticket, list []T, most, size int) ([]T, bool) {
	if len(list) < cap(list) {
		return list, true
	}
	room := min(max(8, 2*cap(list)), most)
	if !t.Hold((room - cap(list)) * size) {
		return list, false
	}
	grown := make([]T, len(list), room)
	copy(grown, list)
	return grown, true
}

// streams reports whether the pieces of an answer are worth noting: its length is not known, or it is a stream of events.
func streams(length int64, h http.Header) bool { return length < 0 || eventStream(h) }
