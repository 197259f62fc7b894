package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// leaver is a gateway that serves on a socket which somebody else holds, too.
type leaver struct {
	*Gateway
	addr   string
	served chan error
	stop   context.CancelFunc
}

func newLeaver(t *testing.T, opt Options, upstreamAddr string) (l leaver, held net.Listener) {
	t.Helper()
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp := held.(*net.TCPListener)
	file, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	own, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	l = leaver{Gateway: New(&collector{}, opt), addr: held.Addr().String(), served: make(chan error, 1), stop: stop}
	if err := l.SetRoute(Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Addr: upstreamAddr}}}); err != nil {
		t.Fatal(err)
	}
	go func() { l.served <- l.Serve(ctx, own) }()
	t.Cleanup(func() {
		stop()
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, held
}

// conn is a client's connection.
type clientConn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (l leaver) dial(t *testing.T) clientConn {
	t.Helper()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return clientConn{t: t, Conn: conn, in: bufio.NewReader(conn)}
}

func (c clientConn) send() {
	c.t.Helper()
	if _, err := io.WriteString(c, "GET /ai/svc/ HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer and tells whether it is the connection's last.
func (c clientConn) answer() (last bool) {
	c.t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		c.t.Fatalf("%d %s %v", res.StatusCode, body, err)
	}
	return res.Close
}

// TestLeave: after Leave new connections are somebody else's, requests that run and requests that still come on open
// connections are answered, and then Serve is over.
func TestLeave(t *testing.T) {
	h, addr := newHeld(t)
	l, held := newLeaver(t, Options{Linger: time.Hour}, addr)
	running, idle := l.dial(t), l.dial(t)
	idle.send()
	<-h.entered
	h.release <- struct{}{}
	if idle.answer() {
		t.Error("the connection was to be kept")
	}
	running.send()
	<-h.entered
	if err := l.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := l.dial(t)
	other, err := held.Accept()
	if err != nil || other.RemoteAddr().String() != fresh.LocalAddr().String() {
		t.Fatalf("the new connection was taken by the gateway that leaves: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-l.served:
		t.Fatalf("Serve ended with connections open: %v", err)
	default:
	}
	close(h.release)
	if !running.answer() {
		t.Error("the answer does not close the connection")
	}
	idle.send()
	<-h.entered
	if !idle.answer() {
		t.Error("the answer to a late request does not close the connection")
	}
	if err := <-l.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestLeaveClosesTheSilent: a connection on which nothing comes is closed after the linger.
func TestLeaveClosesTheSilent(t *testing.T) {
	h, addr := newHeld(t)
	close(h.release)
	l, _ := newLeaver(t, Options{Linger: 20 * time.Millisecond}, addr)
	silent := l.dial(t)
	silent.send()
	silent.answer()
	if err := l.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-l.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := silent.in.ReadByte(); err != io.EOF {
		t.Errorf("read %v, want EOF", err)
	}
}

// TestLeaveCutShort: a stop during the linger is a stop.
func TestLeaveCutShort(t *testing.T) {
	h, addr := newHeld(t)
	close(h.release)
	l, _ := newLeaver(t, Options{Linger: time.Hour}, addr)
	silent := l.dial(t)
	silent.send()
	silent.answer()
	if err := l.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.stop()
	if err := <-l.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
