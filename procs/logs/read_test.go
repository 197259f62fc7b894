package logs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// writeRandom makes a log of both streams, with lines of several parts and rotated files, and returns its path.
func writeRandom(t *testing.T, seed uint64, maxBytes int64, count int) string {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 2))
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: maxBytes, Files: 1000})
	for i := range count {
		s := Stream(rnd.IntN(streams))
		text := fmt.Sprintf("%05d %s", i, strings.Repeat(string(rune('a'+rnd.IntN(26))), rnd.IntN(200)))
		switch rnd.IntN(40) {
		case 0:
			text += strings.Repeat("L", maxPart+rnd.IntN(3*maxPart))
		case 1:
			w.Write(s, []byte(text))
			w.Flush()
			continue
		}
		w.Write(s, []byte(text+"\n"))
	}
	closeWriter(t, w)
	return path
}

type shown struct {
	at   time.Time
	text string
	s    Stream
}

func readAll(t *testing.T, q Query) []shown {
	t.Helper()
	var all []shown
	if err := Read(t.Context(), q, func(e Entry) error {
		all = append(all, shown{e.Time, string(e.Text), e.Stream})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestQueriesAgree compares what the shortcuts (reading backwards, halving) give with what reading everything and
// choosing gives.
func TestQueriesAgree(t *testing.T) {
	for seed, maxBytes := range []int64{30_000, 300_000, 10_000_000} {
		path := writeRandom(t, uint64(seed), maxBytes, 2000)
		sources := []Source{{"x", path}}
		all := readAll(t, Query{Sources: sources, Lines: -1})
		if len(all) < 1900 {
			t.Fatalf("only %d lines", len(all))
		}
		rnd := rand.New(rand.NewPCG(uint64(seed), 3))
		for range 60 {
			q := Query{Sources: sources, Lines: rnd.IntN(2500) - 1, Streams: StreamSet(rnd.IntN(4))}
			if rnd.IntN(2) == 0 {
				q.Lines = rnd.IntN(30) - 1
			}
			if rnd.IntN(2) == 0 {
				q.Since = all[rnd.IntN(len(all))].at.Add(time.Duration(rnd.IntN(3)-1) * time.Millisecond)
			}
			if rnd.IntN(2) == 0 {
				q.Grep = regexp.MustCompile(fmt.Sprintf("%d", rnd.IntN(100)))
			}
			want := choose(all, q)
			if got := readAll(t, q); !slices.Equal(got, want) {
				t.Fatalf("%d-byte files, lines %d, since %v, grep %v, streams %d: %d lines, want %d",
					maxBytes, q.Lines, q.Since, q.Grep, q.Streams, len(got), len(want))
			}
		}
	}
}

func choose(all []shown, q Query) []shown {
	var out []shown
	for _, e := range all {
		if q.Streams.Has(e.s) && !e.at.Before(q.Since) && (q.Grep == nil || q.Grep.MatchString(e.text)) {
			out = append(out, e)
		}
	}
	if q.Lines >= 0 {
		out = out[max(0, len(out)-q.Lines):]
	}
	return out
}

func TestMergesSourcesByTime(t *testing.T) {
	dir := t.TempDir()
	at := clock()
	var sources []Source
	var writers []*Writer
	for i := range 3 {
		name := fmt.Sprintf("ocr/%d", i)
		path := filepath.Join(dir, fmt.Sprintf("%d.log", i))
		sources = append(sources, Source{name, path})
		writers = append(writers, open(t, Options{Path: path, Now: at}))
	}
	sources = append(sources, Source{"none/0", filepath.Join(dir, "missing", "none.log")})
	var want []string
	for i := range 30 {
		n := i * 7 % 3
		writers[n].Write(Stdout, fmt.Appendf(nil, "line %d\n", i))
		want = append(want, fmt.Sprintf("ocr/%d stdout line %d", n, i))
	}
	for _, w := range writers {
		closeWriter(t, w)
	}
	equal(t, read(t, Query{Sources: sources, Lines: -1}), want...)
	equal(t, read(t, Query{Sources: sources, Lines: 7}), want[23:]...)
	equal(t, read(t, Query{Sources: sources, Lines: 2, Grep: regexp.MustCompile("line [0-9]$")}), want[8:10]...)
	equal(t, read(t, Query{Sources: sources}))
}

func TestSkipsWhatIsNoRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	const stamp = "2026-11-21T08:30:00.000000000Z "
	lines := []string{
		stamp + "stdout F one", "", "garbage", strings.Repeat("z", 3*scanBytes), stamp + "stdin F x", stamp + "stdout X x",
		"2026-13-21T08:30:00.000000000Z stdout F x", stamp + "stdout", stamp + "stdout F",
		stamp + "stdout F:tag two", "2026-11-21T16:30:01+08:00 stderr F three", "\x00\x00", stamp + "stdout F ",
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"+stamp+"stdout F no newline"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 4} {
		equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: n}), "x stdout one", "x stdout two", "x stderr three", "x stdout ")
	}
}

// TestTailReadsTheEndOnly spoils the beginning of a log so that reading it would be seen.
func TestTailReadsTheEndOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: 1_000_000})
	for i := range 50_000 {
		w.Write(Stdout, fmt.Appendf(nil, "line %06d %s\n", i, strings.Repeat(".", 50)))
	}
	closeWriter(t, w)
	files, err := openChain(path)
	if err != nil {
		t.Fatal(err)
	}
	counted := &countingReader{chain: files}
	q := &Query{Lines: 10}
	s := &source{Source: Source{"x", path}, path: path, query: q, files: files, scan: newScanner(counted, 0)}
	entries, err := s.tail(t.Context(), 10)
	if err != nil || len(entries) != 10 || !strings.HasPrefix(string(entries[9].Text), "line 049999") {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if most := firstBlock + lookBack + 2*scanBytes; counted.n > most {
		t.Fatalf("read %d bytes, more than %d", counted.n, most)
	}
}

type countingReader struct {
	*chain
	n int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.chain.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

func TestParseStream(t *testing.T) {
	for _, s := range []Stream{Stdout, Stderr} {
		if got, err := ParseStream(s.String()); got != s || err != nil {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	if _, err := ParseStream("both"); err == nil {
		t.Error("both is a stream")
	}
}
