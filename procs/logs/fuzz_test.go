package logs

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func FuzzParseRecord(f *testing.F) {
	for _, seed := range []string{
		"2026-11-21T08:30:00.123456789Z stdout F ready", "2026-11-21T08:30:00.123456789Z stderr P ",
		"2026-11-21T08:30:00Z stdout F:a:b x", "2026-02-31T08:30:00.123456789Z stdout F x", "", " ", "x stdout F y",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		rec, ok := parseRecord(in)
		if !ok || rec.at.Year() < 0 || rec.at.Year() > 9999 {
			return
		}
		again, ok := parseRecord(append(appendHead(nil, rec.at, rec.stream, rec.partial), rec.text...))
		if !ok || !again.at.Equal(rec.at) || again.stream != rec.stream || again.partial != rec.partial || !bytes.Equal(again.text, rec.text) {
			t.Fatalf("%q: %+v became %+v", in, rec, again)
		}
	})
}

// FuzzRead gives the reader any two files and wants it to end without a failure, and the ways of reading to agree.
func FuzzRead(f *testing.F) {
	const head = "2026-11-21T08:30:00.000000000Z stdout "
	f.Add([]byte(head+"F one\n"+head+"P two\n"), []byte(head+"F three\n"), int8(2))
	f.Add([]byte("\n\n"+head+"P \n"), []byte(head), int8(1))
	f.Add([]byte{}, []byte{0, '\n', 0xff}, int8(0))
	f.Fuzz(func(t *testing.T, old, current []byte, n int8) {
		path := filepath.Join(t.TempDir(), "x.log")
		for name, data := range map[string][]byte{rotatedName(path, 1): old, path: current} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		count := func(q Query) (lines int) {
			q.Sources = []Source{{"x", path}}
			if err := Read(context.Background(), q, func(e Entry) error {
				if bytes.IndexByte(e.Text, '\n') >= 0 {
					t.Fatalf("a line with a newline: %q", e.Text)
				}
				lines++
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return lines
		}
		all := count(Query{Lines: -1})
		if tail, want := count(Query{Lines: int(n)}), min(int(n), all); n >= 0 && tail != want {
			t.Fatalf("%d of %d lines for a tail of %d", tail, all, n)
		}
		count(Query{Lines: -1, Since: time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)})
	})
}

// FuzzWriter gives the Writer any chunks and wants every byte back.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("one\ntwo"), []byte("\n\nthree"), uint16(50))
	f.Add([]byte("2026-11-21T08:30:00.000000000Z stdout F x\n"), []byte{}, uint16(1))
	f.Fuzz(func(t *testing.T, a, b []byte, maxBytes uint16) {
		d := newFakeDisk()
		w, err := Open(Options{Path: "/x.log", MaxBytes: int64(maxBytes) + 1, Files: 5000, Now: clock(), disk: d})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(Stdout, a)
		w.Write(Stderr, b)
		w.Write(Stdout, b)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out, _ := rejoin(t, d.all("/x.log"))
		if !bytes.Equal(out[Stdout], append(bytes.Clone(a), b...)) || !bytes.Equal(out[Stderr], b) || w.Lost() != 0 {
			t.Fatalf("wrote %q and %q, found %q", a, b, out)
		}
	})
}
