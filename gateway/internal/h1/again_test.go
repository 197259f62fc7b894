package h1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// blind makes the pool believe that its idle connections are alive, as they are until the instant after it looked.
func blind(p *Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conns := range p.idle {
		for _, cn := range conns {
			cn.look = func(uintptr) { cn.quiet = true }
		}
	}
}

// The instance closed the kept connection just before the request came: it took nothing, so that even a POST goes again.
func TestClosedAtTheMomentOfReuse(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		closed := make(chan struct{}, 10)
		in := serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
			in.read(br)
			if _, err := io.WriteString(conn, ok); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			closed <- struct{}{}
		})
		p := newPool(t, forever)
		for i := range 5 {
			if _, body, err := p.do(t, request(in, method, strings.Repeat("x", 1000*i))); body != "ok" || err != nil {
				t.Fatalf("%s %d: %q, %v", method, i, body, err)
			}
			<-closed
			blind(p)
		}
		if n := in.asked.Load(); n != 5 {
			t.Errorf("%s: the instance was asked %d times", method, n)
		}
	}
}

// The instance reads the request on a kept connection and dies: only what may be repeated is.
func TestDeathAfterTheRequestWasTaken(t *testing.T) {
	for method, want := range map[string]int32{"GET": 3, "POST": 2} {
		in := serve(t, func(in *instance, n int, conn *net.TCPConn, br *bufio.Reader) {
			in.read(br)
			if _, err := io.WriteString(conn, ok); err != nil {
				t.Error(err)
			}
			if n == 1 {
				in.read(br) // the second request is taken, and not answered
			}
		})
		p := newPool(t, forever)
		if _, body, err := p.do(t, request(in, method, "")); body != "ok" || err != nil {
			t.Fatal(body, err)
		}
		_, body, err := p.do(t, request(in, method, ""))
		if (err == nil) != (method == "GET") || err == nil && body != "ok" || err != nil && !errors.Is(err, errNoAnswer) {
			t.Errorf("%s: %q, %v", method, body, err)
		}
		if n := in.asked.Load(); n != want {
			t.Errorf("%s: the instance was asked %d times, want %d", method, n, want)
		}
	}
}

// Nothing is repeated once a part of an answer has come, or on a new connection.
func TestNothingElseIsRepeated(t *testing.T) {
	for name, answers := range map[string][2]string{
		"part of a head":   {ok, "HTTP/1.1 2"},
		"after a 1xx":      {ok, "HTTP/1.1 102 Processing\r\n\r\n"},
		"malformed":        {ok, "nonsense\r\n\r\n"},
		"a new connection": {"", ""},
	} {
		in := serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
			for _, answer := range answers {
				if _, good := in.read(br); !good {
					return
				}
				if _, err := io.WriteString(conn, answer); err != nil || answer != ok {
					return
				}
			}
		})
		p := newPool(t, forever)
		want := int32(1)
		if answers[0] != "" {
			want = 2
			if _, body, err := p.do(t, request(in, "GET", "")); body != "ok" || err != nil {
				t.Fatal(body, err)
			}
		}
		if _, _, err := p.do(t, request(in, "GET", "")); err == nil {
			t.Errorf("%s: no error", name)
		}
		if n := in.asked.Load(); n != want {
			t.Errorf("%s: the instance was asked %d times, want %d", name, n, want)
		}
	}
}

// An instance that closes after every answer, at a moment of its own: no request that may be repeated fails, and none is taken twice that may not.
func TestReuseRacesWithClosing(t *testing.T) {
	in := serve(t, func(in *instance, n int, conn *net.TCPConn, br *bufio.Reader) {
		for range n%3 + 1 {
			if _, good := in.read(br); !good {
				return
			}
			if _, err := io.WriteString(conn, ok); err != nil {
				return
			}
		}
	})
	p := newPool(t, forever)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if _, body, err := p.do(t, request(in, "GET", "")); body != "ok" || err != nil {
					t.Errorf("%q, %v", body, err)
				}
			}
		})
	}
	wg.Wait()
	before, answered, failed := in.asked.Load(), int32(0), int32(0)
	for range 1000 {
		if _, body, err := p.do(t, request(in, "POST", "x")); err == nil && body == "ok" {
			answered++
		} else {
			failed++
		}
	}
	if n := in.asked.Load() - before; n < answered || n > answered+failed {
		t.Errorf("%d POSTs answered, %d failed, %d taken", answered, failed, n)
	}
	t.Logf("%d of 1000 POSTs failed", failed)
}

// An instance that answers without taking the whole request is heard.
func TestLastWords(t *testing.T) {
	for _, tt := range []struct {
		answer string
		status int
		err    error
	}{
		{"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig", 413, nil},
		{"", 0, syscall.EPIPE},
		{"HTTP/1.1 41", 0, syscall.EPIPE},
	} {
		p := New(Options{Idle: forever, MaxIdle: 4, MaxHead: 1 << 10, Dial: func(context.Context, string, string) (net.Conn, error) {
			s := newScript(tt.answer, 5)
			s.writeErr = syscall.EPIPE
			return s, nil
		}})
		status, body, err := p.do(t, &Request{Addr: "h:1", Method: "POST", Wire: []byte("POST / HTTP/1.1\r\n\r\n")})
		if status != tt.status || !errors.Is(err, tt.err) || err == nil && body != "big" || p.kept("h:1") != 0 {
			t.Errorf("%q: %d, %q, %v", tt.answer, status, body, err)
		}
	}
}

// Ready says when Next may be called without keeping a client waiting for what is already there.
func TestReady(t *testing.T) {
	next := make(chan string)
	in := serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, good := in.read(br); !good {
				return
			}
			for s := <-next; s != ""; s = <-next {
				if _, err := io.WriteString(conn, s); err != nil {
					t.Error(err)
				}
			}
		}
	})
	p := newPool(t, forever)
	for _, tt := range []struct {
		name, head string
		ready      bool
		rest       string
	}{
		{"length, nothing there", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", false, "ok"},
		{"length, a part there", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", true, "k"},
		{"no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, ""},
		{"chunks, nothing there", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "2\r\nok\r\n0\r\n\r\n"},
		{"chunks, a size there", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n", false, "ok\r\n0\r\n\r\n"},
		{"chunks, all there", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true, ""},
	} {
		go func() {
			next <- tt.head
		}()
		var c Call
		if err := p.Do(t.Context(), &c, request(in, "GET", "")); err != nil {
			t.Fatal(tt.name, err)
		}
		if got := c.Ready(); got != tt.ready {
			t.Errorf("%s: ready %v", tt.name, got)
		}
		go func() {
			if tt.rest != "" {
				next <- tt.rest
			}
			next <- ""
		}()
		if _, err := readBody(&c); err != nil || !c.Ready() {
			t.Errorf("%s: %v", tt.name, err)
		}
		eventually(t, "the connection to come back", func() bool { return p.kept(in.addr) == 1 })
	}
}
