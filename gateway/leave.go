package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// leave is how a gateway gives its address to another process that listens on the same socket.
type leave struct {
	begun   chan struct{} // closed by Leave
	deaf    chan struct{} // closed when no connection is taken any more
	begin   func()
	conns   atomic.Int64
	changed chan struct{} // told when a connection has ended
}

func newLeave() leave {
	begun := make(chan struct{})
	return leave{begun: begun, begin: sync.OnceFunc(func() { close(begun) }), deaf: make(chan struct{}), changed: make(chan struct{}, 1)}
}

// count follows the server's connections.
func (l *leave) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		l.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		l.conns.Add(-1)
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

func (l *leave) isBegun() bool {
	select {
	case <-l.begun:
		return true
	default:
		return false
	}
}

// Leave makes Serve take no more connections, so that another process can take them, and returns when that is so. What
// runs is answered to its end; so is what still comes on open connections, each of which is told to close. One
// that stays silent is closed after Options.Linger: by then its client has had time to send what it was about to. When nothing is
// left, Serve returns. It must be serving.
func (g *Gateway) Leave(ctx context.Context) error {
	g.leave.begin()
	select {
	case <-g.leave.deaf:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lastAnswer tells the client of a gateway that leaves to connect anew for its next request.
func (g *Gateway) lastAnswer(w http.ResponseWriter) {
	if g.leave.isBegun() {
		w.Header().Set("Connection", "close")
	}
}

// linger serves what is open after Leave. When ctx ends, it is stopped like any other.
func (g *Gateway) linger(ctx context.Context, srv *http.Server, ln net.Listener, failed <-chan error) error {
	err := ln.Close()
	if serveErr := <-failed; !errors.Is(serveErr, net.ErrClosed) {
		err = errors.Join(err, serveErr)
	}
	close(g.leave.deaf)
	patience := time.NewTimer(g.opt.Linger)
	defer patience.Stop()
	for silent := false; !silent && g.leave.conns.Load() > 0; {
		select {
		case <-g.leave.changed:
		case <-patience.C:
			silent = true
		case <-ctx.Done():
			silent = true
		}
	}
	if shut := srv.Shutdown(ctx); shut == nil { // closes the silent, and waits for the others
		if cut := g.drainAll(ctx); cut == nil {
			g.transport.CloseIdleConnections()
			return err
		}
	}
	return errors.Join(err, g.stop(srv))
}
