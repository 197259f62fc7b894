package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// Recorder takes exchanges in. Configure is called with each route, Admit with each request of a known service; a nil
// ticket means that the exchange is not recorded, an error that the request must not be served.
type Recorder interface {
	Configure(service string, rec configs.Record) error
	Admit(ctx context.Context, in records.Intent) (Ticket, error)
}

// Ticket is one admitted exchange; End is called exactly once. It is an alias of a literal interface, so that a recorder can
// return it without knowing this package.
type Ticket = interface {
	ID() string
	Hold(n int) bool // asks for memory for a body; false: keep no body
	End(x *records.Exchange)
	Commit(ctx context.Context, x *records.Exchange) error // End that waits until the record is stored; an error: it is not
}

// Options of a Gateway. Zero values mean the defaults.
type Options struct {
	Logger            *slog.Logger
	Now               func() time.Time
	Rand              func() float64 // from 0 to below 1; draws the side of a canary. Must be safe for concurrent use
	DialTimeout       time.Duration  // to an instance; default 2 s
	ReadHeaderTimeout time.Duration  // for a client's request head; default 10 s
	IdleTimeout       time.Duration  // of a client's connection between requests; default 2 min
	StopTimeout       time.Duration  // how long Serve waits for running requests at its end; default 10 s
	ShadowTimeout     time.Duration  // of the copy of a request; default 30 s
	Linger            time.Duration  // how long connections without a request stay open after Leave; default 5 s
	MaxHeaderBytes    int            // of a request head; default 64 KiB
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	setDefault(&o.DialTimeout, 2*time.Second)
	setDefault(&o.ReadHeaderTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 2*time.Minute)
	setDefault(&o.StopTimeout, 10*time.Second)
	setDefault(&o.ShadowTimeout, 30*time.Second)
	setDefault(&o.Linger, 5*time.Second)
	setDefault(&o.MaxHeaderBytes, 64<<10)
	return o
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Gateway is the http.Handler of /ai/<service>/<path…>. Its methods are safe for concurrent use.
type Gateway struct {
	opt       Options
	rec       Recorder
	transport *transports
	proxy     *httputil.ReverseProxy

	watch watch

	leave    leave
	table    *table
	shadows  shadows
	fronts   atomic.Pointer[[]netip.Prefix] // see Trust
	services sync.Map                       // *service by name
	mu       sync.Mutex                     // one writer of the table and of loads
	loads    map[string]*load               // by instance, also of those that are on their way out
	lobby    *load                          // of what waits in queues
	keys     atomic.Pointer[map[[sha256.Size]byte]*heldKey]
}

// New returns a gateway without routes.
func New(rec Recorder, opt Options) *Gateway {
	g := &Gateway{opt: opt.withDefaults(), rec: rec, table: newTable(), loads: map[string]*load{}, lobby: newLoad(), leave: newLeave()}
	g.transport = newTransports(g.opt)
	g.watch.timer = time.AfterFunc(time.Hour, g.look)
	g.watch.timer.Stop()
	g.proxy = &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      roundTripper{g},
		ModifyResponse: modifyResponse,
		ErrorHandler:   proxyFailed,
		BufferPool:     &buffers,
		ErrorLog:       slog.NewLogLogger(g.opt.Logger.Handler(), slog.LevelDebug),
	}
	return g
}

// SetRoute adds or replaces a service's route for all requests that arrive from now on; running ones stay where they are.
// An error tells which record setting is not understood, so that no bodies are recorded, or which gRPC service is another's; the route is in
// force nevertheless.
func (g *Gateway) SetRoute(r Route) error {
	err := g.rec.Configure(r.Service, r.Record)
	defer g.serviceOf(r.Service).queue.dispatch() // to the new instances
	g.mu.Lock()
	defer g.mu.Unlock()
	rt := newRoute(r, g.serviceOf(r.Service), g.loadOf)
	before := g.table.find(r.Service)
	rt.addCanary(before, g.loadOf)
	rt.addShadow(before, g)
	rt.addCache(before)
	g.swap(r.Service, rt)
	if err = errors.Join(err, g.table.calls.set(r.Service, r.Gateway.GRPCServices)); err != nil {
		return fmt.Errorf("set route: %w", err)
	}
	return nil
}

// RemoveRoute takes a service's route away: its requests are answered 404 from now on.
func (g *Gateway) RemoveRoute(service string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if rt := g.table.find(service); rt != nil && rt.shade != nil {
		rt.shade.copies.close()
	}
	g.swap(service, nil)
	g.freeCalls(service)
	g.forget(service)
}

// swap puts a service's new route in force, nil for none, then retires the instances that no route names any more. A request
// that picked one of those from the old route finds it retired and picks again, so that nothing reaches an instance after
// Drain saw it idle. Callers hold g.mu.
func (g *Gateway) swap(service string, next *route) {
	t, old := g.table, g.table.find(service)
	if next != nil {
		for _, part := range next.parts() {
			for k, target := range part.Targets {
				t.named[target.Instance]++
				delete(t.leaving, target.Instance)
				part.loads[k].revive()
			}
		}
		t.routes.Store(service, next)
	} else {
		t.routes.Delete(service)
	}
	if old != nil {
		for _, part := range old.parts() {
			for _, target := range part.Targets {
				if t.named[target.Instance]--; t.named[target.Instance] == 0 {
					delete(t.named, target.Instance)
					t.leaving[target.Instance] = true
				}
			}
		}
	}
	for instance := range t.leaving {
		if g.loads[instance].retire() == 0 {
			delete(g.loads, instance)
			delete(t.leaving, instance)
		}
	}
}

// loadOf returns an instance's load, a new one when there is none. Callers hold g.mu.
func (g *Gateway) loadOf(instance string) *load {
	l := g.loads[instance]
	if l == nil {
		l = newLoad()
		g.loads[instance] = l
	}
	return l
}

// InFlight is the number of requests running on an instance.
func (g *Gateway) InFlight(instance string) int {
	if l := g.findLoad(instance); l != nil {
		return l.running()
	}
	return 0
}

func (g *Gateway) findLoad(instance string) *load {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.loads[instance]
}

// ServeHTTP answers one request and records it. The record takes the request's header over: nobody may read it afterwards.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		g.lastAnswer(w)
	}
	if !wellFormed(r) {
		Problem{Status: http.StatusBadRequest, Code: "bad_method", Detail: "the method is not a token"}.write(w, false)
		return
	}
	service, rest, ok := g.address(r)
	if !ok {
		notFound(w, "not_found", "", "this address serves /ai/<service>/<path>")
		return
	}
	rt := g.table.find(service)
	if rt == nil {
		notFound(w, "unknown_service", service, "no service of this name is deployed here")
		return
	}
	if rt.rules != nil && rt.rules.cors != nil && rt.rules.cors.preflight(w, r) {
		return
	}
	x := g.newExchange(w, r, rt, rest)
	x.hold()
	x.serve()
	x.release()
	x.drainRequest()
}

// serve answers and records the exchange. It panics with http.ErrAbortHandler when the answer broke off.
func (x *exchange) serve() {
	defer x.finish()
	if x.denied != nil {
		x.deny()
		return
	}
	if !x.allowed() {
		return // and answered
	}
	done, keep := x.answeredByCache()
	if keep != nil {
		defer keep()
	}
	if !done && x.seated() { // or answered
		x.forward()
	}
}
