package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// shutdownGrace is how long calls in flight may take once the server stops; streams are ended at once.
const shutdownGrace = 10 * time.Second

var errStopping = errors.New("aictl is stopping")

// Server is the HTTP API.
type Server struct {
	deps    Deps
	log     *slog.Logger
	token   [sha256.Size]byte
	engine  *gin.Engine
	api     huma.API
	openapi []byte
	meter   *meter

	draining context.Context // done: streams end
	drain    context.CancelCauseFunc
	life     context.Context // done: everything ends
	end      context.CancelCauseFunc
	calls    sync.RWMutex // held for reading by every call: the writer's turn comes when all have ended
}

// gin keeps its mode in a package variable and writes to stdout in any but this one.
func init() { gin.SetMode(gin.ReleaseMode) }

// New returns a server over d. Close releases it when Serve was never called.
func New(d Deps) (*Server, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	s := &Server{deps: d, log: d.Logger, token: sha256.Sum256([]byte(d.Token))}
	s.meter = newMeter(s)
	s.life, s.end = context.WithCancelCause(context.Background())
	s.draining, s.drain = context.WithCancelCause(s.life)

	s.engine = gin.New()
	s.engine.HandleMethodNotAllowed = true
	s.engine.RedirectTrailingSlash = false
	s.engine.UseRawPath = true
	s.engine.Use(s.meter.count)
	s.engine.NoRoute(func(c *gin.Context) { s.refuse(c.Writer, noRoute(c.Request)) })
	s.engine.NoMethod(func(c *gin.Context) { s.refuse(c.Writer, wrongMethod(c.Request)) })
	s.api = humagin.New(s.engine, humaConfig(d.Info.Version().Version))
	s.routes()

	var err error
	if s.openapi, err = json.Marshal(s.api.OpenAPI()); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return s, nil
}

// humaConfig turns off what the library adds by itself: pages from other hosts, $schema keys, further addresses.
func humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("aictl", version)
	c.Info.Description = "Runs AI algorithm services on one server. Errors are RFC 9457 problem documents with a stable code."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "Not needed on the unix socket"},
	}
	return c
}

// Handler serves the API. Trusted callers (those of the unix socket) need no token.
func (s *Server) Handler(trusted bool) http.Handler {
	h := s.mount("/git/", s.deps.Git, s.limitBody(s.engine))
	if !trusted {
		h = s.authorize(h)
	}
	return s.guard(s.mount("/hooks/", s.deps.Webhooks, h))
}

// Close ends everything the server does. Serve does it by itself.
func (s *Server) Close() { s.end(errStopping) }

// Serve answers on the listeners, trusting those of unix sockets, until ctx ends or one fails. Then streams end,
// calls in flight get shutdownGrace, the listeners are closed and nothing is left running.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	failed := make(chan error, len(listeners))
	servers := make([]*http.Server, len(listeners))
	var running sync.WaitGroup
	for i, l := range listeners {
		servers[i] = s.httpServer(l.Addr().Network() == "unix")
		running.Go(func() {
			if err := servers[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve the API on %s: %w", l.Addr(), err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	err = errors.Join(err, s.shutdown(servers))
	running.Wait()
	return err
}

func (s *Server) shutdown(servers []*http.Server) error {
	s.drain(errStopping)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	errs := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, srv := range servers {
		wg.Go(func() {
			err := srv.Shutdown(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				s.log.Warn("calls in flight were cut off", "grace", shutdownGrace)
				s.end(errStopping)
				err = srv.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	s.end(errStopping)
	s.calls.Lock()
	defer s.calls.Unlock()
	return errors.Join(errs...)
}

// httpServer bounds what a slow peer can hold: headers and bodies have a time to arrive, and every write has a time to
// be taken (see guard). Calls as such have none, since streams go on for hours.
func (s *Server) httpServer(trusted bool) *http.Server {
	return &http.Server{
		Handler:           s.Handler(trusted),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnContext:       withPeer,
		BaseContext:       func(net.Listener) context.Context { return s.life },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}
