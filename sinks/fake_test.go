package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aictl/store/records"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// archive is a source in memory: days of records in the order of their commits.
type archive struct {
	mu   sync.Mutex
	days map[string][]records.Exchange
	fail error
}

func newArchive() *archive { return &archive{days: map[string][]records.Exchange{}} }

func (a *archive) add(day string, xs ...records.Exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.days[day] = append(a.days[day], xs...)
}

func (a *archive) remove(day string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.days, day)
}

func (a *archive) setFail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = err
}

func (a *archive) Follow(_ context.Context, from records.Position, limit int) ([]records.Exchange, records.Position, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return nil, nil, a.fail
	}
	next := records.Position{}
	var batch []records.Exchange
	for _, day := range slices.Sorted(maps.Keys(a.days)) {
		rows := a.days[day][from[day]:]
		n := min(len(rows), limit-len(batch))
		batch = append(batch, rows[:n]...)
		if at := from[day] + int64(n); at > 0 {
			next[day] = at
		}
	}
	return batch, next, nil
}

func (a *archive) Behind(_ context.Context, from records.Position) (map[string]int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	behind := map[string]int64{}
	for day, rows := range a.days {
		behind[day] = int64(len(rows)) - from[day]
	}
	return behind, nil
}

func (a *archive) Latest(context.Context) (records.Position, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := records.Position{}
	for day, rows := range a.days {
		at[day] = int64(len(rows))
	}
	return at, nil
}

// cursors is durable as far as the test goes.
type cursors struct {
	mu    sync.Mutex
	saved map[string]Cursor
	fail  func() error
}

func (c *cursors) LoadSink(_ context.Context, name string) (*Cursor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.saved[name]; ok {
		return &at, nil
	}
	return nil, nil
}

func (c *cursors) SaveSink(_ context.Context, name string, at Cursor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		if err := c.fail(); err != nil {
			return err
		}
	}
	at.Position = maps.Clone(at.Position)
	c.saved[name] = at
	return nil
}

// server is the far end. Like a database it keeps each id once; it may take a batch and then say that it failed.
type server struct {
	mu      sync.Mutex
	order   []string
	records map[string]*Record
	offered int
	write   func(batch []*Record) (stored bool, err error) // nil: all is well
	prepare func() error
	open    int
}

func newServer() *server { return &server{records: map[string]*Record{}} }

func (s *server) target(Config) (Target, error) { return &end{s}, nil }

type end struct{ s *server }

func (e *end) Prepare(context.Context) error {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.s.open++
	if e.s.prepare != nil {
		return e.s.prepare()
	}
	return nil
}

func (e *end) Write(_ context.Context, batch []*Record) error {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	stored, err := true, error(nil)
	if e.s.write != nil {
		stored, err = e.s.write(batch)
	}
	if !stored {
		return err
	}
	for _, r := range batch {
		e.s.offered++
		if e.s.records[r.ID] == nil {
			e.s.order = append(e.s.order, r.ID)
			e.s.records[r.ID] = r
		}
	}
	return err
}

func (e *end) Close() error {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.s.open--
	return nil
}

func (s *server) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

func exchanges(service string, from, n int) []records.Exchange {
	xs := make([]records.Exchange, n)
	for i := range xs {
		xs[i] = records.Exchange{ID: fmt.Sprintf("id-%06d", from+i), Service: service, StartedAt: time.Unix(int64(from+i), 0)}
		xs[i].Request.Body, xs[i].Request.SHA256 = []byte("request"), [32]byte{1}
		xs[i].Response.Body, xs[i].Response.SHA256 = []byte("response"), [32]byte{2}
	}
	return xs
}

var quick = Options{Poll: time.Millisecond, Count: time.Nanosecond, Backoff: time.Millisecond, Longest: 4 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}

func config(name string) Config {
	return Config{Name: name, URL: "fake://user:geheim@host/db", Bodies: BodiesFull, MaxBody: 1 << 20, From: FromBeginning, Batch: 10}
}

// running starts sinks; the returned function stops them.
func running(t *testing.T, s *Sinks) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func statusOf(s *Sinks, name string) Status {
	for _, st := range s.Status() {
		if st.Name == name {
			return st
		}
	}
	return Status{}
}

var errDown = errors.New("connection to fake://user:geheim@host/db refused for geheim")

func wantIDs(t *testing.T, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d records delivered, want %d", len(got), n)
	}
	if !slices.IsSorted(got) {
		t.Errorf("not in the order of their commits: %s", strings.Join(got, " "))
	}
}
