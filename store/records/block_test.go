package records

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"reflect"
	"testing"
	"time"
)

func testCodec(t testing.TB) *codec {
	t.Helper()
	c, err := newCodec()
	ok(t, err)
	t.Cleanup(c.close)
	return c
}

// drawRecords makes records of every form.
func drawRecords(t testing.TB, r *rand.Rand, n int) []record {
	t.Helper()
	recs := make([]record, n)
	var h hasher
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for i := range recs {
		x := exchange(noon.Add(time.Duration(i)*time.Second), i)
		x.Service, x.Model, x.Session, x.User = pick("a", "b", ""), pick("", "m"), pick("", "s", "t"), pick("", "u")
		x.Error, x.Query, x.Cached, x.Status = pick("", "e\nf"), pick("", "a=b", "\xff"), r.IntN(2) == 0, r.IntN(700)-100
		x.TraceID = pick(x.TraceID, "odd", "")
		if r.IntN(3) == 0 {
			x.Tags = map[string]string{pick("k", "l:m"): pick("v", "")}
		}
		x.Request.Header = http.Header{"Content-Length": {fmt.Sprint(r.IntN(50))}, "X": {pick("1", "2\n3"), "4"}}
		x.Response.Trailer = http.Header{pick("A", "B"): {"c"}}
		x.Response.Body = noise(r.IntN(300))
		if r.IntN(3) == 0 {
			x.Response.Chunks = []Chunk{{At: time.Duration(r.IntN(1e6)) * time.Microsecond, End: int64(r.IntN(100))}, {}}
			x.Request.Frames = []Frame{{At: time.Millisecond, Opcode: byte(r.IntN(256)), Final: r.IntN(2) == 0, Size: int64(r.IntN(1000)), Kept: 3}}
			x.Request.Parts = []Part{{Name: "p", Size: int64(r.IntN(9)), SHA256: emptySum}}
		}
		x.Duration = time.Duration(r.Int64N(1e12)-1e9) / 1000 * 1000
		recordOf(x, parseID(t, x.ID), &recs[i])
		binary.LittleEndian.PutUint32(recs[i].tag[:], r.Uint32())
		switch r.IntN(8) {
		case 0:
			recs[i].erase(&h)
		case 1:
			recs[i].remove(&h)
		case 2:
			s := &recs[i].sides[request]
			s.file, s.packed, s.body = true, r.IntN(2) == 0, nil
		}
	}
	return recs
}

func rawOf(recs []record) *raw {
	b := newRaw(recs)
	for i := range recs {
		b.add(&recs[i])
	}
	return b
}

// same compares records by what is stored of them.
func same(t *testing.T, got, want []record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	var h hasher
	for i := range want {
		if got[i].id != want[i].id || got[i].state != want[i].state || got[i].tag != want[i].tag || got[i].texts != want[i].texts || h.leaf(&got[i]) != h.leaf(&want[i]) {
			t.Fatalf("record %d came back as\n%+v, want\n%+v", i, got[i], want[i])
		}
		for s := range want[i].sides {
			g, w := &got[i].sides[s], &want[i].sides[s]
			if g.erased != w.erased || g.file != w.file || g.packed != w.packed || string(g.body) != string(w.body) || !reflect.DeepEqual(g.message(), w.message()) {
				t.Fatalf("side %d of record %d came back as\n%+v, want\n%+v", s, i, *g, *w)
			}
		}
	}
}

// TestBlocksJoin cuts records at every kind of place and joins the pieces: the result must be what it was.
func TestBlocksJoin(t *testing.T) {
	c := testCodec(t)
	for seed := range 40 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		recs := drawRecords(t, r, 1+r.IntN(60))
		joined := &raw{}
		for at := 0; at < len(recs); {
			n := 1 + r.IntN(len(recs)-at)
			joined.join(rawOf(recs[at : at+n]))
			at += n
		}
		p := c.packBlock(joined)
		b, err := c.unpackBlock(p.seal(joined.fixed))
		ok(t, err)
		got, err := b.records()
		ok(t, err)
		same(t, got, recs)
	}
}

// TestDamagedBlocksAreTold flips bits and cuts ends.
func TestDamagedBlocksAreTold(t *testing.T) {
	c := testCodec(t)
	recs := drawRecords(t, rand.New(rand.NewPCG(1, 1)), 20)
	b := rawOf(recs)
	data := c.packBlock(b).seal(b.fixed)
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1 << (i % 8)
		if _, err := c.unpackBlock(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
		if _, err := c.unpackBlock(data[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
}

// FuzzBlock reads hostile bytes whose checksum is right.
func FuzzBlock(f *testing.F) {
	c := testCodec(f)
	for seed := range 6 {
		b := rawOf(drawRecords(f, rand.New(rand.NewPCG(uint64(seed), 9)), 1+seed*seed))
		f.Add(c.packBlock(b).data)
	}
	f.Add([]byte{blockVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		data = binary.LittleEndian.AppendUint32(data[:len(data):len(data)], crc32.Checksum(data, castagnoli))
		b, err := c.unpackBlock(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		readBack(t, b)
	})
}

// FuzzRecords reads hostile streams.
func FuzzRecords(f *testing.F) {
	for seed := range 6 {
		b := rawOf(drawRecords(f, rand.New(rand.NewPCG(uint64(seed), 9)), 1+seed*seed))
		f.Add(b.n, b.fixed, b.random, b.nums, b.texts, b.bodies)
	}
	f.Fuzz(func(t *testing.T, n int, fixed, random, nums, texts, bodies []byte) {
		if n < 0 || n > maxClaimed {
			return
		}
		readBack(t, &raw{n: n, fixed: fixed, random: random, nums: nums, texts: texts, bodies: bodies})
	})
}

// readBack decodes, and looks at all that came out.
func readBack(t *testing.T, b *raw) {
	t.Helper()
	recs, err := b.records()
	if err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("error is %v", err)
	}
	var h hasher
	for i := range recs {
		r := &recs[i]
		h.leaf(r)
		if x := r.listed(); x.ID == "" || len(decodeHeader(r.texts[textReqHeader])) > len(r.texts[textReqHeader]) {
			t.Fatalf("record %d came out as %+v", i, x)
		}
		r.erase(&h)
	}
}
