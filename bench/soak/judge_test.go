package main

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	run := func(n int, change func(i int, s *sample)) []sample {
		all := make([]sample, n)
		for i := range all {
			all[i] = sample{RSS: 100 << 20, WAL: 4 << 20, FDs: 60, Goroutines: 100, Worker: 7}
			if change != nil {
				change(i, &all[i])
			}
		}
		return all
	}
	tests := []struct {
		name  string
		run   []sample
		fault string // "" for none
	}{
		{"flat", run(60, nil), ""},
		{"warms up", run(60, func(i int, s *sample) { s.RSS = int64(min(i, 15)) * (10 << 20) }), ""},
		{"breathes", run(60, func(i int, s *sample) { s.RSS += int64(i%7) * (10 << 20); s.WAL += int64(i%5) * (8 << 20) }), ""},
		{"one peak", run(60, func(i int, s *sample) {
			if i == 50 {
				s.FDs = 500
			}
		}), ""},
		{"memory leaks", run(60, func(i int, s *sample) { s.RSS += int64(i) << 21 }), "resident memory grew"},
		{"descriptors leak", run(60, func(i int, s *sample) { s.FDs += int64(i) }), "descriptors grew"},
		{"goroutines leak", run(60, func(i int, s *sample) { s.Goroutines += 2 * int64(i) }), "goroutines grew"},
		{"WAL is never cut", run(60, func(i int, s *sample) { s.WAL += int64(i) << 20 }), "WAL grew"},
		{"killed", run(60, func(i int, s *sample) { s.Worker += i / 30 }), "started again"},
		{"short", run(5, nil), "too few"},
	}
	for _, tt := range tests {
		err := judge(tt.run)
		if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
