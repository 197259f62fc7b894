package h1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// instance is a server whose connections are handled by hand.
type instance struct {
	addr  string
	conns atomic.Int32 // accepted
	asked atomic.Int32 // requests read
	done  sync.WaitGroup
}

// serve accepts connections and lets f deal with each; f gets the connection's number, from 1.
func serve(t testing.TB, f func(in *instance, n int, conn *net.TCPConn, br *bufio.Reader)) *instance {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := &instance{addr: ln.Addr().String()}
	var open sync.Map
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		open.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		in.done.Wait()
	})
	in.done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			n := int(in.conns.Add(1))
			open.Store(conn, true)
			in.done.Go(func() {
				defer conn.Close()
				f(in, n, conn.(*net.TCPConn), bufio.NewReader(conn))
			})
		}
	})
	return in
}

// read takes one request off the connection, with its body.
func (in *instance) read(br *bufio.Reader) (*http.Request, bool) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return nil, false
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, false
	}
	in.asked.Add(1)
	return r, true
}

// answering answers every request with the same bytes.
func answering(t testing.TB, answer string) *instance {
	return serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
		for {
			if _, ok := in.read(br); !ok {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	})
}

func newPool(t testing.TB, idle time.Duration) *Pool {
	p := New(Options{Idle: idle, MaxIdle: 8, MaxHead: 64 << 10, Dial: (&net.Dialer{Timeout: 5 * time.Second}).DialContext})
	t.Cleanup(p.CloseIdleConnections)
	return p
}

const forever = time.Hour

func request(in *instance, method, body string) *Request {
	r := &Request{Addr: in.addr, Method: method, Repeat: method == "GET" || method == "HEAD"}
	r.Wire = fmt.Appendf(nil, "%s / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", method, len(body), body)
	return r
}

func (p *Pool) do(t testing.TB, r *Request) (status int, body string, err error) {
	t.Helper()
	var c Call
	if err := p.Do(t.Context(), &c, r); err != nil {
		return 0, "", err
	}
	b, err := readBody(&c)
	return c.Status, string(b), err
}

func (p *Pool) kept(addr string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle[addr])
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within 30s: %s", what)
		case <-tick.C:
		}
	}
}

// A connection carries another request only when its last answer was read to the end and nothing else came.
func TestConnectionsAreReusedOnlyWhenClean(t *testing.T) {
	for _, tt := range []struct {
		name, method, answer string
		reused               bool
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true},
		{"no bytes", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true},
		{"trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\n\r\n", true},
		{"204", "POST", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true},
		{"after 103", "GET", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
		{"1.0 kept", "GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", true},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", false},
		{"both", "GET", "HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok", false},
		{"more than promised", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", false},
		{"a second answer", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", false},
		{"a body for HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
		{"a body with 204", "GET", "HTTP/1.1 204 No Content\r\n\r\nok", false},
		{"more than the last chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, p := answering(t, tt.answer), newPool(t, forever)
			for range 3 {
				if _, body, err := p.do(t, request(in, tt.method, "")); err != nil || strings.Contains(body, "more") || strings.Contains(body, "bad") {
					t.Errorf("%q, %v", body, err)
				}
			}
			if n := in.conns.Load(); (n == 1) != tt.reused || n != 1 && n != 3 {
				t.Errorf("%d connections for three requests", n)
			}
		})
	}
}

func TestBrokenBodies(t *testing.T) {
	for name, answer := range map[string]string{
		"length":         "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"long length":    "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nhello",
		"chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello",
		"no last chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"no trailer end": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n",
		"bad chunk":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			in := serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
				in.read(br)
				if _, err := io.WriteString(conn, answer); err != nil {
					t.Error(err)
				}
			})
			p := newPool(t, forever)
			_, body, err := p.do(t, request(in, "GET", ""))
			if body != "hello" || err == nil || p.kept(in.addr) != 0 {
				t.Errorf("%q, %v, %d kept", body, err, p.kept(in.addr))
			}
		})
	}
}

func TestUnreadBodyClosesTheConnection(t *testing.T) {
	in, p := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), newPool(t, forever)
	for range 2 {
		var c Call
		if err := p.Do(t.Context(), &c, request(in, "GET", "")); err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close()
	}
	if n := in.conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// A connection on which something happened while it was idle is not used again.
