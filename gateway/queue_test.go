package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// oneAtATime is the rule of most of these tests.
func oneAtATime(queue int) configs.Gateway {
	return configs.Gateway{Concurrency: 1, Queue: queue, QueueTimeout: configs.Duration(30 * time.Second)}
}

// gate is an instance that answers a request only when it is let through. It keeps what it was asked, in order.
type gate struct {
	addr string
	open chan struct{} // one value for each request
	mu   sync.Mutex
	seen []string
	most int // at a time
	now  int
}

func newGate(t testing.TB) *gate {
	g := &gate{open: make(chan struct{})}
	g.addr = upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		g.mu.Lock()
		g.seen = append(g.seen, r.URL.Path+string(body))
		g.now++
		g.most = max(g.most, g.now)
		g.mu.Unlock()
		defer func() { g.mu.Lock(); g.now--; g.mu.Unlock() }()
		select {
		case <-g.open:
			fmt.Fprint(w, "ok")
		case <-r.Context().Done():
		}
	})
	return g
}

func (g *gate) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.seen...)
}

// letAll lets everything through from now on.
func (g *gate) letAll() { close(g.open) }

// call is a request that runs.
type call struct {
	done   chan struct{}
	cancel context.CancelFunc
	status int
	body   string
	header http.Header
	err    error
}

// start sends a request and returns at once.
func (r *rig) start(t testing.TB, method, path, body string) *call {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &call{done: make(chan struct{}), cancel: cancel}
	t.Cleanup(cancel)
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+"/ai/svc"+path, rd)
	if err != nil {
		t.Fatal(err)
	}
	cl := client(t)
	go func() {
		defer close(c.done)
		res, err := cl.Do(req)
		if err != nil {
			c.err = err
			return
		}
		b, err := io.ReadAll(res.Body)
		c.status, c.body, c.header = res.StatusCode, string(b), res.Header
		c.err = errors.Join(err, res.Body.Close())
	}()
	return c
}

// ended waits for a call's answer.
func (c *call) ended(t testing.TB) *call {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(30 * time.Second):
		t.Fatal("no answer within 30s")
	}
	return c
}

func (c *call) want(t testing.TB, status int, part string) {
	t.Helper()
	c.ended(t)
	if c.err != nil || c.status != status || !strings.Contains(c.body, part) {
		t.Errorf("%d %q, %v; want %d with %q", c.status, c.body, c.err, status, part)
	}
}

func (r *rig) waiting() int { return int(r.serviceOf("svc").queue.waiting.Load()) }

// fill occupies the only instance and has n requests wait, /1 to /n, in this order.
func (r *rig) fill(t *testing.T, at *gate, n int) (first *call, waiting []*call) {
	t.Helper()
	first = r.start(t, "GET", "/first", "")
	waitFor(t, "the first request to arrive", func() bool { return len(at.asked()) == 1 })
	for i := range n {
		waiting = append(waiting, r.start(t, "GET", fmt.Sprintf("/%d", i+1), ""))
		waitFor(t, "a request to wait", func() bool { return r.waiting() == i+1 })
	}
	return first, waiting
}

func TestQueueIsInOrder(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(10), at.addr)
	first, waiting := g.fill(t, at, 5)
	at.letAll()
	for _, c := range append(waiting, first) {
		c.want(t, 200, "ok")
	}
	if got := strings.Join(at.asked(), ""); got != "/first/1/2/3/4/5" || at.most != 1 {
		t.Errorf("asked %s, %d at a time", got, at.most)
	}
	waitFor(t, "the records", func() bool { _, n := g.rec.counts(); return n == 6 })
	tagged := 0
	for _, x := range g.rec.ended {
		if x.Tags["queue_ms"] != "" {
			tagged++
		}
	}
	if tagged != 5 || g.waiting() != 0 || g.InFlight("svc/1") != 0 {
		t.Errorf("%d records say how long they waited; %d wait, %d run", tagged, g.waiting(), g.InFlight("svc/1"))
	}
	if l := g.Limits()["svc"]; l.Waited != 5 || l.WaitTime <= 0 || l.Waiting != 0 {
		t.Errorf("%+v", l)
	}
}

func TestQueueFull(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(2), at.addr)
	g.serviceOf("svc").queue.pace.note(3 * time.Second)
	first, waiting := g.fill(t, at, 2)
	for _, body := range []string{"", "short", strings.Repeat("x", 100<<10)} {
		c := g.start(t, "POST", "/late", body).ended(t)
		c.want(t, 429, `"code":"too_many_requests"`)
		if c.header.Get("Retry-After") != "9" { // two wait, and this one
			t.Errorf("Retry-After %q", c.header.Get("Retry-After"))
		}
	}
	waitFor(t, "the records", func() bool { _, n := g.rec.counts(); return n == 3 })
	for _, x := range g.rec.ended {
		if x.End != records.EndRefused || x.Instance != "" || x.Status != 429 {
			t.Errorf("recorded %s %d of %q", x.End, x.Status, x.Instance)
		}
	}
	if n := g.refusedBy("queue_full"); n != 3 {
		t.Errorf("%d counted", n)
	}
	at.letAll()
	for _, c := range append(waiting, first) {
		c.want(t, 200, "ok")
	}
}

