package ports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a ledger that refuses what a real one refuses.
type memory struct {
	mu     sync.Mutex
	owners map[int]string
	fail   error
	lists  int // how often the whole ledger was asked for
}

var errConflict = errors.New("conflict")

func (m *memory) Leases(context.Context) (map[int]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists++
	return maps.Clone(m.owners), m.fail
}

func (m *memory) LeaseOf(_ context.Context, owner string) (int, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	port, has := portOf(m.owners, owner)
	return port, has, m.fail
}

func portOf(leases map[int]string, owner string) (int, bool) {
	for port, by := range leases {
		if by == owner {
			return port, true
		}
	}
	return 0, false
}

func (m *memory) Lease(_ context.Context, port int, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.owners[port]; taken {
		return errConflict
	}
	if _, has := portOf(m.owners, owner); has {
		return errConflict
	}
	m.owners[port] = owner
	return m.fail
}

func (m *memory) Unlease(_ context.Context, port int, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owners[port] == owner {
		delete(m.owners, port)
	}
	return m.fail
}

// machine is a system in which only strangers hold ports.
type machine struct {
	strangers map[int]string
	next      int
}

func (m *machine) probe(port int) error {
	if _, held := m.strangers[port]; held {
		return errors.New("address already in use")
	}
	return nil
}
func (m *machine) holder(port int) string { return m.strangers[port] }
func (m *machine) anyPort() (int, error)  { m.next++; return 40000 + m.next%5, nil }

