package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is a Recorder that keeps every exchange.
type collector struct {
	mu      sync.Mutex
	admits  int
	ended   []*records.Exchange
	bad     error // of Configure
	noRoom  bool  // refuse to hold bodies
	off     bool
	denied  error // of Admit
	perServ map[string]configs.Record
}

type collected struct {
	c       *collector
	id      string
	service string
}

func (c *collector) Configure(service string, rec configs.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.perServ == nil {
		c.perServ = map[string]configs.Record{}
	}
	c.perServ[service] = rec
	return c.bad
}

func (c *collector) Admit(_ context.Context, in records.Intent) (Ticket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.denied != nil {
		return nil, c.denied
	}
	if c.off {
		return nil, nil
	}
	c.admits++
	return &collected{c: c, id: fmt.Sprintf("id-%d", c.admits), service: in.Service}, nil
}

func (t *collected) ID() string { return t.id }

func (t *collected) Hold(int) bool { return !t.c.noRoom }

func (t *collected) End(x *records.Exchange) {
	x.ID, x.Service = t.id, t.service
	t.c.mu.Lock()
	t.c.ended = append(t.c.ended, x)
	t.c.mu.Unlock()
}

func (t *collected) Commit(_ context.Context, x *records.Exchange) error {
	t.End(x)
	return nil
}

func (c *collector) counts() (admitted, ended int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.admits, len(c.ended)
}

// only waits for the one exchange that a test makes.
func (c *collector) only(t *testing.T) *records.Exchange {
	t.Helper()
	waitFor(t, "one exchange to be recorded", func() bool { _, n := c.counts(); return n == 1 })
	return c.ended[0]
}

// rig is a gateway served on a real port.
type rig struct {
	*Gateway
	addr string
	url  string
	rec  *collector
	stop func() error // ends Serve and returns what it returned
}

func newRig(t testing.TB, opt Options) *rig {
	t.Helper()
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.StopTimeout == 0 {
		opt.StopTimeout = 3 * time.Second
	}
	rec := &collector{}
	g := New(rec, opt)
	ln := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, ln) }()
	stop := sync.OnceValue(func() error { cancel(); return <-served })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	addr := ln.Addr().String()
	return &rig{Gateway: g, addr: addr, url: "http://" + addr, rec: rec, stop: stop}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// route points service svc at addresses, as svc/1, svc/2, …
func (r *rig) route(t testing.TB, addrs ...string) {
	t.Helper()
	rt := Route{Service: "svc"}
	for i, a := range addrs {
		rt.Targets = append(rt.Targets, Target{Instance: fmt.Sprintf("svc/%d", i+1), Release: "r1", Addr: a})
	}
	r.set(t, rt)
}

func (r *rig) set(t testing.TB, rt Route) {
	t.Helper()
	if err := r.SetRoute(rt); err != nil {
		t.Fatal(err)
	}
}

// upstream serves h and returns its address.
func upstream(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// rawUpstream lets f answer each connection by hand after its request head (and a body of known length) was read.
func rawUpstream(t testing.TB, f func(conn net.Conn, r *http.Request)) string {
	t.Helper()
	return rawConns(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		f(conn, r)
	})
}

// rawConns lets f deal with each connection by hand, and closes it then.
func rawConns(t testing.TB, f func(conn net.Conn)) string {
	t.Helper()
	ln := listen(t)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				f(conn)
			})
		}
	})
	return ln.Addr().String()
}

// refused is an address where nothing listens.
func refused(t testing.TB) string {
	t.Helper()
	ln := listen(t)
	defer ln.Close()
	return ln.Addr().String()
}

// client makes requests without keeping connections beyond the test.
func client(t testing.TB) *http.Client {
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 200}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t testing.TB, url string) (*http.Response, string) {
	t.Helper()
	return do(t, http.MethodGet, url, nil)
}

func do(t testing.TB, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res, readAll(t, res)
}

func readAll(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dial opens a connection for requests written by hand.
func (r *rig) dial(t testing.TB) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, Conn: conn, br: bufio.NewReader(conn)}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return w
}

type wire struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

// send writes lines joined as HTTP does; the caller ends heads with "", "".
func (w *wire) send(lines ...string) {
	w.t.Helper()
	if _, err := io.WriteString(w.Conn, strings.Join(lines, "\r\n")); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads one response's head.
func (w *wire) answer(method string) *http.Response {
	w.t.Helper()
	res, err := http.ReadResponse(w.br, &http.Request{Method: method})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

func (w *wire) line() string {
	w.t.Helper()
	s, err := w.br.ReadString('\n')
	if err != nil {
		w.t.Fatalf("read line: %v (had %q)", err, s)
	}
	return strings.TrimRight(s, "\r\n")
}

func waitFor(t testing.TB, what string, cond func() bool) {
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

func newReader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }
