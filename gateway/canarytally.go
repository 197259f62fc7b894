package gateway

import (
	"math"
	"sync/atomic"
	"time"
)

// SideStats is what came of the requests that one side of a canary got. Errors are those answered with 500 or above, or not
// at all though the client waited. P50 and P95 are accurate to 5 %; 0 without requests.
type SideStats struct {
	Requests, Errors int64
	P50, P95         time.Duration
}

const (
	tallyFirst  = 50 * time.Microsecond // durations up to this one share a slot
	tallyOctave = 8                     // slots in which a duration doubles
	tallySlots  = 26*tallyOctave + 1    // up to about an hour
)

// tally counts requests and how long they took, in slots that grow by a constant factor.
type tally struct {
	requests, errors atomic.Int64
	slots            [tallySlots]atomic.Int64
}

func (t *tally) add(d time.Duration, failed bool) {
	t.requests.Add(1)
	if failed {
		t.errors.Add(1)
	}
	t.slots[slotOf(d)].Add(1)
}

func slotOf(d time.Duration) int {
	if d <= tallyFirst {
		return 0
	}
	return min(int(math.Ceil(tallyOctave*math.Log2(float64(d)/float64(tallyFirst)))), tallySlots-1)
}

// middle is the duration that stands for a slot: the geometric middle of its bounds.
func middle(slot int) time.Duration {
	if slot == 0 {
		return tallyFirst
	}
	return time.Duration(float64(tallyFirst) * math.Exp2((float64(slot)-0.5)/tallyOctave))
}

func (t *tally) stats() SideStats { return t.count().stats() }

func (c count) stats() SideStats {
	var total int64
	for _, n := range c.slots {
		total += n
	}
	quantile := func(q float64) time.Duration {
		rank := int64(math.Ceil(q * float64(total)))
		for k, n := range c.slots {
			if rank -= n; rank <= 0 && total > 0 {
				return middle(k)
			}
		}
		return 0
	}
	return SideStats{Requests: c.requests, Errors: c.errors, P50: quantile(0.5), P95: quantile(0.95)}
}
