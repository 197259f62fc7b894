package gateway

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

// slowly answers when it is told to, and tells when it was asked and when its client left.
type slowly struct{ entered, answer, left chan struct{} }

func newSlowly() slowly {
	return slowly{make(chan struct{}, 10), make(chan struct{}, 10), make(chan struct{}, 10)}
}

func (s slowly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	s.entered <- struct{}{}
	select {
	case <-s.answer:
		fmt.Fprint(w, "ok")
	case <-r.Context().Done():
		s.left <- struct{}{}
	}
}

// listened waits until somebody listens for the client of the one request that runs.
func (r *rig) listened(t *testing.T) {
	t.Helper()
	waitFor(t, "the client to be listened for", func() bool {
		l := r.findLoad("svc/1")
		l.mu.Lock()
		defer l.mu.Unlock()
		for x := range l.open {
			return x.ears != nil
		}
		return false
	})
}

// A connection is good for another request after each that took long, over either way to the instance, and its end is noticed during the last.
func TestClientsAreListenedFor(t *testing.T) {
	for name, head := range map[string]string{
		"no body": "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
		"body":    "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
		"chunks":  "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	} {
		for _, target := range []string{"/ai/svc/p", "http://h/ai/svc/p"} {
			t.Run(name+" "+target, func(t *testing.T) {
				s := newSlowly()
				g := newRig(t, Options{})
				g.route(t, upstream(t, s.ServeHTTP))
				w := g.dial(t)
				for range 3 {
					w.send(fmt.Sprintf(head, target))
					<-s.entered
					g.listened(t)
					s.answer <- struct{}{}
					if body := readAll(t, w.answer("GET")); body != "ok" {
						t.Fatalf("%q", body)
					}
				}
				w.send(fmt.Sprintf(head, target))
				<-s.entered
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				<-s.left
				waitFor(t, "four records", func() bool { _, n := g.rec.counts(); return n == 4 })
				if x := g.rec.ended[3]; x.End != records.EndClientAbort {
					t.Errorf("recorded %s", x.End)
				}
			})
		}
	}
}

// The next request, sent while one runs, is neither lost nor taken for the client's leave, whoever listens.
func TestNextRequestWhileOneRuns(t *testing.T) {
	s := newSlowly()
	g := newRig(t, Options{})
	g.route(t, upstream(t, s.ServeHTTP))
	const request = "GET /ai/svc/ HTTP/1.1\r\nHost: h\r\n\r\n"
	w := g.dial(t)
	w.send(request + request) // the second is in the server's buffer
	<-s.entered
	g.listened(t)
	w.send(request)
	for range 3 {
		s.answer <- struct{}{}
		if body := readAll(t, w.answer("GET")); body != "ok" {
			t.Errorf("%q", body)
		}
	}
	w.send(request[:1])
	w.send(request[1:])
	s.answer <- struct{}{}
	if body := readAll(t, w.answer("GET")); body != "ok" || len(s.left) > 0 {
		t.Errorf("%q, %d taken for gone", body, len(s.left))
	}
}

// Whatever order the server reads in, its second look is a real one, and bytes are neither lost nor made up.
func TestQuietConnReads(t *testing.T) {
	ln := quietListener{listen(t)}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	conn := accepted.(*quietConn)
	quietContext(t.Context(), conn)
	if _, err := client.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	read := func(n int, want string) {
		t.Helper()
		p := make([]byte, n)
		if n, err := conn.Read(p); err != nil || string(p[:n]) != want {
			t.Errorf("read %q, %v; want %q", p[:n], err, want)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	read(1, "")
	read(1, "a")
	if !conn.listen() || conn.heard != nil {
		t.Error("listens beside the server")
	}
	read(2, "bc")
	if conn.listen() {
		t.Error("listens before the server has come to it")
	}
	read(1, "")
	if !conn.listen() || conn.heard == nil {
		t.Error("does not listen")
	}
	read(1, "") // a server that is late
	conn.deaf()
	read(2, "de")
	read(1, "")
	read(1, "f")
}

// A connection that its own side closes ends the requests on it.
func TestServerClosesWhileListening(t *testing.T) {
	s := newSlowly()
	g, _ := newLeaver(t, Options{StopTimeout: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}, upstream(t, s.ServeHTTP))
	g.dial(t).send()
	<-s.entered
	(&rig{Gateway: g.Gateway}).listened(t)
	g.stop()
	if err := <-g.served; err == nil || !strings.Contains(err.Error(), "1 requests were cut") {
		t.Errorf("stopped with %v", err)
	}
	<-s.left
}
