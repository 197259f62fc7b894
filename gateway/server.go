package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server returns a server of HTTP/1.1 and HTTP/2 for the gateway with its limits set. There is no limit on how long an answer takes: streams are
// wanted, and a slow model is not an error.
func (g *Gateway) Server() *http.Server {
	return &http.Server{
		Handler:           g,
		Protocols:         protocols(),
		ReadHeaderTimeout: g.opt.ReadHeaderTimeout,
		IdleTimeout:       g.opt.IdleTimeout,
		MaxHeaderBytes:    g.opt.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.opt.Logger.Handler(), slog.LevelDebug),
	}
}

// Serve answers requests on ln until ctx ends. Then it takes no new connection, waits up to Options.StopTimeout for running requests,
// cuts the rest and says so with a *DrainError. Every record is handed over when it returns. It also returns after Leave.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener) error {
	srv := g.Server()
	srv.ConnState, srv.ConnContext = g.leave.count, quietContext
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(quietListener{ln}) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve gateway on %s: %w", ln.Addr(), err)
	case <-g.leave.begun:
		return g.linger(ctx, srv, ln, failed)
	case <-ctx.Done():
	}
	err := g.stop(srv)
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// stop ends srv in the reverse order of its start: listener, requests, connections to the instances.
func (g *Gateway) stop(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), g.opt.StopTimeout)
	defer cancel()
	shut := srv.Shutdown(ctx)
	err := g.drainAll(ctx) // upgraded connections are not the server's any more
	if shut != nil {
		shut = srv.Close()
	}
	g.transport.CloseIdleConnections()
	return errors.Join(err, shut)
}

// newTransport is tuned for instances on this machine: connecting is cheap, answers may take as long as they like.
func newTransport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		MaxIdleConns:        4096,
		MaxIdleConnsPerHost: 256,
		// Shorter than the keep-alive of common servers (gunicorn 2 s, uvicorn and node 5 s): a request is then
		// never sent on a connection that the instance is just closing.
		IdleConnTimeout:        time.Second,
		ExpectContinueTimeout:  300 * time.Millisecond, // an instance that knows 100 Continue says it at once
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true, // bodies pass as they are
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         16 << 10,
	}
}
