package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock gives one more second with every look.
func clock() func() time.Time {
	at := time.Date(2026, 11, 21, 8, 30, 0, 123456789, time.UTC)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

func open(t *testing.T, opt Options) *Writer {
	t.Helper()
	if opt.Now == nil {
		opt.Now = clock()
	}
	w, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closeWriter(t *testing.T, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// show renders an entry as tests compare it.
func show(e Entry) string {
	mark := ""
	if e.Truncated {
		mark = " (truncated)"
	}
	return fmt.Sprintf("%s %s %s%s", e.Instance, e.Stream, e.Text, mark)
}

func read(t *testing.T, q Query) []string {
	t.Helper()
	var got []string
	if err := Read(t.Context(), q, func(e Entry) error {
		got = append(got, show(e))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFileFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\ntw"))
	w.Write(Stderr, []byte("\xff\xfe\x00 bytes\n"))
	w.Write(Stdout, []byte("o\n\nopen"))
	w.Write(Stderr, []byte("end"))
	w.EndStream(Stderr)
	closeWriter(t, w)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "2026-11-21T08:30:01.123456789Z stdout F one\n" +
		"2026-11-21T08:30:02.123456789Z stderr F \xff\xfe\x00 bytes\n" +
		"2026-11-21T08:30:03.123456789Z stdout F two\n" +
		"2026-11-21T08:30:03.123456789Z stdout F \n" +
		"2026-11-21T08:30:04.123456789Z stderr F end\n" +
		"2026-11-21T08:30:05.123456789Z stdout P open\n"
	if string(got) != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: -1}),
		"x stdout one", "x stderr \xff\xfe\x00 bytes", "x stdout two", "x stdout ", "x stderr end", "x stdout open")
	equal(t, read(t, Query{Sources: []Source{{"x", path}}, Lines: 2, Streams: OnlyStdout}), "x stdout ", "x stdout open")
}

func TestReadEndsWithTheCallersError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\ntwo\n"))
	closeWriter(t, w)
	stop := errors.New("enough")
	for _, n := range []int{-1, 2} {
		var calls int
		err := Read(context.Background(), Query{Sources: []Source{{"x", path}}, Lines: n}, func(Entry) error {
			calls++
			return stop
		})
		if !errors.Is(err, stop) || calls != 1 {
			t.Fatalf("lines %d: %d calls, error %v", n, calls, err)
		}
	}
}
