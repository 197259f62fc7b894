package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// join puts the streams together again from a log's content, and fails on anything that is no record.
func rejoin(t *testing.T, content []byte) (out [streams][]byte, lines int) {
	t.Helper()
	for l := range bytes.Lines(content) {
		rec, ok := parseRecord(bytes.TrimSuffix(l, []byte{'\n'}))
		if !ok || l[len(l)-1] != '\n' {
			t.Fatalf("not a record: %q", l)
		}
		lines++
		out[rec.stream] = append(out[rec.stream], rec.text...)
		if !rec.partial {
			out[rec.stream] = append(out[rec.stream], '\n')
		}
	}
	return out, lines
}

// content is everything that is kept of a log.
func content(t *testing.T, path string) []byte {
	t.Helper()
	seqs, err := rotated(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range append(rotatedNames(path, seqs), path) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// TestRotationLosesNothing writes random lines of two streams in random pieces and wants every byte back in order,
// from the files and through Read.
func TestRotationLosesNothing(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			path := filepath.Join(t.TempDir(), "x.log")
			opt := Options{Path: path, MaxBytes: 200 + rnd.Int64N(3000), Files: 100_000}
			w := open(t, opt)
			var want [streams][]byte
			var left [streams][]byte
			for s := range left {
				for range 300 {
					left[s] = append(left[s], randomLine(rnd)...)
				}
				want[s] = bytes.Clone(left[s])
			}
			for len(left[0])+len(left[1]) > 0 {
				s := Stream(rnd.IntN(streams))
				n := min(len(left[s]), rnd.IntN(400))
				w.Write(s, left[s][:n])
				left[s] = left[s][n:]
				if rnd.IntN(50) == 0 { // the keeper replaces itself
					closeWriter(t, w)
					w = open(t, opt)
				}
			}
			closeWriter(t, w)
			got, _ := rejoin(t, content(t, path))
			for s := range want {
				if !bytes.Equal(got[s], want[s]) {
					t.Fatalf("stream %d: wrote %d bytes, found %d", s, len(want[s]), len(got[s]))
				}
			}
			if w.Lost() != 0 {
				t.Fatalf("lost %d", w.Lost())
			}
			checkRead(t, path, want)
			checkSizes(t, path, opt.MaxBytes)
		})
	}
}

func randomLine(rnd *rand.Rand) []byte {
	line := make([]byte, rnd.IntN(120))
	for i := range line {
		if line[i] = byte(rnd.IntN(256)); line[i] == '\n' {
			line[i] = 0
		}
	}
	return append(line, '\n')
}

func checkRead(t *testing.T, path string, want [streams][]byte) {
	t.Helper()
	for s := range Stream(streams) {
		var got []byte
		q := Query{Sources: []Source{{"x", path}}, Lines: -1, Streams: 1 << s}
		if err := Read(t.Context(), q, func(e Entry) error {
			got = append(append(got, e.Text...), '\n')
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[s]) {
			t.Fatalf("%v: wrote %d bytes, read %d", s, len(want[s]), len(got))
		}
	}
}

// checkSizes wants no file longer than it may be: one record may be longer than MaxBytes, and a line cut by the
// replacing of the keeper may keep a file from being rotated.
func checkSizes(t *testing.T, path string, maxBytes int64) {
	t.Helper()
	seqs, err := rotated(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(seqs) < 3 {
		t.Fatalf("only %d rotations", len(seqs))
	}
	for _, name := range rotatedNames(path, seqs) {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > (foreverFactor+1)*maxBytes {
			t.Errorf("%s has %d bytes, the limit is %d", name, st.Size(), maxBytes)
		}
	}
}

func TestKeepsTheNewestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	opt := Options{Path: path, MaxBytes: 100, Files: 3}
	w := open(t, opt)
	for i := range 20 {
		w.Write(Stdout, fmt.Appendf(nil, "line %02d that is long enough to fill half a file\n", i))
	}
	closeWriter(t, w)
	names := func() string {
		all, err := filepath.Glob(path + "*")
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			all[i] = filepath.Base(all[i])
		}
		return strings.Join(all, " ")
	}
	if got, want := names(), "x.log x.log.000018 x.log.000019"; got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
	opt.Files = 2 // the policy changed
	closeWriter(t, open(t, opt))
	if got, want := names(), "x.log x.log.000019"; got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
	// A file of another name is none of the log's.
	other := path + ".backup"
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != "x.log.backup" {
		t.Fatalf("left over: %s", got)
	}
}

func TestAnEndlessLineIsRotatedAtLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: 100_000, Files: 100})
	chunk := bytes.Repeat([]byte("0123456789"), 1000)
	for range 200 {
		w.Write(Stdout, chunk)
	}
	w.EndStream(Stdout)
	closeWriter(t, w)
	got, _ := rejoin(t, content(t, path))
	if want := append(bytes.Repeat(chunk, 200), '\n'); !bytes.Equal(got[Stdout], want) {
		t.Fatalf("wrote %d bytes, found %d", len(want), len(got[Stdout]))
	}
	seqs, err := rotated(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(seqs) < 3 || len(seqs) > 5 {
		t.Fatalf("%d rotations of a line 20 times as long as a file", len(seqs))
	}
}

