package main

import (
	"errors"
	"fmt"
	"slices"
)

// sample is what the daemon held at one moment.
type sample struct {
	Seconds    float64 `json:"seconds"`
	Requests   int64   `json:"requests"` // since the sample before
	RSS        int64   `json:"rss_bytes"`
	WAL        int64   `json:"wal_bytes"`
	FDs        int64   `json:"descriptors"`
	Goroutines int64   `json:"goroutines"`
	Worker     int     `json:"pid"`
}

func (s sample) String() string {
	return fmt.Sprintf("%5.0f s  %7d requests  %5.1f MiB  %4d descriptors  %4d goroutines  WAL %6.1f MiB", s.Seconds, s.Requests,
		float64(s.RSS)/(1<<20), s.FDs, s.Goroutines, float64(s.WAL)/(1<<20))
}

const fewest = 9 // samples that can be judged

// judge compares the last third of the samples with the second; the first is for warming up. What breathes, as memory does between collections and a
// WAL between checkpoints, is judged by the upper end of its range.
func judge(samples []sample) error {
	if len(samples) < fewest {
		return fmt.Errorf("%d samples are too few to judge: run longer", len(samples))
	}
	third := len(samples) / 3
	middle, last := samples[third:2*third], samples[2*third:]
	var faults []error
	for _, m := range []struct {
		name  string
		of    func(sample) int64
		share float64 // of the middle's, that the last may be more
		slack int64   // and what it may in any case
	}{
		{"resident memory", func(s sample) int64 { return s.RSS }, 0.15, 16 << 20},
		{"descriptors", func(s sample) int64 { return s.FDs }, 0.1, 16},
		{"goroutines", func(s sample) int64 { return s.Goroutines }, 0.1, 32},
		{"WAL", func(s sample) int64 { return s.WAL }, 0.25, 16 << 20},
	} {
		before, after := high(middle, m.of), high(last, m.of)
		if most := before + max(m.slack, int64(m.share*float64(before))); after > most {
			faults = append(faults, fmt.Errorf("%s grew from %d to %d, which is beyond %d", m.name, before, after, most))
		}
	}
	if samples[0].Worker != samples[len(samples)-1].Worker {
		faults = append(faults, errors.New("the daemon died and was started again"))
	}
	return errors.Join(faults...)
}

// high is the value that nine of ten samples do not exceed.
func high(samples []sample, of func(sample) int64) int64 {
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[(len(values)-1)*9/10]
}
