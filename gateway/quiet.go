package gateway

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// quietListener hands out connections on which nobody waits for the client to leave until a request takes long.
type quietListener struct{ net.Listener }

func (l quietListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		return &quietConn{TCPConn: tcp}, err
	}
	return conn, err
}

// quietConn is a client's connection. As soon as net/http's server has read a request, it reads one byte more on another goroutine, to
// notice a client that leaves, and stops that again when the answer is over: for requests that take less than a millisecond this is a good part of
// their cost. So the first such read returns with nothing, which a Read may and which ends the matter for the server; the gateway's watch has
// requests that take longer listened for.
type quietConn struct {
	*net.TCPConn
	leave context.CancelFunc // of all requests of the connection: its client has gone

	mu    sync.Mutex
	state quietState
	heard chan struct{} // closed when the listening has ended; nil: nobody listens
}

type quietState int

const (
	quietFresh   quietState = iota
	quietSkipped            // the server believes that it has looked
	quietRead               // it insisted, and reads
)

type quietKey struct{}

// quietContext makes a connection findable from its requests, and them cancellable by it.
func quietContext(ctx context.Context, conn net.Conn) context.Context {
	c, ok := conn.(*quietConn)
	if !ok {
		return ctx
	}
	ctx, c.leave = context.WithCancel(context.WithValue(ctx, quietKey{}, c))
	return ctx
}

func (c *quietConn) Read(p []byte) (int, error) {
	if c.skips(len(p)) {
		return 0, nil
	}
	return c.TCPConn.Read(p)
}

func (c *quietConn) skips(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case n != 1:
		c.state = quietFresh
		return false
	case c.state == quietFresh || c.heard != nil:
		c.state = quietSkipped
		return true
	}
	c.state = quietRead
	return false
}

// listen cancels the connection's requests when the client leaves. It is for a request of which everything was read, and ends with deaf,
// before the server reads on. It reports false when nobody listens yet: the server has not come to it.
func (c *quietConn) listen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != quietSkipped || c.heard != nil {
		return c.state != quietFresh // the server listens itself
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true // it is closed
	}
	c.heard = make(chan struct{})
	go c.hear(raw, c.heard)
	return true
}

// hear waits until the client sends or leaves. What it sends is the next request, and stays unread.
func (c *quietConn) hear(raw syscall.RawConn, done chan<- struct{}) {
	defer close(done)
	gone := false
	err := raw.Read(func(fd uintptr) bool {
		var b [1]byte
		for {
			n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if err == unix.EINTR {
				continue
			}
			gone = n == 0 && err == nil || err != nil && err != unix.EAGAIN
			return err != unix.EAGAIN
		}
	})
	if gone || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.leave()
	}
}

// deaf ends listen.
func (c *quietConn) deaf() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heard == nil {
		return
	}
	err := c.SetReadDeadline(time.Unix(1, 0))
	<-c.heard
	c.heard = nil
	if err = errors.Join(err, c.SetReadDeadline(time.Time{})); err != nil {
		c.leave() // it is closed
	}
}

// listen notices from now on when the client leaves, once its request was read. Only the watch calls it, under the lock of the load.
func (x *exchange) listen() {
	if x.ears != nil || !x.sent.Load() || x.copied != nil || x.r.ProtoMajor != 1 {
		return
	}
	if c, ok := x.r.Context().Value(quietKey{}).(*quietConn); ok && c.listen() {
		x.ears = c
	}
}

// listen has the clients of waiting requests listened for, and reports whether there are any.
func (l *load) listen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for x := range l.open {
		x.listen()
	}
	return len(l.open) > 0
}

// deaf ends listen; the exchange is in no load any more.
func (x *exchange) deaf() {
	if x.ears != nil {
		x.ears.deaf()
	}
}
