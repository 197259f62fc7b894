package records

import (
	"math/rand/v2"
	"slices"
	"testing"

	"aictl/store/records/match"
)

// TestRollupsAddUp: groups read back sum up to what the samples do, also when paths are too many to be told apart.
func TestRollupsAddUp(t *testing.T) {
	for _, paths := range []int64{1, 3, 200} {
		rng := rand.New(rand.NewPCG(7, uint64(paths)))
		var samples []sample
		var want, wantFirst histogram
		var in int64
		for range 500 {
			s := sample{started: noon.UnixMicro() + rng.Int64N(1e9), duration: rng.Int64N(1 << rng.IntN(40)), firstByte: rng.Int64N(3), in: rng.Int64N(1e6)}
			s.key = groupKey{1, 2, 3, 4, rng.Int64N(paths), 6, 7, rng.Int64N(3), 200 + rng.Int64N(2), hourOf(s.started)}
			samples = append(samples, s)
			want.add(s.duration)
			if s.firstByte > 0 {
				wantFirst.add(s.firstByte)
			}
			in += s.in
		}
		groups, known := rollUp(samples)
		if known != (paths < 10) {
			t.Errorf("%d paths: known %v in %d groups", paths, known, len(groups))
		}
		var got, gotFirst histogram
		var gotIn, n int64
		err := new(rollupReader).read(encodeRollup(groups, known), func(g *group, k bool) {
			n, gotIn = n+g.count, gotIn+g.in
			for _, b := range g.durations {
				got.addMany(b.bucket, b.n, g.maxDuration)
			}
			for _, b := range g.firstBytes {
				gotFirst.addMany(b.bucket, b.n, g.maxFirstByte)
			}
			if k != known || g.first > g.last || g.key[keyHour] != hourOf(g.first) && g.key[keyHour] != 12 {
				t.Errorf("group %+v", g)
			}
		})
		ok(t, err)
		if n != 500 || gotIn != in || got.percentiles() != want.percentiles() || gotFirst.percentiles() != wantFirst.percentiles() {
			t.Errorf("%d paths: %d records, %v, want %v", paths, n, got.percentiles(), want.percentiles())
		}
	}
}

func TestHourOf(t *testing.T) {
	for us, want := range map[int64]int64{0: 0, noon.UnixMicro(): 12, noon.UnixMicro() - 1: 11, -1: 23} {
		if got := hourOf(us); got != want {
			t.Errorf("%d: %d", us, got)
		}
	}
}

func FuzzRollup(f *testing.F) {
	groups, known := rollUp([]sample{{key: groupKey{1, 2}, duration: 5}, {key: groupKey{1, 3}, duration: 1e9, firstByte: 7}})
	f.Add(encodeRollup(groups, known))
	f.Add([]byte{rollupVersion, 1, 200})
	f.Fuzz(func(t *testing.T, data []byte) {
		var h histogram
		err := new(rollupReader).read(data, func(g *group, _ bool) {
			for _, b := range g.durations {
				h.addMany(b.bucket, b.n, g.maxDuration)
			}
		})
		if err == nil && len(data) == 0 {
			t.Fatal("nothing was read as a rollup")
		}
	})
}

func text(s string) match.Value { return match.Value{Kind: match.String, Text: s} }

func TestIndexTellsWhoPasses(t *testing.T) {
	number, _ := match.NumberOf("0.5")
	data := encodeIndex([]indexEntry{{0, []match.Value{text("spam")}}, {3, nil}, {4, []match.Value{text("ham"), number}}, {200, []match.Value{text("spam"), text("ham")}}})
	var seen, passed []int
	tested := 0
	ok(t, readIndex(data, func(v match.Value) bool { tested++; return v.Text == "spam" }, func(at int, p bool) {
		if seen = append(seen, at); p {
			passed = append(passed, at)
		}
	}))
	if !slices.Equal(seen, []int{0, 3, 4, 200}) || !slices.Equal(passed, []int{0, 200}) || tested != 3 {
		t.Errorf("seen %v, passed %v, %d values tested", seen, passed, tested)
	}
	var set seqSet
	for _, n := range []int64{0, 63, 64, 9_999_999} {
		set.add(n)
	}
	if !set.has(0) || !set.has(64) || !set.has(9_999_999) || set.has(65) || set.has(1<<40) {
		t.Error("the set has others than were added")
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(encodeIndex([]indexEntry{{0, []match.Value{text("a")}}, {9, []match.Value{text("a"), text("b")}}}))
	f.Add([]byte{indexVersion, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := readIndex(data, func(match.Value) bool { return true }, func(int, bool) {}); err == nil && len(data) == 0 {
			t.Fatal("nothing was read as an index")
		}
	})
}
