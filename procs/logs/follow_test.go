package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// follower collects what a Read with Follow gives.
type follower struct {
	mu   sync.Mutex
	got  []string
	done chan error
	stop context.CancelFunc
}

func startFollow(t *testing.T, q Query) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{done: make(chan error, 1), stop: cancel}
	q.Follow = true
	go func() {
		f.done <- Read(ctx, q, func(e Entry) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.got = append(f.got, show(e))
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-f.done; !errors.Is(err, context.Canceled) {
			t.Errorf("follow ended with %v", err)
		}
	})
	return f
}

func (f *follower) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// wait wants the follower to have read n lines within a few seconds.
func (f *follower) wait(t *testing.T, n int) []string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		got := f.lines()
		if len(got) >= n {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines after ten seconds, want %d; the last: %q", len(got), n, got[max(0, len(got)-3):])
		}
		<-tick.C
	}
}

func TestFollowAcrossRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: 2000, Files: 100_000})
	w.Write(Stdout, []byte("old 1\nold 2\nold 3\nhalf"))
	w.Flush()
	f := startFollow(t, Query{Sources: []Source{{"x", path}}, Lines: 1})
	f.wait(t, 1)
	w.Write(Stdout, []byte(" and half\n"))
	want := []string{"x stdout old 3", "x stdout half and half"}
	for i := range 3000 {
		w.Write(Stdout, fmt.Appendf(nil, "line %d, some more text\n", i))
		want = append(want, fmt.Sprintf("x stdout line %d, some more text", i))
	}
	got := f.wait(t, len(want))
	closeWriter(t, w)
	equal(t, got, want...)
	seqs, err := rotated(path)
	if err != nil || len(seqs) < 50 {
		t.Fatalf("%d rotations, %v", len(seqs), err)
	}
}

func TestFollowALogThatAppearsLater(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "later", "x.log")
	other := filepath.Join(dir, "y.log")
	f := startFollow(t, Query{Sources: []Source{{"x", path}, {"y", other}}, Lines: 10})
	wy := open(t, Options{Path: other})
	wy.Write(Stderr, []byte("y is here\n"))
	f.wait(t, 1)
	wx := open(t, Options{Path: path})
	wx.Write(Stdout, []byte("x is here\n"))
	equal(t, f.wait(t, 2), "y stderr y is here", "x stdout x is here")
	// The folder goes and comes back.
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	wx.Write(Stdout, []byte("x is back\n"))
	equal(t, f.wait(t, 3)[2:], "x stdout x is back")
	closeWriter(t, wx)
	closeWriter(t, wy)
}

// TestFollowAFileCutShort covers what `: > x.log` does to a reader.
func TestFollowAFileCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\ntwo\n"))
	f := startFollow(t, Query{Sources: []Source{{"x", path}}, Lines: -1})
	f.wait(t, 2)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	w.Write(Stdout, []byte("new\n"))
	equal(t, f.wait(t, 3)[2:], "x stdout new")
	closeWriter(t, w)
}

// TestGrowTakesBackHalfARecord covers a reader that saw a record the Writer then had to cut off.
func TestGrowTakesBackHalfARecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	const head = "2026-11-21T08:30:00.000000000Z stdout F "
	whole := head + "one\n"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(whole + head + strings.Repeat("half", 20))
	q := &Query{Lines: -1, Follow: true}
	s, err := openSource(q, Source{"x", path})
	if err != nil {
		t.Fatal(err)
	}
	next := func() string {
		t.Helper()
		e, ok, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return ""
		}
		return string(e.Text)
	}
	grow := func() {
		t.Helper()
		if err := s.grow(); err != nil {
			t.Fatal(err)
		}
	}
	if got := next() + "," + next(); got != "one," {
		t.Fatalf("read %q", got)
	}
	if err := os.Truncate(path, int64(len(whole))); err != nil {
		t.Fatal(err)
	}
	grow()
	if got := next(); got != "" {
		t.Fatalf("read %q", got)
	}
	write(whole + head + "two\n")
	grow()
	if got := next() + "," + next(); got != "two," {
		t.Fatalf("read %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSuccessorOfARemovedFile covers a reader that is so far behind that its file was removed as the oldest.
func TestSuccessorOfARemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	w := open(t, Options{Path: path, MaxBytes: 60, Files: 3})
	w.Write(Stdout, []byte("line 0, long enough\n"))
	q := &Query{Lines: -1, Follow: true}
	s, err := openSource(q, Source{"x", path})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 10; i++ {
		w.Write(Stdout, fmt.Appendf(nil, "line %d, long enough\n", i))
	}
	if err := s.grow(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		e, ok, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, string(e.Text[:6]))
	}
	equal(t, got, "line 0", "line 7", "line 8", "line 9")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closeWriter(t, w)
}

func TestReadStopsWithTheContext(t *testing.T) {
	path := writeRandom(t, 1, 1_000_000, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	var calls int
	err := Read(ctx, Query{Sources: []Source{{"x", path}}, Lines: -1}, func(Entry) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls > ctxEvery {
		t.Fatalf("%d calls, %v", calls, err)
	}
}