// TestFilesChangeBetweenLines wants every file to hold whole lines only, while lines of both streams grow part by part.
func TestFilesChangeBetweenLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: 1000, Files: 1000})
	for i := range 400 {
		w.Write(Stderr, []byte("begun"))
		w.Flush()
		w.Write(Stdout, fmt.Appendf(nil, "%s\n", strings.Repeat("o", i%300)))
		w.Write(Stderr, []byte(" and ended\n"))
	}
	closeWriter(t, w)
	seqs, err := rotated(path)
	if err != nil || len(seqs) < 20 {
		t.Fatalf("%d rotations, %v", len(seqs), err)
	}
	for _, name := range rotatedNames(path, seqs) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for s, text := range first(rejoin(t, data)) {
			if len(text) > 0 && text[len(text)-1] != '\n' || s == int(Stderr) && strings.ReplaceAll(string(text), "begun and ended\n", "") != "" {
				t.Fatalf("%s cuts a line of stream %d", name, s)
			}
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

func TestKeepsNoBufferBetweenLines(t *testing.T) {
	w := open(t, Options{Path: filepath.Join(t.TempDir(), "x.log")})
	w.Write(Stdout, []byte("begun"))
	w.Write(Stderr, bytes.Repeat([]byte("e"), 3*maxPart))
	if n := len(w.tail[Stdout]); n != 5 {
		t.Fatalf("%d bytes remembered", n)
	}
	if n := cap(w.tail[Stderr]); n > 2*maxPart {
		t.Fatalf("%d bytes kept of a line that does not end", n)
	}
	w.Write(Stdout, []byte(" and ended\n"))
	w.EndStream(Stderr)
	if w.tail[Stdout] != nil || w.tail[Stderr] != nil {
		t.Fatal("a buffer is kept")
	}
	closeWriter(t, w)
}

func TestLongLines(t *testing.T) {
	long := bytes.Repeat([]byte("a"), 10_000_000)
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("before\n"))
	for piece := range bytes.Lines(append(bytes.Repeat([]byte("b"), maxPart), '\n')) { // exactly one part
		w.Write(Stderr, piece)
	}
	for rest := long; len(rest) > 0; rest = rest[min(len(rest), 50_000):] {
		w.Write(Stdout, rest[:min(len(rest), 50_000)])
	}
	w.Write(Stdout, []byte("\nafter\n"))
	closeWriter(t, w)
	for _, lines := range []int{-1, 3} {
		var got []Entry
		if err := Read(t.Context(), Query{Sources: []Source{{"x", path}}, Lines: lines, Streams: OnlyStdout}, func(e Entry) error {
			e.Text = bytes.Clone(e.Text)
			got = append(got, e)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(got) != 3 || string(got[0].Text) != "before" || string(got[2].Text) != "after" {
			t.Fatalf("%d entries", len(got))
		}
		if !got[1].Truncated || !bytes.Equal(got[1].Text, long[:maxJoined]) || got[0].Truncated || got[2].Truncated {
			t.Fatalf("long line: %d bytes, truncated %v", len(got[1].Text), got[1].Truncated)
		}
	}
	equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: 1, Streams: OnlyStderr}), "x stderr "+strings.Repeat("b", maxPart))
}

func TestMendsATornEnd(t *testing.T) {
	const whole = "2026-11-21T08:30:00.000000000Z stdout F whole\n"
	for name, c := range map[string]struct{ end, want string }{
		"nothing":           {"", ""},
		"half a time":       {"2026-11-21T08:3", ""},
		"half a head":       {"2026-11-21T08:30:00.000000000Z stdo", ""},
		"a head":            {"2026-11-21T08:30:00.000000000Z stdout F ", "x stdout "},
		"half a line":       {"2026-11-21T08:30:00.000000000Z stderr F hal", "x stderr hal"},
		"zeros":             {strings.Repeat("\x00", 300_000), ""},
		"a line of nothing": {"garbage\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.log")
			if err := os.WriteFile(path, []byte(whole+c.end), 0o600); err != nil {
				t.Fatal(err)
			}
			w := open(t, Options{Path: path})
			w.Write(Stdout, []byte("next\n"))
			closeWriter(t, w)
			want := []string{"x stdout whole", "x stdout next"}
			if c.want != "" {
				want = []string{"x stdout whole", c.want, "x stdout next"}
			}
			equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: -1}), want...)
			equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: 10}), want...)
		})
	}
}

func TestEndStreamFinishesALineOfTheWriterBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("half"))
	closeWriter(t, w)
	w = open(t, Options{Path: path})
	w.Write(Stdout, []byte(" and half\nanother ha"))
	closeWriter(t, w)
	w = open(t, Options{Path: path})
	w.EndStream(Stdout) // the process is another one now
	w.EndStream(Stderr)
	w.Write(Stdout, []byte("new\n"))
	closeWriter(t, w)
	equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: -1}), "x stdout half and half", "x stdout another ha", "x stdout new")
}

func TestConcurrentWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: 5000, Files: 1000})
	var wg sync.WaitGroup
	for s := range Stream(streams) {
		wg.Go(func() {
			for i := range 500 {
				w.Write(s, fmt.Appendf(nil, "%d\nunfin", i))
				w.Write(s, []byte("ished\n"))
			}
		})
	}
	wg.Wait()
	closeWriter(t, w)
	out, lines := rejoin(t, content(t, path))
	if lines != 2000 || !bytes.Equal(out[Stdout], out[Stderr]) {
		t.Fatalf("%d lines, %d and %d bytes", lines, len(out[0]), len(out[1]))
	}
}

func TestBadOptions(t *testing.T) {
	for want, opt := range map[string]Options{
		"no path given":        {},
		"must not be negative": {Path: "x", MaxBytes: -1},
	} {
		if _, err := Open(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}
