package procs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/procs/logs"
)

// payload cuts time, stream and tag from each log line.
func payload(log, stream string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) == 4 && fields[1] == stream {
			lines = append(lines, fields[3])
		}
	}
	return lines
}

func TestOutputIsCompleteAndInOrder(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "lines", "100000")
	k.up(t, spec)
	lines := payload(readFile(spec.Log.Path), "stdout")
	if len(lines) != 100001 {
		t.Fatalf("%d lines, want 100001", len(lines))
	}
	for n, line := range lines[:100000] {
		if line != fmt.Sprintf("line %d", n) {
			t.Fatalf("line %d is %q", n, line)
		}
	}
}

func TestLastWordsAreKept(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "goodbye")
		k.up(t, spec)
		if _, err := k.client.StopWait(t.Context(), "ocr/1"); err != nil {
			t.Fatal(err)
		}
		log := readFile(spec.Log.Path)
		if out := payload(log, "stdout"); len(out) != 2001 || out[2000] != "goodbye 1999" {
			t.Errorf("%d lines of output", len(out))
		}
		if last := payload(log, "stderr"); len(last) != 1 || last[0] != "the last words" {
			t.Errorf("stderr: %q", last)
		}
	})
}

// A service that floods its log is neither stopped nor held in memory, and its pipe gets room.
func TestFloodAndLongLine(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	flood := k.spec(t, "flood/1", "bytes", "64")
	flood.Restart.Policy = PolicyNever
	flood.Log.MaxBytes, flood.Log.Files = 1<<20, 2
	if _, err := k.client.Apply(t.Context(), flood, ApplyOptions{Start: true}); err != nil {
		t.Fatal(err)
	}
	long := k.spec(t, "long/1", "long")
	long.Log.MaxBytes = 64 << 20
	k.up(t, long)
	status := k.waitStatus(t, "flood/1", "done", inState(StateStopped))
	if status.LogLost != 0 || status.LastExit.Code != 0 {
		t.Errorf("%+v", status)
	}
	if got := len(readFile(flood.Log.Path)); got > 1<<20 {
		t.Errorf("log of %d bytes, want at most %d", got, 1<<20)
	}
	line := strings.Join(payload(readFile(long.Log.Path), "stdout"), "")
	if want := strings.Repeat("\xff\xfe long", 10_000_000/7); !strings.HasPrefix(line, want) {
		t.Errorf("the long line did not arrive whole: %d bytes", len(line))
	}
}

// A full disk costs output, never the service.
func TestLogThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "lines", "1000")
	file := filepath.Join(k.dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spec.Log.Path = filepath.Join(file, "ocr.log") // a file stands where the folder should be
	status, err := k.client.Apply(t.Context(), spec, ApplyOptions{Start: true})
	if err != nil || status.State != StateRunning {
		t.Fatalf("%+v %v", status, err)
	}
	k.waitStatus(t, "ocr/1", "loss counted", func(s Status) bool { return s.LogLost > 8000 })
}

// recorder is an output for tests of a stream alone.
type recorder struct {
	bytes.Buffer
	ended int
}

func (r *recorder) Write(_ logs.Stream, chunk []byte) { r.Buffer.Write(chunk) }
func (r *recorder) EndStream(logs.Stream)             { r.ended++ }

// A loss is told to those who watch, though nothing else happens to the instance.
func TestLossIsToldToWatchers(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes, err := k.client.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	spec := k.spec(t, "ocr/1", "wait")
	spec.Log.Path = filepath.Join(k.dir, "keeper.lock", "no folder.log")
	if _, err := k.client.Apply(ctx, spec, ApplyOptions{Start: true}); err != nil {
		t.Fatal(err)
	}
	patience := time.After(30 * time.Second)
	for {
		select {
		case s := <-changes:
			if s.LogLost > 0 {
				return
			}
		case <-patience:
			t.Fatal("watchers were not told of lost output")
		}
	}
}

func TestStreamOutlivesItsWriters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	var got recorder
	s, err := openStream(path, logs.Stdout, &got, newPipeBudget(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		w, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "writer %d;", n)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.drain(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if got.String() != "writer 0;writer 1;writer 2;" || got.ended != 3 {
		t.Errorf("%q, %d ends", got.String(), got.ended)
	}
}

func TestPipeBudgetTakesFromTheQuietest(t *testing.T) {
	t.Parallel()
	budget := &pipeBudget{large: 1 << 20, slots: 2}
	var streams []*stream
	for n := range 3 {
		s, err := openStream(filepath.Join(t.TempDir(), fmt.Sprint(n)), logs.Stdout, new(recorder), budget, quiet())
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	grow := func(n int) {
		if err := streams[n].raw.Control(func(fd uintptr) { budget.grow(streams[n], int(fd)) }); err != nil {
			t.Fatal(err)
		}
	}
	grow(0)
	grow(1)
	grow(0)
	grow(2)
	if len(budget.held) != 2 || budget.held[0] != streams[0] || budget.held[1] != streams[2] {
		t.Errorf("the wrong stream lost its room")
	}
	for _, s := range streams {
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(budget.held) != 0 {
		t.Errorf("%d slots leaked", len(budget.held))
	}
}
