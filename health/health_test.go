package health

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var policy = Policy{Path: "/health", Interval: 10 * time.Second, Timeout: time.Second, StartPeriod: time.Minute, Failures: 3}

func TestJudge(t *testing.T) {
	t0 := time.Unix(1000, 0)
	good, poor := Result{OK: true}, Result{Detail: "boom"}
	type step struct {
		after time.Duration
		r     Result
		want  Verdict
	}
	for name, steps := range map[string][]step{
		"healthy at once":                     {{0, good, Healthy}},
		"fails within the start period":       {{time.Second, poor, Starting}, {59 * time.Second, poor, Starting}, {60 * time.Second, good, Healthy}},
		"start period over":                   {{time.Second, poor, Starting}, {60 * time.Second, poor, Unhealthy}},
		"two bad probes are forgiven":         {{0, good, Healthy}, {10, poor, Healthy}, {20, poor, Healthy}, {30, good, Healthy}, {40, poor, Healthy}},
		"three are not":                       {{0, good, Healthy}, {10, poor, Healthy}, {20, poor, Healthy}, {30, poor, Unhealthy}},
		"it comes back":                       {{0, good, Healthy}, {1, poor, Healthy}, {2, poor, Healthy}, {3, poor, Unhealthy}, {4, good, Healthy}},
		"the start period does not come back": {{0, good, Healthy}, {1, poor, Healthy}, {2, poor, Healthy}, {3, poor, Unhealthy}, {4, poor, Unhealthy}},
	} {
		t.Run(name, func(t *testing.T) {
			s := tracker{since: t0, verdict: Starting}
			for i, st := range steps {
				s = judge(s, policy, t0.Add(st.after), st.r)
				if s.verdict != st.want {
					t.Fatalf("step %d: %s, want %s", i, s.verdict, st.want)
				}
			}
		})
	}
}

func TestPauseGrowsWhileStartingAndIsCapped(t *testing.T) {
	s := tracker{verdict: Starting}
	var last time.Duration
	for s.bad = 1; s.bad < 40; s.bad++ {
		d := pause(s, policy)
		if d < last || d > slowestStart {
			t.Fatalf("after %d bad probes: %s, before it was %s", s.bad, d, last)
		}
		last = d
	}
	if last != slowestStart {
		t.Errorf("the longest pause while starting is %s, want %s", last, slowestStart)
	}
	if d := pause(tracker{verdict: Healthy}, policy); d != policy.Interval {
		t.Errorf("healthy: %s, want the interval", d)
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   string // part of the detail; "" is healthy
	}{
		{"empty 200", 200, "", ""},
		{"204", 204, "", ""},
		{"plain text", 200, "ok", ""},
		{"json healthy", 200, `{"status":"healthy"}`, ""},
		{"json unknown word", 200, `{"status":"v1.2"}`, ""},
		{"json without status", 200, `{"a":1}`, ""},
		{"broken json", 200, `{"status":`, ""},
		{"json unhealthy", 200, `{"status":"unhealthy"}`, `status "unhealthy"`},
		{"json loading", 200, `{"status":"Loading"}`, `status "Loading"`},
		{"json false", 200, `{"status":false}`, `status "false"`},
		{"500", 500, "model\nmissing", "answered 500: model missing"},
		{"404", 404, "", "answered 404"},
		{"redirect", 302, "", "answered 302"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tc.status)
				if tc.status != 204 {
					fmt.Fprint(w, tc.body)
				}
			}))
			defer srv.Close()
			for way, r := range bothWays(t, srv.Listener.Addr().String(), policy) {
				if r.OK != (tc.want == "") || !strings.Contains(r.Detail, tc.want) {
					t.Errorf("%s: got ok=%v %q, want %q", way, r.OK, r.Detail, tc.want)
				}
			}
		})
	}
}

