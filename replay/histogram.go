package replay

import (
	"math/bits"
	"time"
)

// histogram counts durations in constant memory: 64 steps between a power of two and the next, so that a quantile is
// at most 1.6 % too high.
type histogram struct {
	counts []int64
	total  int64
	most   time.Duration
}

const steps = 64

func bucketOf(us uint64) int {
	if us < steps {
		return int(us)
	}
	shift := bits.Len64(us) - 7 // steps ≤ us>>shift < 2·steps
	return (shift+1)*steps + int(us>>shift) - steps
}

// upper is the greatest number of microseconds in a bucket.
func upper(bucket int) uint64 {
	if bucket < steps {
		return uint64(bucket)
	}
	shift := bucket/steps - 1
	return uint64(bucket%steps+steps+1)<<shift - 1
}

func (h *histogram) add(d time.Duration) {
	d = max(0, d)
	b := bucketOf(uint64(d.Microseconds()))
	for len(h.counts) <= b {
		h.counts = append(h.counts, make([]int64, steps)...)
	}
	h.counts[b]++
	h.total++
	h.most = max(h.most, d)
}

// quantile is the smallest duration that q of all are not above.
func (h *histogram) quantile(q float64) time.Duration {
	want := max(1, int64(q*float64(h.total)+0.9999999))
	var seen int64
	for b, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return min(h.most, time.Duration(upper(b))*time.Microsecond)
		}
	}
	return h.most
}

// Times are quantiles in milliseconds.
type Times struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

func (h *histogram) times() Times {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	if h.total == 0 {
		return Times{}
	}
	return Times{ms(h.quantile(0.5)), ms(h.quantile(0.9)), ms(h.quantile(0.99)), ms(h.most)}
}
