package compare

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Outcome is what a comparison found. Rate is the share of requests with a true difference, 0 to 1.
type Outcome struct {
	Compared  int      `json:"compared"`
	Differ    int      `json:"differ" doc:"Requests with a true difference"`
	Rate      float64  `json:"rate" doc:"differ / compared"`
	Fields    []Field  `json:"fields" doc:"What changed, the most frequent first"`
	Noise     []Field  `json:"noise" doc:"What differs as much between two answers of one release, or was seen once and not again"`
	Unordered []string `json:"unordered,omitempty" doc:"Lists whose order does not count: told, or learned"`
	Dynamic   []string `json:"dynamic,omitempty" doc:"Objects whose names do not count, learned"`
	Latency   *Latency `json:"latency,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
}

// Field is one path of the answers. Differs counts the requests where baseline and candidate differ, Noisy those where
// two answers of one release do.
type Field struct {
	Path        string    `json:"path" doc:"JSON path with [*] for elements; status, body or header.NAME"`
	Kind        Kind      `json:"kind" enum:"value,type,missing,new,length"`
	Differs     int       `json:"differs"`
	Noisy       int       `json:"noisy"`
	P           float64   `json:"p,omitempty" doc:"Chance of so many differences by noise alone, where there is noise"`
	Tolerance   float64   `json:"tolerance,omitempty" doc:"Learned: numbers this far apart are noise"`
	Unconfirmed bool      `json:"unconfirmed,omitempty" doc:"Seen, but not when it was asked for again"`
	Examples    []Example `json:"examples,omitempty"`
}

// Example is one request's values as JSON; "" is none.
type Example struct {
	Record    string `json:"record"`
	Base      string `json:"baseline"`
	Candidate string `json:"candidate"`
}

// Latency compares how long answers took, over at most 4,000 requests that both sides answered. The ratios are
// candidate to baseline; Again is that of two answers of the same release, for comparison.
type Latency struct {
	Samples   int       `json:"samples"`
	Base      Quantiles `json:"baseline"`
	Candidate Quantiles `json:"candidate"`
	P50       Interval  `json:"p50_ratio"`
	P95       Interval  `json:"p95_ratio"`
	Again     Interval  `json:"noise_p50_ratio"`
}

// Quantiles are in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// minLatency is the fewest requests that quantiles are told of.
const minLatency = 5

// latencies keep a uniform sample of requests (Vitter's algorithm R, 1985), in milliseconds.
type latencies struct {
	seen                     int
	base, cand, first, twice []float64
	rng                      *rand.Rand
}

func (l *latencies) add(s *Sample) {
	if s.Base.Status == 0 || s.Candidate.Status == 0 || s.Twice[0].Status == 0 || s.Twice[1].Status == 0 {
		return
	}
	if l.rng == nil {
		l.rng = rand.New(rand.NewPCG(1, 2))
	}
	row := [4]float64{ms(s.Base.Took), ms(s.Candidate.Took), ms(s.Twice[0].Took), ms(s.Twice[1].Took)}
	l.seen++
	if len(l.base) < maxSamples {
		l.base, l.cand = append(l.base, row[0]), append(l.cand, row[1])
		l.first, l.twice = append(l.first, row[2]), append(l.twice, row[3])
		return
	}
	if i := l.rng.IntN(l.seen); i < maxSamples {
		l.base[i], l.cand[i], l.first[i], l.twice[i] = row[0], row[1], row[2], row[3]
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (l *latencies) summary() *Latency {
	if len(l.base) < minLatency {
		return nil
	}
	return &Latency{
		Samples: len(l.base), Base: quantiles(l.base), Candidate: quantiles(l.cand),
		P50: ratio(l.base, l.cand, 0.5), P95: ratio(l.base, l.cand, 0.95), Again: ratio(l.first, l.twice, 0.5),
	}
}

func quantiles(sample []float64) Quantiles {
	s := slices.Sorted(slices.Values(sample))
	n := len(s)
	return Quantiles{s[quantileIndex(n, 0.5)], s[quantileIndex(n, 0.95)], s[quantileIndex(n, 0.99)], s[n-1]}
}
