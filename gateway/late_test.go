package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"aictl/store/records"
)

// A short body that comes slowly does not keep its head: the instance answers piece by piece while the client sends.
func TestSlowShortBodyStreams(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.EnableFullDuplex(), rc.Flush()); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 10)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				fmt.Fprintf(w, "%s!", buf[:n])
			}
			if err != nil {
				return
			}
			if err := rc.Flush(); err != nil {
				return
			}
		}
	}))
	w := g.dial(t)
	for round := range 3 {
		w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 6", "", "")
		res := w.answer("POST")
		for _, part := range []string{"ab", "cd", "ef"} {
			w.send(part)
			buf := make([]byte, 3)
			if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != part+"!" {
				t.Fatalf("round %d: %q, %v", round, buf, err)
			}
		}
		if rest := readAll(t, res); rest != "" {
			t.Errorf("%q after the end", rest)
		}
		waitFor(t, "the record", func() bool { _, n := g.rec.counts(); return n == round+1 })
		x := g.rec.ended[round]
		if x.End != records.EndComplete || string(x.Request.Body) != "abcdef" || string(x.Response.Body) != "ab!cd!ef!" {
			t.Errorf("recorded %s, %q, %q", x.End, x.Request.Body, x.Response.Body)
		}
	}
}

// The answer may come before the body does; the record is in then, and the connection goes on once the rest was sent.
func TestEarlyAnswerToASlowShortBody(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, rawConns(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		if r.URL.Path == "/no" {
			fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}))
	w := g.dial(t)
	for round := range 20 {
		w.send("POST /ai/svc/no HTTP/1.1", "Host: h", "Content-Length: 5", "", "he")
		if res := w.answer("POST"); res.StatusCode != 403 || readAll(t, res) != "no\n" {
			t.Errorf("%d", res.StatusCode)
		}
		waitFor(t, "the record", func() bool { _, n := g.rec.counts(); return n == 2*round+1 })
		if x := g.rec.ended[2*round]; x.Status != 403 || x.End != records.EndComplete || string(x.Request.Body) != "he" {
			t.Errorf("recorded %d, %s, %q", x.Status, x.End, x.Request.Body)
		}
		waitFor(t, "the instance to be left", func() bool { return g.InFlight("svc/1") == 0 })
		w.send("llo")
		// The watch, which ends with a request, must leave the connection to the next.
		w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 2", "", "ok")
		if res := w.answer("POST"); res.StatusCode != 200 || readAll(t, res) != "ok" {
			t.Errorf("the next request: %d", res.StatusCode)
		}
		waitFor(t, "the second record", func() bool { _, n := g.rec.counts(); return n == 2*round+2 })
	}
}

// Requests whose body is still coming are cut like others, and go to another instance when theirs is not there.
func TestSlowShortBodies(t *testing.T) {
	g := newRig(t, Options{})
	entered := make(chan struct{}, 1)
	working := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Log("the instance was told", "error", err)
		}
	})
	g.route(t, refused(t), working)
	for range 2 {
		w := g.dial(t)
		w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 5", "", "he")
		<-entered
		w.send("llo")
		if res := w.answer("POST"); res.Header.Get(HeaderInstance) != "svc/2" || readAll(t, res) != "hello" {
			t.Errorf("%d from %s", res.StatusCode, res.Header.Get(HeaderInstance))
		}
	}
	g.route(t, working)
	waitFor(t, "the instances to be left", func() bool { return g.InFlight("svc/1")+g.InFlight("svc/2") == 0 })
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 5", "", "he")
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var cut *DrainError
	if err := g.Drain(ctx, "svc/1"); !errors.As(err, &cut) || cut.Cut != 1 {
		t.Errorf("Drain: %v", err)
	}
	if res := w.answer("POST"); res.StatusCode != 503 || !strings.Contains(readAll(t, res), "instance_stopping") {
		t.Errorf("%d", res.StatusCode)
	}
	if x := g.rec.ended[2]; x.End != records.EndShutdown {
		t.Errorf("recorded %s", x.End)
	}
}

// A client that stops in the middle of its upload, long or short, does not keep a drain waiting, and is told.
func TestStuckUploadsAreCut(t *testing.T) {
	for _, length := range []string{"Content-Length: 100", "Content-Length: 1000000", "Transfer-Encoding: chunked"} {
		g := newRig(t, Options{})
		entered := make(chan struct{}, 1)
		g.route(t, upstream(t, func(_ http.ResponseWriter, r *http.Request) {
			entered <- struct{}{}
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Error("the upload looked whole")
			}
		}))
		w := g.dial(t)
		w.send("POST /ai/svc/ HTTP/1.1", "Host: h", length, "", "2", "")
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var cut *DrainError
		if err := g.Drain(ctx, "svc/1"); !errors.As(err, &cut) || cut.Cut != 1 {
			t.Errorf("%s: Drain: %v", length, err)
		}
		if n := g.InFlight("svc/1"); n != 0 {
			t.Errorf("%s: %d run after the drain", length, n)
		}
		if res := w.answer("POST"); res.StatusCode != 503 || !strings.Contains(readAll(t, res), "instance_stopping") {
			t.Errorf("%s: %d", length, res.StatusCode)
		}
		if x := g.rec.only(t); x.End != records.EndShutdown {
			t.Errorf("%s: recorded %s", length, x.End)
		}
	}
}

// Once nothing runs, nothing ticks.
func TestWatchRests(t *testing.T) {
	g := newRig(t, Options{})
	h, addr := newHeld(t)
	g.route(t, addr)
	got := background(t, g.url+"/ai/svc/")
	<-h.entered
	if !g.watch.on.Load() {
		t.Error("a request runs, and nobody looks")
	}
	close(h.release)
	<-got
	waitFor(t, "the watch to rest", func() bool { return !g.watch.on.Load() })
}
