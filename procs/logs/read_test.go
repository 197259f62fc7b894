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
			switch rnd.IntN(3) {
			case 0:
				q.Lines = rnd.IntN(30)
			case 1:
				q.Lines = -1
			}
			if rnd.IntN(2) == 0 {
				q.Since = all[rnd.IntN(len(all))].at.Add(time.Duration(rnd.IntN(3)-1) * time.Millisecond)
			}
			if rnd.IntN(2) == 0 {
				q.Grep = regexp.MustCompile(fmt.Sprintf("%d", rnd.IntN(100)))
			}
			want := choose(all, q)
			if got := readAll(t, q); !slices.Equal(got, want) {
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Errorf("line %d: %v %.60q of %d, want %v %.60q of %d", i, got[i].at, got[i].text, len(got[i].text), want[i].at, want[i].text, len(want[i].text))
						break
					}
				}
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

// TestSinceFindsTheBeginningOfALine asks for a line that ended after, and began long before.
func TestSinceFindsTheBeginningOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path})
	fill := func() {
		for range 2000 {
			w.Write(Stderr, []byte(strings.Repeat("e", 100)+"\n"))
		}
	}
	fill()
	w.Write(Stdout, []byte("half"))
	w.Flush()
	fill()
	w.Write(Stdout, []byte(" and half\n"))
	fill()
	closeWriter(t, w)
	q := Query{Sources: []Source{{"x", path}}, Lines: -1, Streams: OnlyStdout}
	all := readAll(t, q)
	q.Since = all[0].at
	equal(t, read(t, q), "x stdout half and half")
	q.Lines = 1
	equal(t, read(t, q), "x stdout half and half")
	q.Since = q.Since.Add(1)
	equal(t, read(t, q))
}

// TestChainOfALogRotatedMeanwhile covers a rotation between the opening of the current file and the listing.
func TestChainOfALogRotatedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rotatedName(path, 1), "old")
	write(path, "current")
	current, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, rotatedName(path, 2)); err != nil {
		t.Fatal(err)
	}
	write(rotatedName(path, 3), "newer")
	write(path, "newest")
	c := &chain{path: path}
	if err := c.openRotated(current); err != nil {
		t.Fatal(err)
	}
	if err := c.push(current); err != nil {
		t.Fatal(err)
	}
	if got := c.size(); got != int64(len("oldcurrent")) {
		t.Fatalf("%d bytes before growing", got)
	}
	if _, err := c.grow(0); err != nil {
		t.Fatal(err)
	}
	if got := c.size(); got != int64(len("oldcurrentnewernewest")) {
		t.Fatalf("%d bytes after growing", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTailReadsTheEndOnly counts the bytes that ten lines of a large log take.
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