func newTest(t *testing.T, r Range, strangers map[int]string) (*Allocator, *memory, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	ledger := &memory{owners: map[int]string{}}
	a, err := New(r, ledger, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	a.system = &machine{strangers: strangers}
	return a, ledger, &log
}

func acquire(t *testing.T, a *Allocator, owner string, want int) {
	t.Helper()
	port, err := a.Acquire(t.Context(), owner)
	if err != nil || port != want {
		t.Fatalf("%s got port %d, %v; want %d", owner, port, err, want)
	}
}

func TestParseRange(t *testing.T) {
	for text, want := range map[string]Range{"8001-8999": {8001, 8999}, " 1 - 65535 ": {1, 65535}, "8080": {8080, 8080}, "0": {}, "0-0": {}} {
		got, err := ParseRange(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for text, word := range map[string]string{
		"": "8001-8999", "a-b": "FIRST-LAST", "9-8": "swap", "0-5": "1 to 65535", "1-65536": "1 to 65535", "1-2-3": "FIRST-LAST", "-5": "FIRST-LAST",
	} {
		if _, err := ParseRange(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, text := range []string{"8001-8999", "0", "1-65535", "5-4", "+1-2", "٣-٤"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRange(text)
		if err != nil {
			return
		}
		if again, err := ParseRange(r.String()); err != nil || again != r {
			t.Fatalf("%q is %v, which reads as %v, %v", text, r, again, err)
		}
	})
}

func TestPortsAreKept(t *testing.T) {
	a, ledger, _ := newTest(t, Range{8001, 8010}, nil)
	acquire(t, a, "ocr/1", 8001)
	acquire(t, a, "nlp/1", 8002)
	acquire(t, a, "ocr/1", 8001)
	again, err := New(Range{8001, 8010}, ledger, Options{}) // after a restart of the daemon
	if err != nil {
		t.Fatal(err)
	}
	again.system = a.system
	acquire(t, again, "nlp/1", 8002)
	if err := again.Release(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	if err := again.Release(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	if port, has, err := again.Kept(t.Context(), "ocr/1"); has || err != nil {
		t.Errorf("a released owner keeps %d, %v", port, err)
	}
	acquire(t, again, "new/1", 8001)
}

func TestStrangersAreToldOnceAndSteppedAround(t *testing.T) {
	strangers := map[int]string{8001: "nginx (pid 12)"}
	a, ledger, log := newTest(t, Range{8001, 8004}, strangers)
	acquire(t, a, "ocr/1", 8002)
	acquire(t, a, "nlp/1", 8003)
	if n := strings.Count(log.String(), "port is taken"); n != 1 || !strings.Contains(log.String(), "nginx (pid 12)") {
		t.Errorf("told %d times: %s", n, log)
	}
	strangers[8002] = "python3 (pid 13)" // while ocr/1 was stopped
	acquire(t, a, "ocr/1", 8004)
	if port, has, err := a.Kept(t.Context(), "ocr/1"); !has || port != 8004 || err != nil {
		t.Errorf("ocr/1 keeps %d %v %v", port, has, err)
	}
	if len(ledger.owners) != 2 {
		t.Errorf("ledger is %v", ledger.owners)
	}
	clear(strangers)
	if port, err := a.Move(t.Context(), "ocr/1"); err != nil || port != 8001 {
		t.Errorf("moved to %d, %v", port, err)
	}
}

func TestKeptPortOutsideANewRangeIsReplaced(t *testing.T) {
	a, ledger, _ := newTest(t, Range{9001, 9002}, nil)
	ledger.owners[8001] = "ocr/1"
	acquire(t, a, "ocr/1", 9001)
}

func TestExhaustionIsClear(t *testing.T) {
	a, ledger, _ := newTest(t, Range{8001, 8003}, map[int]string{8002: "nginx (pid 12)", 8003: ""})
	ledger.owners[7000] = "elsewhere/1"
	acquire(t, a, "ocr/1", 8001)
	_, err := a.Acquire(t.Context(), "nlp/1")
	if !errors.Is(err, ErrExhausted) {
		t.Fatalf("error is %v", err)
	}
	for _, text := range []string{"nlp/1", "all 3 ports of 8001-8003", "1 leased", "2 held by other programs (8002 by nginx (pid 12), 8003 by an unknown program)", "--ports"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("message lacks %q: %v", text, err)
		}
	}
	if _, err := a.Move(t.Context(), "ocr/1"); !errors.Is(err, ErrExhausted) {
		t.Errorf("move: %v", err)
	}
	acquire(t, a, "ocr/1", 8001) // a failed move takes nothing away
}

func TestFailingLedgerIsAnError(t *testing.T) {
	a, ledger, _ := newTest(t, Range{8001, 8003}, nil)
	ledger.fail = errors.New("disk is gone")
	if _, err := a.Acquire(t.Context(), "ocr/1"); !errors.Is(err, ledger.fail) {
		t.Errorf("acquire: %v", err)
	}
	if _, _, err := a.Kept(t.Context(), "ocr/1"); !errors.Is(err, ledger.fail) {
		t.Errorf("kept: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.turn <- struct{}{}
	if _, err := a.Acquire(ctx, "ocr/1"); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire while another waits: %v", err)
	}
}

func TestAnyPortIsNeverALeasedOne(t *testing.T) {
	a, _, _ := newTest(t, Range{}, nil)
	seen := map[int]bool{}
	for i := range 5 {
		port, err := a.Acquire(t.Context(), fmt.Sprint(i))
		if err != nil || seen[port] {
			t.Fatalf("port %d, %v", port, err)
		}
		seen[port] = true
	}
	if _, err := a.Acquire(t.Context(), "5"); !errors.Is(err, ErrExhausted) {
		t.Errorf("a sixth of five ports: %v", err)
	}
}

// TestManyAtOnce leaves 99 ports for others on this machine.
func TestManyAtOnce(t *testing.T) {
	ledger := &memory{owners: map[int]string{}}
	a, err := New(Range{18001, 18999}, ledger, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const n = 900
	got := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			port, err := a.Acquire(t.Context(), fmt.Sprintf("s/%d", i))
			if err != nil {
				t.Error(err)
			}
			got[i] = port
		})
	}
	all.Wait()
	seen := map[int]bool{}
	for _, port := range got {
		if seen[port] || port < 18001 || port > 18999 {
			t.Fatalf("port %d was given twice or is out of range", port)
		}
		seen[port] = true
	}
}

func TestRealListenersAreNoticed(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			if strings.HasPrefix(addr, "[") {
				continue // no IPv6 on this machine
			}
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := (linux{}).probe(port); err == nil {
			t.Errorf("%s: port %d looks free", addr, port)
		}
		h, found := FindHolder(port)
		if !found || h.PID != os.Getpid() || h.UID != os.Getuid() || !strings.Contains(h.String(), fmt.Sprintf("pid %d", os.Getpid())) {
			t.Errorf("%s: holder is %+v", addr, h)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := (linux{}).probe(port); err != nil {
			t.Errorf("%s: port %d looks taken after its end: %v", addr, port, err)
		}
		if h, found := FindHolder(port); found {
			t.Errorf("%s: holder after its end is %+v", addr, h)
		}
	}
}

// TestConnectionsLeftBehindDoNotTakeAPort has a server close first, which leaves its side in TIME_WAIT.
func TestConnectionsLeftBehindDoNotTakeAPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []interface{ Close() error }{s, l, c} {
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := (linux{}).probe(l.Addr().(*net.TCPAddr).Port); err != nil {
		t.Errorf("port looks taken: %v", err)
	}
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte("  sl  local_address rem_address   st\n   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0\n"), 8001)
	f.Add([]byte(":"), 0)
	f.Fuzz(func(t *testing.T, table []byte, port int) {
		inodes := map[string]int{}
		listeners(table, port, inodes)
		if len(inodes) > bytes.Count(table, []byte("0A")) {
			t.Fatalf("found %d sockets", len(inodes))
		}
	})
}

// TestKeptPortIsCheap: whoever has a port gets it again without a look at everybody else's, or a start of a thousand
// services would read a million leases.
func TestKeptPortIsCheap(t *testing.T) {
	a, ledger, _ := newTest(t, Range{First: 8001, Last: 8999}, nil)
	port, err := a.Acquire(t.Context(), "ocr/1")
	if err != nil {
		t.Fatal(err)
	}
	before := ledger.lists
	if again, err := a.Acquire(t.Context(), "ocr/1"); err != nil || again != port {
		t.Errorf("got %d, %v; want %d", again, err, port)
	}
	if kept, ok, err := a.Kept(t.Context(), "ocr/1"); err != nil || !ok || kept != port {
		t.Errorf("kept %d, %t, %v; want %d", kept, ok, err, port)
	}
	if ledger.lists != before {
		t.Errorf("the whole ledger was read %d times", ledger.lists-before)
	}
}
