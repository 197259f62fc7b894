package intents

import (
	"errors"
	"testing"
)

// FuzzRead: no file makes the reader fail or take more from it than was written.
func FuzzRead(f *testing.F) {
	b := appendHeader(nil, 7)
	add := func(kind byte, payload []byte) {
		e := append(make([]byte, entryHead), payload...)
		seal(e, 7, kind)
		b = append(b, e...)
	}
	add(kindTotals, []byte(`{"a":{"accepted":2,"recorded":1,"in_flight":1}}`))
	e := newEntry("a", "/x")
	e.seq = 3
	add(kindIntent, appendIntent(nil, e))
	add(kindMarks, []byte{3, 0, 4, 9})
	add(kindRefused, appendText(appendText(nil, "a", 10), "no_room", 10))
	f.Add(b)
	f.Add(b[:40])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := reader{totals: Ledgers{}, open: map[uint64]Intent{}}
		if number, ok := numberOf(b); ok {
			r.segment(segment{number, b[headerSize:]})
		}
		// The payloads alone, which a CRC would keep from being tried.
		for kind := byte(0); kind < 8; kind++ {
			if err := r.entry(entry{kind, b}); err != nil && !errors.Is(err, errGarbled) && kind != kindTotals {
				t.Fatal(err)
			}
		}
		size := 0
		for _, in := range r.open {
			size += len(in.Path) + len(in.Service)
		}
		if size > 2*len(b) {
			t.Fatalf("%d bytes of text from %d", size, len(b))
		}
	})
}
