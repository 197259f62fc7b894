package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// limited routes svc to addr under rules of its gateway section.
func (r *rig) limited(t testing.TB, conf configs.Gateway, addrs ...string) {
	t.Helper()
	rt := Route{Service: "svc", Gateway: conf}
	for i, a := range addrs {
		rt.Targets = append(rt.Targets, Target{Instance: fmt.Sprintf("svc/%d", i+1), Release: "r1", Addr: a})
	}
	r.set(t, rt)
}

// refusedBy is how often svc's requests were refused for a reason.
func (r *rig) refusedBy(reason string) int64 { return r.serviceOf("svc").refused.byName()[reason] }

func TestBodyTooLarge(t *testing.T) {
	g := newRig(t, Options{})
	asked := make(chan int64, 10)
	g.limited(t, configs.Gateway{MaxBody: 10}, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err == nil {
			asked <- n
		}
	}))
	for _, tc := range []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"announced", strings.NewReader("12345678901"), 413},
		{"chunked", io.MultiReader(strings.NewReader("12345678901")), 413},
		{"long and chunked", io.MultiReader(bytes.NewReader(make([]byte, 1<<20))), 413},
		{"as long as may be", strings.NewReader("1234567890"), 200},
		{"as long as may be, chunked", io.MultiReader(strings.NewReader("1234567890")), 200},
		{"none", http.NoBody, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, before := g.rec.counts()
			res, body := do(t, "POST", g.url+"/ai/svc/", tc.body)
			if res.StatusCode != tc.status {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			waitFor(t, "the record", func() bool { _, n := g.rec.counts(); return n == before+1 })
			x := g.rec.ended[before]
			if tc.status == 200 {
				<-asked
				if x.End != records.EndComplete {
					t.Errorf("recorded as %s: %s", x.End, x.Error)
				}
				return
			}
			if !strings.Contains(body, `"code":"body_too_large"`) || x.End != records.EndRefused || x.Status != 413 || x.Request.Size > 10 {
				t.Errorf("%s, recorded as %s %d with %d bytes", body, x.End, x.Status, x.Request.Size)
			}
		})
	}
	if len(asked) > 0 {
		t.Error("an instance took a refused body for a whole one")
	}
	if n := g.refusedBy("body_too_large"); n != 3 {
		t.Errorf("%d counted", n)
	}
}

// A client that waits for 100 Continue is refused before it sends anything.
func TestBodyTooLargeBeforeContinue(t *testing.T) {
	g := newRig(t, Options{})
	g.limited(t, configs.Gateway{MaxBody: 10}, upstream(t, func(http.ResponseWriter, *http.Request) {}))
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 11", "Expect: 100-continue", "", "")
	if res := w.answer("POST"); res.StatusCode != 413 || !res.Close {
		t.Errorf("%d, last answer: %t", res.StatusCode, res.Close)
	}
}

// An answer that began while the body came breaks off when the body turns out to be too long.
func TestBodyTooLargeAfterTheAnswerBegan(t *testing.T) {
	g := newRig(t, Options{})
	g.limited(t, configs.Gateway{MaxBody: 10}, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, "begun")
		if err := rc.Flush(); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Error("the instance got a whole body")
		}
	}))
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "", "3", "abc", "")
	res := w.answer("POST")
	w.send("a", "0123456789", "")
	if body, err := io.ReadAll(res.Body); err == nil || !strings.HasPrefix(string(body), "begun") {
		t.Errorf("%q, %v", body, err)
	}
	if x := g.rec.only(t); x.End != records.EndRefused || x.Status != 200 {
		t.Errorf("recorded as %s %d: %s", x.End, x.Status, x.Error)
	}
}

func TestSilentInstance(t *testing.T) {
	for _, tc := range []struct {
		name, method string
		body         func() io.Reader
		answer       func(conn net.Conn, r *http.Request)
		status       int
	}{
		{"no head", "GET", nil, func(conn net.Conn, _ *http.Request) { hang(conn) }, 504},
		{"no head, over the proxy", "POST", func() io.Reader { return io.MultiReader(strings.NewReader("x")) },
			func(conn net.Conn, _ *http.Request) { hang(conn) }, 504},
		{"after a 1xx answer", "GET", nil, func(conn net.Conn, _ *http.Request) {
			fmt.Fprint(conn, "HTTP/1.1 103 Early Hints\r\n\r\n")
			hang(conn)
		}, 504},
		{"in the middle of the body", "GET", nil, func(conn net.Conn, _ *http.Request) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			hang(conn)
		}, 200},
		{"in the middle of the body, over the proxy", "POST", func() io.Reader { return io.MultiReader(strings.NewReader("x")) },
			func(conn net.Conn, _ *http.Request) {
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
				hang(conn)
			}, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, Options{})
			g.limited(t, configs.Gateway{Timeout: configs.Duration(50 * time.Millisecond)}, rawUpstream(t, tc.answer))
			var body io.Reader
			if tc.body != nil {
				body = tc.body()
			}
			req, err := http.NewRequest(tc.method, g.url+"/ai/svc/", body)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			if res.StatusCode != tc.status || (err != nil) != (tc.status == 200) {
				t.Errorf("%d %q, %v", res.StatusCode, text, err)
			}
			if tc.status == 504 && !strings.Contains(string(text), "upstream_timeout") {
				t.Errorf("%s", text)
			}
			if x := g.rec.only(t); x.End != records.EndTimeout || x.Instance != "svc/1" {
				t.Errorf("recorded as %s of %q: %s", x.End, x.Instance, x.Error)
			}
		})
	}
}

// hang reads until the peer leaves.
func hang(conn net.Conn) {
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return // as good as an end
	}
}

// Neither a long answer that keeps coming nor a client that is slow is a silent instance.
func TestSilenceIsTheInstancesOwn(t *testing.T) {
	const limit = 300 * time.Millisecond
	g := newRig(t, Options{})
	g.limited(t, configs.Gateway{Timeout: configs.Duration(limit)}, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		rc := http.NewResponseController(w)
		tick := time.NewTicker(limit / 10)
		defer tick.Stop()
		for range 20 {
			<-tick.C
			fmt.Fprint(w, ".")
			if err := rc.Flush(); err != nil {
				t.Error(err)
			}
		}
	}))
	slow, feed := io.Pipe()
	go func() {
		pause := time.NewTicker(2 * limit)
		defer pause.Stop()
		fmt.Fprint(feed, "a")
		<-pause.C
		feed.Close()
	}()
	res, body := do(t, "POST", g.url+"/ai/svc/", slow)
	if res.StatusCode != 200 || len(body) != 20 {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	if x := g.rec.only(t); x.End != records.EndComplete {
		t.Errorf("recorded as %s: %s", x.End, x.Error)
	}
}
