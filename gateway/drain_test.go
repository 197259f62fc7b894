package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/store/records"
)

// held answers when told to.
type held struct {
	entered chan struct{}
	release chan struct{}
}

func newHeld(t *testing.T) (*held, string) {
	h := &held{entered: make(chan struct{}, 10), release: make(chan struct{})}
	return h, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		h.entered <- struct{}{}
		select {
		case <-h.release:
			fmt.Fprint(w, "done")
		case <-r.Context().Done():
		}
	})
}

// background makes a request and delivers its status and body; status 0 when there was no whole answer.
func background(t *testing.T, url string) <-chan string {
	c := client(t)
	got := make(chan string, 1)
	go func() {
		res, err := c.Get(url)
		if err != nil {
			got <- "broken"
			return
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			got <- "broken"
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		got <- fmt.Sprint(res.StatusCode, " ", string(b))
	}()
	return got
}

func TestDrainWaits(t *testing.T) {
	g := newRig(t, Options{})
	h, addr := newHeld(t)
	g.route(t, addr)
	got := background(t, g.url+"/ai/svc/")
	<-h.entered
	if n := g.InFlight("svc/1"); n != 1 {
		t.Errorf("%d in flight", n)
	}
	g.set(t, Route{Service: "svc", Targets: []Target{{Instance: "svc/2", Addr: refused(t)}}})
	drained := make(chan error, 1)
	go func() { drained <- g.Drain(t.Context(), "svc/1") }()
	select {
	case err := <-drained:
		t.Fatalf("drained while a request runs: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(h.release)
	if s := <-got; s != "200 done" {
		t.Errorf("the running request got %q", s)
	}
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
	if _, n := g.rec.counts(); n != 1 {
		t.Error("drained before the record was handed over")
	}
	if err := g.Drain(t.Context(), "never/1"); err != nil {
		t.Errorf("Drain of an unknown instance: %v", err)
	}
}

func TestDrainCutsWhatOutlastsIt(t *testing.T) {
	g := newRig(t, Options{})
	stream := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "begun")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	})
	g.route(t, stream)
	w := g.dial(t)
	w.send("GET /ai/svc/ HTTP/1.1", "Host: h", "", "")
	res := w.answer("GET")
	if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	h, addr := newHeld(t)
	g.route(t, addr) // the same instance at another address
	waiting := background(t, g.url+"/ai/svc/")
	<-h.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var cut *DrainError
	if err := g.Drain(ctx, "svc/1"); !errors.As(err, &cut) || cut.Cut != 2 || cut.Instance != "svc/1" || !errors.Is(err, context.Canceled) {
		t.Fatalf("Drain: %v", err)
	}
	if _, n := g.rec.counts(); n != 2 {
		t.Errorf("%d records when Drain returned, want 2", n)
	}
	for _, x := range g.rec.ended {
		if x.End != records.EndShutdown {
			t.Errorf("recorded as %s: %s", x.End, x.Error)
		}
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the cut stream looked whole to the client")
	}
	if s := <-waiting; !strings.HasPrefix(s, "503") || !strings.Contains(s, "instance_stopping") {
		t.Errorf("the waiting client got %s", s)
	}
}

// Deploy after deploy under load: each switch drains and stops the old instance, and no request fails.
func TestSwitchesUnderLoadFailNothing(t *testing.T) {
	g := newRig(t, Options{})
	next := 0
	newInstance := func() (Target, func()) {
		next++
		var busy atomic.Int32
		var stopped atomic.Bool
		name := fmt.Sprintf("svc/%d", next)
		addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			busy.Add(1)
			defer busy.Add(-1)
			if stopped.Load() {
				t.Errorf("%s was asked after its stop", name)
			}
			if _, err := io.Copy(w, r.Body); err != nil {
				t.Error(err)
			}
		})
		return Target{Instance: name, Addr: addr}, func() {
			if n := busy.Load(); n != 0 {
				t.Errorf("%s had %d requests when it was stopped", name, n)
			}
			stopped.Store(true)
		}
	}
	target, stop := newInstance()
	g.set(t, Route{Service: "svc", Targets: []Target{target}})

	var sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	c := client(t)
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				res, err := c.Post(g.url+"/ai/svc/", "text/plain", strings.NewReader("hello"))
				if err != nil {
					t.Error(err)
					return
				}
				if body := readAll(t, res); res.StatusCode != 200 || body != "hello" {
					t.Errorf("%d %s", res.StatusCode, body)
				}
				sent.Add(1)
			}
		})
	}
	for range 20 {
		before := sent.Load()
		waitFor(t, "requests to flow", func() bool { return sent.Load() > before+10 })
		newTarget, newStop := newInstance()
		g.set(t, Route{Service: "svc", Targets: []Target{newTarget}})
		if err := g.Drain(t.Context(), target.Instance); err != nil {
			t.Error(err)
		}
		stop()
		target, stop = newTarget, newStop
	}
	cancel()
	load.Wait()
	waitFor(t, "all records", func() bool { a, n := g.rec.counts(); return a == n && int64(n) == sent.Load() })
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.loads) > 2 {
		t.Errorf("%d instances are still remembered", len(g.loads))
	}
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	g := newRig(t, Options{})
	h, addr := newHeld(t)
	g.route(t, addr)
	got := background(t, g.url+"/ai/svc/")
	<-h.entered
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	waitFor(t, "the listener to close", func() bool {
		res, err := client(t).Get(g.url + "/ai/svc/")
		if err == nil {
			readAll(t, res)
		}
		return err != nil
	})
	close(h.release)
	if s := <-got; s != "200 done" {
		t.Errorf("the running request got %q", s)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownCutsWhatOutlastsIt(t *testing.T) {
	rec := &collector{}
	g := New(rec, Options{StopTimeout: 50 * time.Millisecond})
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, ln) }()
	r := &rig{Gateway: g, addr: ln.Addr().String(), url: "http://" + ln.Addr().String(), rec: rec}
	h, addr := newHeld(t)
	r.set(t, Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Addr: addr}}})
	r.set(t, Route{Service: "ws", Targets: []Target{{Instance: "ws/1", Addr: wsUpstream(t)}}})
	w := r.dial(t)
	w.send("GET /ai/ws/ HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket", "", "")
	if s := w.answer("GET").StatusCode; s != 101 {
		t.Fatal(s)
	}
	got := background(t, r.url+"/ai/svc/")
	<-h.entered
	cancel()
	var cut *DrainError
	if err := <-served; !errors.As(err, &cut) || cut.Cut != 2 {
		t.Errorf("Serve: %v", err)
	}
	<-got
	if _, err := io.ReadAll(w.br); err != nil {
		t.Logf("websocket: %v", err)
	}
	if _, n := rec.counts(); n != 2 {
		t.Fatalf("%d records when Serve returned", n)
	}
	for _, x := range rec.ended {
		if x.End != records.EndShutdown {
			t.Errorf("%s recorded as %s", x.Service, x.End)
		}
	}
}