func TestNoQueue(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(0), at.addr)
	first, _ := g.fill(t, at, 0)
	g.start(t, "GET", "/", "").want(t, 429, "too_many_requests")
	at.letAll()
	first.want(t, 200, "ok")
	g.start(t, "GET", "/", "").want(t, 200, "ok")
}

func TestQueueTimeout(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	conf := oneAtATime(5)
	conf.QueueTimeout = configs.Duration(30 * time.Millisecond)
	g.limited(t, conf, at.addr)
	first, _ := g.fill(t, at, 0)
	for _, body := range []string{"", "short", strings.Repeat("x", 100<<10)} {
		c := g.start(t, "POST", "/late", body)
		c.want(t, 503, `"code":"queue_timeout"`)
		if c.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	// One whose body does not come either is answered, too.
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 5", "", "ab")
	if res := w.answer("POST"); res.StatusCode != 503 || !strings.Contains(readAll(t, res), "queue_timeout") {
		t.Errorf("%d", res.StatusCode)
	}
	if n := g.refusedBy("queue_timeout"); n != 4 || g.waiting() != 0 {
		t.Errorf("%d counted, %d wait", n, g.waiting())
	}
	at.letAll()
	first.want(t, 200, "ok")
	if got := at.asked(); len(got) != 1 {
		t.Errorf("asked %q", got)
	}
}

// Who leaves the queue is not served and leaves its place to others.
func TestClientLeavesTheQueue(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(2), at.addr)
	first, _ := g.fill(t, at, 0)
	for i, body := range []string{"", "a short body"} {
		c := g.start(t, "POST", "/gone", body)
		waitFor(t, "it to wait", func() bool { return g.waiting() == 1 })
		c.cancel()
		waitFor(t, "it to leave", func() bool { return g.waiting() == 0 })
		waitFor(t, "its record", func() bool { _, n := g.rec.counts(); return n == i+1 })
		if x := g.rec.ended[i]; x.End != records.EndClientAbort || x.Instance != "" || x.Status != 0 {
			t.Errorf("recorded %s %d of %q", x.End, x.Status, x.Instance)
		}
	}
	at.letAll()
	first.want(t, 200, "ok")
	if got := at.asked(); len(got) != 1 {
		t.Errorf("asked %q", got)
	}
}

// A switch takes those who wait along.
func TestQueueMovesToTheNewRelease(t *testing.T) {
	g, old := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(5), old.addr)
	first, waiting := g.fill(t, old, 3)
	next := newGate(t)
	next.letAll()
	g.set(t, Route{Service: "svc", Gateway: oneAtATime(5), Targets: []Target{{Instance: "svc/2", Release: "r2", Addr: next.addr}}})
	for _, c := range waiting {
		c.want(t, 200, "ok")
	}
	if got := strings.Join(next.asked(), ""); got != "/1/2/3" {
		t.Errorf("the new one was asked %s", got)
	}
	old.letAll()
	first.want(t, 200, "ok")
	if err := g.Drain(t.Context(), "svc/1"); err != nil {
		t.Error(err)
	}
}

// A service without an instance for a moment keeps those who wait, and lets others join them.
func TestQueueBridgesARestart(t *testing.T) {
	g, old := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(5), old.addr)
	first, waiting := g.fill(t, old, 2)
	g.set(t, Route{Service: "svc", Gateway: oneAtATime(5), Reason: "starting", Coming: true})
	waiting = append(waiting, g.start(t, "GET", "/3", ""))
	waitFor(t, "three to wait", func() bool { return g.waiting() == 3 })
	old.letAll()
	first.want(t, 200, "ok")
	next := newGate(t)
	next.letAll()
	// A release without the limit, too, takes what waits.
	g.set(t, Route{Service: "svc", Targets: []Target{{Instance: "svc/2", Release: "r2", Addr: next.addr}}})
	for _, c := range waiting {
		c.want(t, 200, "ok")
	}
}

func TestQueueOfAStoppedService(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(5), at.addr)
	first, waiting := g.fill(t, at, 2)
	g.set(t, Route{Service: "svc", Gateway: oneAtATime(5), Reason: "stopped by wish"})
	for _, c := range append(waiting, g.start(t, "GET", "/", "")) {
		c.want(t, 503, "stopped by wish")
	}
	at.letAll()
	first.want(t, 200, "ok")
}

func TestQueueOfARemovedService(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	g.limited(t, oneAtATime(5), at.addr)
	first, waiting := g.fill(t, at, 2)
	g.RemoveRoute("svc")
	for _, c := range waiting {
		c.want(t, 503, "service_unavailable")
	}
	at.letAll()
	first.want(t, 200, "ok")
}

