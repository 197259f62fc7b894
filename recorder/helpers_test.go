package recorder

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/store/records"
)

var errDisk = errors.New("no space left on device")

// memory is an Appender that keeps what it takes; fault decides what it refuses.
type memory struct {
	mu      sync.Mutex
	batches [][]*records.Exchange
	calls   int
	fault   func(call int, batch []*records.Exchange) error
}

func (m *memory) Append(batch []*records.Exchange) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fault != nil {
		if err := m.fault(m.calls, batch); err != nil {
			return err
		}
	}
	m.batches = append(m.batches, append([]*records.Exchange(nil), batch...))
	return nil
}

func (m *memory) setFault(f func(int, []*records.Exchange) error) {
	m.mu.Lock()
	m.fault, m.calls = f, 0
	m.mu.Unlock()
}

func (m *memory) all() []*records.Exchange {
	m.mu.Lock()
	defer m.mu.Unlock()
	var xs []*records.Exchange
	for _, b := range m.batches {
		xs = append(xs, b...)
	}
	return xs
}

func (m *memory) sizes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n []int
	for _, b := range m.batches {
		n = append(n, len(b))
	}
	return n
}

// start runs a recorder until the test ends.
func start(t *testing.T, to Appender, opt Options) *Recorder {
	t.Helper()
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	r := New(to, opt)
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// record takes one exchange with a body through r.
func record(r *Recorder, service string, body []byte) {
	tk := admit(r, service)
	x := &records.Exchange{}
	if tk.Hold(cap(body)) {
		x.Request.Body = body
	}
	x.Request.Size = int64(len(body))
	tk.End(x)
}

func wantLedger(t *testing.T, got, want records.Ledger) {
	t.Helper()
	if got.Accepted != want.Accepted || got.Recorded != want.Recorded || got.InFlight != want.InFlight ||
		got.NoBody != want.NoBody || !maps.Equal(got.Dropped, want.Dropped) {
		t.Errorf("ledger\n got %+v\nwant %+v", got, want)
	}
}

func balanced(l records.Ledger) bool {
	sum := l.Recorded + l.InFlight
	for _, n := range l.Dropped {
		sum += n
	}
	return sum == l.Accepted && l.InFlight >= 0
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within 30s: %s", what)
		case <-tick.C:
		}
	}
}

// logs is a logger whose lines can be counted.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// admit admits an exchange of a service that loses nothing.
func admit(r *Recorder, service string) Ticket {
	tk, err := r.Admit(context.Background(), records.Intent{Service: service})
	if err != nil {
		panic(err)
	}
	return tk
}
