package recorder

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// clock makes UUIDv7s from the times exchanges began, so that an id never contradicts its record, whatever the machine's
// clock did meanwhile. The ids of one recorder ascend as long as its clock does.
type clock struct{ last atomic.Int64 }

// A tick is 1/4096 of a millisecond: what the 60 bits before the random ones count.
const ticksPerMillisecond = 1 << 12

// maxAhead is how far ids may run ahead of the clock to stay in order, in ticks. Beyond it the clock was set back.
const maxAhead = 1000 * ticksPerMillisecond

// next returns the id of an exchange that began at a time.
func (c *clock) next(at time.Time) uuid.UUID {
	ns := at.UnixNano()
	now := ns/1e6*ticksPerMillisecond + ns%1e6*ticksPerMillisecond/1e6
	for {
		last := c.last.Load()
		tick := now
		if last >= now && last-now < maxAhead {
			tick = last + 1
		}
		if c.last.CompareAndSwap(last, tick) {
			return newID(tick)
		}
	}
}

func newID(tick int64) (id uuid.UUID) {
	const version, variant = 7 << 12, 2 << 62
	binary.BigEndian.PutUint64(id[:], uint64(tick)/ticksPerMillisecond<<16|version|uint64(tick)%ticksPerMillisecond)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|variant)
	return id
}