// When the gateway ends, what waits is answered and recorded.
func TestQueueAtTheEnd(t *testing.T) {
	rec, at, ln := &collector{}, newGate(t), listen(t)
	g := &rig{Gateway: New(rec, Options{Logger: slog.New(slog.DiscardHandler), StopTimeout: 50 * time.Millisecond}), rec: rec,
		url: "http://" + ln.Addr().String()}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, ln) }()
	g.limited(t, oneAtATime(5), at.addr)
	first, waiting := g.fill(t, at, 3)
	stop()
	var cut *DrainError
	if err := <-served; !errors.As(err, &cut) || cut.Cut != 4 {
		t.Errorf("Serve returned %v", err)
	}
	for _, c := range append(waiting, first) {
		c.ended(t)
	}
	_, n := g.rec.counts()
	shut := 0
	for _, x := range g.rec.ended {
		if x.End == records.EndShutdown {
			shut++
		}
	}
	if n != 4 || shut != 4 {
		t.Errorf("%d of %d recorded as ended by the shutdown", shut, n)
	}
}

// A request that did not reach its instance goes before all others, to another one.
func TestUnreachedRequestGoesToTheFront(t *testing.T) {
	for _, body := range []string{"", "short", strings.Repeat("x", 100<<10)} {
		g, at := newRig(t, Options{}), newGate(t)
		g.limited(t, oneAtATime(5), at.addr)
		first, waiting := g.fill(t, at, 2)
		dead := refused(t)
		g.set(t, Route{Service: "svc", Gateway: oneAtATime(0), Targets: []Target{
			{Instance: "svc/1", Release: "r1", Addr: at.addr}, {Instance: "svc/2", Release: "r1", Addr: dead}}})
		waitFor(t, "all to be unreached and wait again", func() bool { return g.waiting() == 2 && g.InFlight("svc/2") == 0 })
		c := g.start(t, "POST", "/x", body)
		c.want(t, 429, "too_many_requests")
		at.letAll()
		for _, c := range append(waiting, first) {
			c.want(t, 200, "ok")
		}
		if got := at.asked(); len(got) != 3 {
			t.Errorf("asked %q", got)
		}
	}
}

// The time in the queue is not the instance's.
func TestWaitingIsNotSilence(t *testing.T) {
	g, at := newRig(t, Options{}), newGate(t)
	conf := oneAtATime(5)

	g.limited(t, conf, at.addr)
	first, _ := g.fill(t, at, 0)
	conf.Timeout = configs.Duration(200 * time.Millisecond)
	g.limited(t, conf, at.addr)
	c := g.start(t, "GET", "/waits", "")
	waitFor(t, "it to wait", func() bool { return g.waiting() == 1 })
	long := time.NewTimer(400 * time.Millisecond)
	defer long.Stop()
	<-long.C
	at.letAll()
	first.want(t, 200, "ok")
	c.want(t, 200, "ok")
}

// Many requests over instances that come and go: each is answered by one, and no instance gets more than it takes.
func TestQueueUnderSwitches(t *testing.T) {
	g := newRig(t, Options{})
	const most = 3
	var running [4]atomic.Int32
	var addrs []string
	for i := range running {
		addrs = append(addrs, upstream(t, func(w http.ResponseWriter, r *http.Request) {
			if n := running[i].Add(1); n > most {
				t.Errorf("%d at a time", n)
			}
			defer running[i].Add(-1)
			if _, err := io.Copy(w, r.Body); err != nil {
				t.Error(err)
			}
		}))
	}
	conf := configs.Gateway{Concurrency: most, Queue: 1000, QueueTimeout: configs.Duration(30 * time.Second)}
	routeTo := func(k int) {
		rt := Route{Service: "svc", Gateway: conf, Coming: true}
		for i := range k % (len(addrs) + 1) {
			at := (k + i) % len(addrs)
			rt.Targets = append(rt.Targets, Target{Instance: fmt.Sprintf("svc/%d", at+1), Addr: addrs[at]})
		}
		g.set(t, rt)
	}
	routeTo(2)
	cl := client(t)
	var clients, switches sync.WaitGroup
	over := make(chan struct{})
	switches.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for k := 0; ; k++ {
			routeTo(k)
			select {
			case <-over:
				routeTo(len(addrs))
				return
			case <-tick.C:
			}
		}
	})
	for c := range 24 {
		clients.Go(func() {
			for i := range 40 {
				text := fmt.Sprintf("%d/%d", c, i)
				res, err := cl.Post(g.url+"/ai/svc/", "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				if body := readAll(t, res); res.StatusCode != 200 || body != text {
					t.Errorf("%d %s", res.StatusCode, body)
				}
			}
		})
	}
	clients.Wait()
	close(over)
	switches.Wait()
	if n := g.waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
}