// bothWays probes one target alone and in a sweep.
func bothWays(t *testing.T, addr string, p Policy) map[string]Result {
	t.Helper()
	return map[string]Result{
		"alone": Check(t.Context(), addr, p),
		"swept": sweepAll([]Target{{Addr: addr, Policy: p}})[0],
	}
}

// TestSweepKeepsItsTargetsApart: slow, dead and healthy ones in one sweep.
func TestSweepKeepsItsTargetsApart(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case "/chunked":
			w.Write([]byte("{"))
			w.(http.Flusher).Flush()
			w.Write([]byte(`"status":"ok"}`))
		case "/large":
			w.Write([]byte(strings.Repeat("x", maxBody*3)))
		}
	}))
	defer srv.Close()
	defer close(release)
	p := policy
	p.Timeout = 3 * time.Second // of a machine that is busy with other tests
	var targets []Target
	for n := range 200 {
		t := Target{Addr: srv.Listener.Addr().String(), Policy: p}
		t.Path = []string{"/ok", "/slow", "/chunked", "/large", "/ok"}[n%5]
		if n%5 == 4 {
			t.Addr = "127.0.0.1:1"
		}
		targets = append(targets, t)
	}
	for n, r := range sweepAll(targets) {
		want := []string{"", "gave no answer within 3s", "", "", "nothing listens on 127.0.0.1:1"}[n%5]
		if r.OK != (want == "") || !strings.Contains(r.Detail, want) {
			t.Fatalf("target %d: %+v, want %q", n, r, want)
		}
	}
}

func TestCheckBrokenPeers(t *testing.T) {
	p := policy
	p.Timeout = 200 * time.Millisecond
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		want  string
	}{
		"says nothing": {func(c net.Conn) {
			buf := make([]byte, 1)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}, "no answer within 200ms"},
		"closes at once": {func(c net.Conn) {}, "closed without an answer"},
		"is not HTTP":    {func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n") }, "GET /health"},
		"lies of length": {func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc") }, "closed without an answer"},
		"endless headers": {func(c net.Conn) {
			for {
				if _, err := fmt.Fprint(c, "HTTP/1.1 200 OK\r\n", strings.Repeat("X-A: b\r\n", 1000)); err != nil {
					return
				}
			}
		}, "GET /health"},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					tc.serve(c)
					c.Close()
				}
			})
			for way, r := range bothWays(t, ln.Addr().String(), p) {
				if r.OK || !strings.Contains(r.Detail, tc.want) {
					t.Errorf("%s: got ok=%v %q, want %q", way, r.OK, r.Detail, tc.want)
				}
			}
			ln.Close()
			wg.Wait()
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	for way, r := range bothWays(t, ln.Addr().String(), p) {
		if !strings.Contains(r.Detail, "nothing listens on") {
			t.Errorf("%s: closed port: %q", way, r.Detail)
		}
	}
}

func TestProberReportsChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []string
		results := []Result{{Detail: "a"}, {OK: true}, {OK: true}, {Detail: "b"}, {Detail: "b"}, {Detail: "b"}, {OK: true}}
		n := 0
		p := NewProber(func(r Report) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(r.Verdict))
		})
		next := func() Result {
			mu.Lock()
			defer mu.Unlock()
			r := results[min(n, len(results)-1)]
			n++
			return r
		}
		p.check = func(context.Context, string, Policy) Result { return next() }
		p.sweep = func(all []Target) []Result {
			out := make([]Result, len(all))
			for k := range all {
				out[k] = next()
			}
			return out
		}
		target := Target{ID: "a/1", PID: 1, Addr: "127.0.0.1:1", Policy: policy}
		p.Watch(target)
		p.Watch(target)
		time.Sleep(2 * time.Minute)
		p.Close()
		want := "starting healthy healthy unhealthy healthy"
		if s := strings.Join(got, " "); s != want {
			t.Errorf("reports %q, want %q", s, want)
		}
		if n > 16 {
			t.Errorf("%d probes in two minutes: the same target was watched twice", n)
		}
	})
}
