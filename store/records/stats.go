package records

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"time"
)

// Stats sums up the records a filter selects. Sizes are of every byte that passed, kept or not.
type Stats struct {
	Count         int64
	ByService     map[string]int64
	ByStatus      map[int]int64
	ByEnd         map[End]int64
	RequestBytes  int64
	ResponseBytes int64
	First, Last   time.Time // StartedAt
	Duration      Percentiles
	FirstByte     Percentiles // of those that got an answer
	Warnings      []string
}

// Percentiles are exact below 64 µs and within 1.6 % above; Max is exact.
type Percentiles struct{ P50, P90, P95, P99, Max time.Duration }

const statColumns = `service, status, "end", started_at, first_byte, duration, req_size, resp_size`

// Stats reads every record the filter selects; Limit, Cursor and order do not matter.
func (a *Archive) Stats(ctx context.Context, f Filter) (Stats, error) {
	s := Stats{ByService: map[string]int64{}, ByStatus: map[int]int64{}, ByEnd: map[End]int64{}}
	var durations, firsts histogram
	var err error
	s.Warnings, err = a.eachDay(ctx, f, func(_ day, db *sql.DB) error {
		w, err := f.whereIn(ctx, db)
		if err != nil {
			return err
		}
		return eachRow(ctx, db, "SELECT "+statColumns+" FROM exchanges"+w.String(), w.args, func(rows *sql.Rows) error {
			return s.add(rows, &durations, &firsts)
		})
	})
	if err != nil {
		return Stats{}, fmt.Errorf("sum up records: %w", err)
	}
	s.Duration, s.FirstByte = durations.percentiles(), firsts.percentiles()
	return s, nil
}

func (s *Stats) add(rows *sql.Rows, durations, firsts *histogram) error {
	var service string
	var end End
	var status int
	var started, first, duration, in, out int64
	if err := rows.Scan(&service, &status, &end, &started, &first, &duration, &in, &out); err != nil {
		return err
	}
	s.Count++
	s.ByService[service]++
	s.ByStatus[status]++
	s.ByEnd[end]++
	s.RequestBytes += in
	s.ResponseBytes += out
	at := time.UnixMicro(started).UTC()
	if s.First.IsZero() || at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
	durations.add(duration)
	if first > 0 {
		firsts.add(first)
	}
	return nil
}

// histogram counts microseconds in buckets of 64 steps per doubling: a few kilobytes for any number of records.
type histogram struct {
	n       int64
	max     int64
	buckets [64 * 64]int64
}

const stepBits = 6

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

func (h *histogram) add(us int64) {
	h.n++
	h.max = max(h.max, us)
	h.buckets[bucketOf(us)]++
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
