package records

import (
	"math/bits"
	"time"
)

// Percentiles are exact below 64 µs and within 1.6 % above; Max is exact.
type Percentiles struct{ P50, P90, P95, P99, Max time.Duration }

// histogram counts microseconds in buckets of 64 steps per doubling: a few kilobytes for any number of records.
type histogram struct {
	n       int64
	max     int64
	buckets []int64 // up to the highest that was hit
}

const (
	stepBits         = 6
	histogramBuckets = 64 << stepBits
)

func bucketOf(us int64) int {
	us = max(us, 0)
	shift := max(bits.Len64(uint64(us))-stepBits-1, 0)
	return shift<<stepBits + int(us>>shift)
}

// bucketTop is the largest value of a bucket.
func bucketTop(i int) int64 {
	if i < 2<<stepBits {
		return int64(i)
	}
	shift := i>>stepBits - 1
	return (int64(i-shift<<stepBits)+1)<<shift - 1
}

func (h *histogram) add(us int64) { h.addMany(int64(bucketOf(us)), 1, us) }

// addMany counts n values of a bucket, none of which is above largest.
func (h *histogram) addMany(bucket, n, largest int64) {
	if int(bucket) >= len(h.buckets) {
		h.buckets = append(h.buckets, make([]int64, int(bucket)+1-len(h.buckets))...)
	}
	h.n += n
	h.max = max(h.max, largest)
	h.buckets[bucket] += n
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		if n > 0 {
			h.addMany(int64(i), n, o.max)
		}
	}
}

func (h *histogram) percentiles() Percentiles {
	return Percentiles{P50: h.at(50), P90: h.at(90), P95: h.at(95), P99: h.at(99), Max: micros(h.max)}
}

// at returns the value that p of a hundred do not exceed.
func (h *histogram) at(p int64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank, seen := (h.n*p+99)/100, int64(0)
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return micros(min(bucketTop(i), h.max))
		}
	}
	return micros(h.max)
}
