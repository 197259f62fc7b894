package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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

// TestDiskFull fills the disk at every possible byte and wants: what is in the file parses, and what is not is
// counted exactly and told once.
func TestDiskFull(t *testing.T) {
	chunks := []struct {
		s    Stream
		text string
	}{
		{Stdout, "one\ntwo\nthr"}, {Stderr, "E1\nE2"}, {Stdout, "ee\nfour\n"}, {Stderr, "\nE3\n"}, {Stdout, strings.Repeat("x", maxPart+9)}, {Stdout, "\nend"},
	}
	var total int
	for _, c := range chunks {
		total += len(c.text)
	}
	step := int64(1)
	for room := int64(0); room < int64(total+700); room += step {
		if step = 1; room > 600 && room < maxPart {
			step = 4001
		}
		d := newFakeDisk()
		w := open(t, Options{Path: "/logs/x.log", disk: d})
		d.set(room, nil)
		for _, c := range chunks {
			w.Write(c.s, []byte(c.text))
		}
		w.EndStream(Stdout)
		lost := w.Lost()
		if err := w.Err(); err != nil && (lost == 0 || !errors.Is(err, syscall.ENOSPC)) {
			t.Fatalf("room %d: lost %d, error %v", room, lost, err)
		}
		d.set(-1, nil)
		w.Write(Stdout, []byte("alive\n"))
		closeWriter(t, w)
		out, _ := rejoin(t, d.all("/logs/x.log"))
		if w.Lost() != lost {
			t.Fatalf("room %d: lost %d more with room enough", room, w.Lost()-lost)
		}
		checkLoss(t, room, total+len("alive\n"), lost, out)
	}
}

// checkLoss wants every byte that was written or counted.
func checkLoss(t *testing.T, room int64, total int, lost int64, out [streams][]byte) {
	t.Helper()
	var marked int64
	var kept int
	for line := range strings.Lines(string(out[Stderr])) {
		var n int64
		if _, err := fmt.Sscanf(line, "aictl: %d bytes of output lost", &n); err == nil {
			marked += n
			continue
		}
		kept += len(line)
	}
	kept += len(out[Stdout])
	if marked != lost {
		t.Fatalf("room %d: lost %d, marked %d\n%s", room, lost, marked, out[Stderr])
	}
	// A line that was cut by a loss ends with a newline that the service never wrote, one per stream and gap.
	if diff := kept + int(lost) - total; diff < 0 || diff > 4 {
		t.Fatalf("room %d: %d kept + %d lost of %d", room, kept, lost, total)
	}
}

func TestAFileThatCannotBeRepairedTakesNothing(t *testing.T) {
	d := newFakeDisk()
	w := open(t, Options{Path: "/logs/x.log", disk: d})
	w.Write(Stdout, []byte("one\n"))
	f := d.files["/logs/x.log"]
	f.noTrunc = true
	d.set(10, nil) // half a record fits
	w.Write(Stdout, []byte("two\n"))
	d.set(-1, nil)
	w.Write(Stdout, []byte("three\n"))
	if w.Lost() != int64(len("two\nthree\n")) || w.Err() == nil {
		t.Fatalf("lost %d, error %v", w.Lost(), w.Err())
	}
	f.noTrunc = false
	w.Write(Stdout, []byte("four\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if string(out[Stdout]) != "one\nfour\n" || !strings.HasPrefix(string(out[Stderr]), "aictl: 10 bytes of output lost") {
		t.Fatalf("%q", out)
	}
}

func TestOpensLater(t *testing.T) {
	d := newFakeDisk()
	d.set(-1, syscall.EACCES)
	w := open(t, Options{Path: "/logs/x.log", disk: d})
	if !errors.Is(w.Err(), syscall.EACCES) {
		t.Fatalf("error %v", w.Err())
	}
	w.Write(Stdout, []byte("lost\n"))
	d.set(-1, nil)
	w.Write(Stdout, []byte("kept\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if w.Lost() != 5 || string(out[Stdout]) != "kept\n" || !strings.Contains(string(out[Stderr]), "5 bytes of output lost: open log: permission denied") {
		t.Fatalf("lost %d: %q", w.Lost(), out)
	}
}

func TestGoesOnWhenItsFolderIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(dir, "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\n"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	w.Write(Stdout, []byte("two\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, content(t, path))
	if string(out[Stdout]) != "two\n" || w.Lost() != 0 {
		t.Fatalf("%q, lost %d", out, w.Lost())
	}
}

// TestRotationThatFails wants the current file to go on.
func TestRotationThatFails(t *testing.T) {
	d := newFakeDisk()
	w := open(t, Options{Path: "/logs/x.log", MaxBytes: 100, disk: d})
	w.Write(Stdout, []byte("one\n"))
	d.set(-1, syscall.ENOSPC)
	w.Write(Stdout, bytes.Repeat([]byte("y"), 100))
	w.Write(Stdout, []byte("\n"))
	if seqs, _ := d.Rotated("/logs/x.log"); len(seqs) != 0 || w.Lost() != 0 {
		t.Fatalf("rotated %v, lost %d", seqs, w.Lost())
	}
	d.set(-1, nil)
	w.Write(Stdout, []byte("two\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if seqs, _ := d.Rotated("/logs/x.log"); len(seqs) != 1 || string(out[Stdout]) != "one\n"+strings.Repeat("y", 100)+"\ntwo\n" {
		t.Fatalf("rotated %v: %q", seqs, out)
	}
}

func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); errors.Is(err, fs.ErrNotExist) {
		t.Log("this system has no /dev/full; the disk in memory stands for it")
		return
	}
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\ntwo\n"))
	if w.Lost() != 8 || !errors.Is(w.Err(), syscall.ENOSPC) {
		t.Fatalf("lost %d, error %v", w.Lost(), w.Err())
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("close: %v", err)
	}
	w.Write(Stdout, []byte("late"))
	if w.Lost() != 12 {
		t.Fatalf("lost %d", w.Lost())
	}
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