func TestIdleConnectionsAreLookedAt(t *testing.T) {
	for name, late := range map[string]func(conn *net.TCPConn) error{
		"closed":      func(conn *net.TCPConn) error { return conn.Close() },
		"half closed": func(conn *net.TCPConn) error { return conn.CloseWrite() },
		"late bytes": func(conn *net.TCPConn) error {
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan struct{})
			in := serve(t, func(in *instance, n int, conn *net.TCPConn, br *bufio.Reader) {
				in.read(br)
				if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
					t.Error(err)
				}
				if n > 1 {
					return
				}
				<-answered
				if err := late(conn); err != nil {
					t.Error(err)
				}
				answered <- struct{}{}
				in.read(br) // until the pool closes
			})
			p := newPool(t, forever)
			if _, body, err := p.do(t, request(in, "POST", "x")); body != "ok" || err != nil {
				t.Fatal(body, err)
			}
			answered <- struct{}{}
			<-answered
			idle := p.idle[in.addr][0]
			eventually(t, "the connection to look bad", func() bool { return !idle.alive() })
			if _, body, err := p.do(t, request(in, "POST", "x")); body != "ok" || err != nil {
				t.Errorf("%q, %v", body, err)
			}
			if n := in.conns.Load(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	gone := make(chan struct{}, 10)
	in := serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
		in.read(br)
		if _, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			t.Error(err)
		}
		in.read(br)
		gone <- struct{}{}
	})
	p := newPool(t, 20*time.Millisecond)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, _, err := p.do(t, request(in, "GET", "")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for range in.conns.Load() {
		<-gone
	}
	eventually(t, "the pool to rest", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.idle) == 0 && p.sweep == nil
	})
}

func TestNoMoreThanMaxIdleAreKept(t *testing.T) {
	in, p := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), newPool(t, forever)
	calls := make([]Call, 20)
	for i := range calls {
		if err := p.Do(t.Context(), &calls[i], request(in, "GET", "")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range calls {
		if _, err := readBody(&calls[i]); err != nil {
			t.Error(err)
		}
	}
	if n := p.kept(in.addr); n != 8 {
		t.Errorf("%d are kept", n)
	}
}

func TestNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err = newPool(t, forever).do(t, request(&instance{addr: ln.Addr().String()}, "GET", ""))
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
}

func TestAbort(t *testing.T) {
	cause := errors.New("enough")
	in := serve(t, func(in *instance, _ int, conn *net.TCPConn, br *bufio.Reader) {
		r, ok := in.read(br)
		if ok && r.Method == "GET" {
			if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"); err != nil {
				t.Error(err)
			}
		}
		in.read(br) // until the pool closes
	})
	p := newPool(t, forever)

	var early Call
	early.Abort(cause)
	early.Abort(errors.New("later"))
	if err := p.Do(t.Context(), &early, request(in, "GET", "")); err != cause {
		t.Errorf("before: %v", err)
	}
	var waiting Call
	go func() {
		eventually(t, "the request", func() bool { return in.asked.Load() > 0 })
		waiting.Abort(cause)
	}()
	if err := p.Do(t.Context(), &waiting, request(in, "POST", "x")); err != cause {
		t.Errorf("waiting for the head: %v", err)
	}
	var reading Call
	if err := p.Do(t.Context(), &reading, request(in, "GET", "")); err != nil {
		t.Fatal(err)
	}
	if b, err := reading.Next(); string(b) != "he" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	time.AfterFunc(time.Millisecond, func() { reading.Abort(cause) })
	for range 2 {
		if _, err := reading.Next(); err != cause {
			t.Errorf("in the body: %v", err)
		}
	}
	told := make(chan error, 1)
	reading.OnAbort(func(err error) { told <- err })
	if err := <-told; err != cause || p.kept(in.addr) != 0 {
		t.Errorf("told %v, %d kept", err, p.kept(in.addr))
	}
}

func TestAbortEndsADial(t *testing.T) {
	dialing := make(chan struct{})
	p := New(Options{Idle: forever, MaxHead: 1 << 10, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	cause := errors.New("enough")
	var c Call
	go func() { <-dialing; c.Abort(cause) }()
	if err := p.Do(t.Context(), &c, &Request{Addr: "h:1"}); err != cause {
		t.Error(err)
	}
}

// Aborts at any moment: the call ends, and no connection that was interrupted carries another.
func TestAbortsAtAnyMoment(t *testing.T) {
	in, p := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), newPool(t, forever)
	cause := errors.New("enough")
	for i := range 500 {
		var c Call
		var wg sync.WaitGroup
		wg.Go(func() {
			for range i % 50 * 20 {
				if c.Cause() != nil {
					return
				}
			}
			c.Abort(cause)
		})
		if err := p.Do(t.Context(), &c, request(in, "POST", "x")); err == nil {
			if b, err := readBody(&c); err != cause && (err != nil || string(b) != "hello") {
				t.Errorf("%q, %v", b, err)
			}
		} else if err != cause {
			t.Error(err)
		}
		wg.Wait()
		if _, body, err := p.do(t, request(in, "POST", "x")); body != "hello" || err != nil {
			t.Fatalf("after an abort: %q, %v", body, err)
		}
	}
}
