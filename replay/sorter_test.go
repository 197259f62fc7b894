package replay

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestSorterKeepsTheOrder: whatever the order in, and however often it spills, out comes the order of arrival.
func TestSorterKeepsTheOrder(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		items := arrivals(3000, 5)
		for k := range items {
			items[k].Body = make([]byte, r.IntN(2000))
			items[k].Header = map[string][]string{"A": {"b"}}
			if k%10 == 0 && k > 0 {
				items[k].At = items[k-1].At // two at once
			}
		}
		mixed := slices.Clone(items)
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		budget := []int64{1, 20000, 300000, 1 << 30}[seed%4]
		if seed == 0 {
			mixed, items = mixed[:40], nil // one run each
		}
		s := newSorter(t.TempDir(), budget)
		for _, i := range mixed {
			if err := s.add(i); err != nil {
				t.Fatal(err)
			}
		}
		next, err := s.sorted()
		if err != nil {
			t.Fatal(err)
		}
		var got []*item
		for {
			i, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, i)
		}
		if items == nil {
			items = slices.Clone(mixed)
			slices.SortFunc(items, func(a, b *item) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
		}
		if !slices.Equal(idsOf(got), idsOf(items)) || s.count != len(items) {
			t.Fatalf("seed %d, budget %d, %d runs: %d of %d in order", seed, budget, len(s.runs), len(got), len(items))
		}
		for k := range got {
			if len(got[k].Body) != len(items[k].Body) || got[k].Header.Get("A") != "b" || got[k].Session != items[k].Session {
				t.Fatalf("item %d is not what it was: %+v", k, got[k])
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSorterWithoutADirectory(t *testing.T) {
	s := newSorter("/nonexistent", 1)
	if err := s.add(arrivals(1, 0)[0]); err == nil {
		t.Error("no error")
	}
	empty := newSorter("/nonexistent", 1)
	next, err := empty.sorted()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next(); !errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	if h.times() != (Times{}) {
		t.Error("times of nothing")
	}
	var all []time.Duration
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		d := time.Duration(r.ExpFloat64() * float64(30*time.Millisecond))
		all = append(all, d)
		h.add(d)
	}
	h.add(-1)
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := all[max(0, int(q*float64(len(all)))-1)]
		if got := h.quantile(q); float64(got) < 0.97*float64(exact)-2000 || float64(got) > 1.03*float64(exact)+2000 {
			t.Errorf("quantile %v: %s, exactly %s", q, got, exact)
		}
	}
	for us := uint64(0); us < 1<<40; us = us*9/8 + 1 {
		if b := bucketOf(us); upper(b) < us || b > 0 && upper(b-1) >= us {
			t.Fatalf("%d µs is in bucket %d, up to %d", us, b, upper(b))
		}
	}
}
