package gateway

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"aictl/gateway/internal/h1"
	"aictl/store/records"
)

// exchange is one request on its way through. Except for the captures, only the handler's goroutine touches it; call is aborted from
// others.
type exchange struct {
	// On the way over the ReverseProxy the exchange is the context of the request it forwards, so that the shared hooks find it.
	context.Context
	cancel context.CancelCauseFunc // of Context

	call   h1.Call // also known, and aborted, on that way
	g      *Gateway
	w      http.ResponseWriter
	r      *http.Request // as received
	route  *route
	path   string      // without /ai/<service>, escaped as received
	ticket Ticket      // nil: not recorded
	denied error       // why it must not be served; nil: it may
	held   *heldAnswer // waits for its record; nil: it does not
	start  time.Time
	trace  traceparent

	target Target
	load   *load // entered; nil when no target was had

	incoming requestBody
	outgone  answer
	request  *requestBody  // nil: none to read
	body     shortBody     // request, where it is collected before it is sent
	response *responseBody // nil: none to read
	answered *answer       // … of the pool's; nil: none to read
	tunnel   *tunnel       // after 101
	own      *capture      // the body of an answer of our own

	tags     map[string]string // of the record
	key      *heldKey          // nil: none that is good
	keyCheck keyCheck
	rate     verdictOfRate
	status   int
	header   http.Header // of the answer
	first    time.Duration
	failure  error // why there was no answer, or none of the instance's
	refused  bool
	declined bool // by a rule of the service's; see refusal
	silence  silence
	queued   time.Duration // how long it waited for an instance to have room
	secure   bool          // the client came over TLS, to us or to a trusted server in front
	duplex   bool          // the answer began before the request was over
	lot      lot
	copied   *shadowed // x is the copy of a request
	cached   bool      // answered by the cache
	finished bool
	marks    [2]string // record and instance, as they stand in the answer's header
	glances  int       // of the watch; under load.mu

	sent atomic.Bool // the request was read to its end
	ears *quietConn  // on which its client is listened for; under load.mu
}

type exchangeKey struct{}

func (g *Gateway) newExchange(w http.ResponseWriter, r *http.Request, rt *route, path string) *exchange {
	x := &exchange{g: g, w: w, r: r, route: rt, path: path, start: g.opt.Now(), secure: g.believe(r)}
	x.silence.limit = time.Duration(rt.Gateway.Timeout)
	x.sent.Store(r.ContentLength == 0 && !wantsWebSocket(r))
	if rt.rules != nil && rt.rules.keys {
		x.key, x.keyCheck = g.takeKey(r, rt.Service, x.start)
	}
	x.trace = traceOf(r.Header)
	x.ticket, x.denied = g.rec.Admit(r.Context(), records.Intent{Service: rt.Service, Method: r.Method, Path: path, TraceID: x.trace.id(),
		StartedAt: x.start, Header: r.Header})
	x.trace = x.trace.begin(x.recordID())
	return x
}

// recordID is the id of the exchange's record, "" when it is not recorded.
func (x *exchange) recordID() string {
	if x.ticket == nil {
		return ""
	}
	return x.ticket.ID()
}

// Value makes the exchange findable from the context it is.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func exchangeOf(ctx context.Context) *exchange {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		panic("gateway: a request without its exchange") // the handler puts it there
	}
	return x
}

// pickTarget enters x on a target and reports whether there is one. A route whose targets have just been retired is looked up again.
func (x *exchange) pickTarget() bool {
	for {
		target, l, ok := x.choose(x.route, "")
		if ok {
			x.target, x.load = target, l
			return true
		}
		now := x.g.table.find(x.route.Service)
		if now == nil || now == x.route {
			return false
		}
		x.route = now
	}
}

// retarget moves x to another target than the one it could not reach.
func (x *exchange) retarget() bool {
	rt := x.g.table.find(x.route.Service)
	if rt == nil {
		return false
	}
	target, l, ok := x.choose(rt, x.target.Addr)
	if !ok {
		return x.retakeTurn(rt)
	}
	x.leave()
	x.route, x.target, x.load = rt, target, l
	return true
}

func (x *exchange) leave() {
	if x.load != nil {
		x.load.leave(x)
		x.load = nil
		x.route.service.queue.dispatch()
	}
}

// forward sends the request on and the answer back: directly when the request is plain and short, else over the ReverseProxy.
func (x *exchange) forward() {
	if x.noTunnel() {
		return
	}
	defer x.giveUpHeld()
	x.g.wake()
	x.silence.begins()
	if x.direct() {
		x.forwardDirectly()
		return
	}
	x.forwardByProxy()
}

func (x *exchange) forwardByProxy() {
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(nil)
	x.Context, x.cancel = ctx, cancel
	x.call.OnAbort(cancel)
	r := x.r.WithContext(x)
	stripUpgrade(r, x.route.Gateway.HTTP2())
	x.g.proxy.ServeHTTP(x.w, r)
}

// cut ends the exchange because its instance or the gateway stops.
func (x *exchange) cut(cause error) { x.call.Abort(cause) }

// wasCut reports whether cut, and not the client, ended the exchange.
func (x *exchange) wasCut() bool {
	if x.Context != nil {
		return context.Cause(x.Context) == errCut
	}
	return x.call.Cause() == errCut
}

// allowDuplex keeps the server from swallowing what is left of the request body when an answer begins before the request
// is over: two streams that run at once would deadlock.
func (x *exchange) allowDuplex() {
	if x.request == nil || x.request.whole() {
		return
	}
	if err := http.NewResponseController(x.w).EnableFullDuplex(); err != nil {
		x.g.opt.Logger.Debug("full duplex not enabled", "error", err)
		return
	}
	x.duplex = true
}

// drainRequest ends a duplex exchange whose answer was over first. The server would read the rest of the body too, but too late
// for its own bookkeeping, and would panic (golang/go#68560).
func (x *exchange) drainRequest() {
	if !x.duplex || x.request.whole() {
		return
	}
	if err := http.NewResponseController(x.w).Flush(); err != nil {
		x.g.opt.Logger.Debug("early answer not flushed", "error", err)
	}
	if err := x.r.Body.Close(); err != nil {
		x.g.opt.Logger.Debug("request body not read to its end", "error", err)
	}
}

// finish hands the record over and leaves the instance, in this order: when an instance is drained, its records are in. It runs
// deferred, so that an answer that broke off is recorded too.
func (x *exchange) finish() {
	if x.finished {
		return
	}
	x.finished = true
	if x.overlong() {
		x.hangUp()
	}
	x.call.OnAbort(nil) // the client's connection may be another request's from now on
	if x.request != nil {
		x.request.finish()
	}
	x.copyToShadow()
	if x.ticket != nil {
		x.handOver()
	}
	if x.copied == nil {
		x.count()
		if !x.cached {
			x.noteTurn()
		}
		x.tally()
	}
	x.leave()
	x.deaf()
}

func (x *exchange) record() *records.Exchange {
	o := x.outcome()
	e := &records.Exchange{
		Instance: x.target.Instance, Release: x.target.Release, TraceID: x.trace.id(),
		Method: x.r.Method, Path: x.path, Query: x.r.URL.RawQuery, Remote: x.r.RemoteAddr,
		Status: x.status, StartedAt: x.start, FirstByte: x.first, Duration: x.g.opt.Now().Sub(x.start),
		End: verdict(o),
	}
	if e.End != records.EndComplete {
		e.Error = o.text()
	}
	if x.queued > 0 {
		x.tag("queue_ms", strconv.FormatInt(x.queued.Milliseconds(), 10))
	}
	e.Tags, e.Cached = x.tags, x.cached
	e.Request, e.Response = x.messages()
	x.addTrailers(e)
	e.Request.Header = x.r.Header
	e.Request.Header["Host"] = []string{x.r.Host}
	e.Response.Header = x.header
	if len(e.Request.Header[HeaderReplay]) > 0 {
		e.Source = records.SourceReplay
	}
	if x.copied != nil {
		x.copied.describe(e, x.r.Context())
	}
	return e
}

// tag puts a tag on the record.
func (x *exchange) tag(name, value string) {
	if x.tags == nil {
		x.tags = map[string]string{}
	}
	x.tags[name] = value
}

func (x *exchange) messages() (req, res records.Message) {
	if x.tunnel != nil {
		return x.tunnel.up.message(), x.tunnel.down.message()
	}
	req, res = records.Message{SHA256: emptyDigest}, records.Message{SHA256: emptyDigest}
	if x.request != nil {
		req = x.request.message()
	}
	switch {
	case x.own != nil:
		res = x.own.message()
	case x.response != nil:
		res = x.response.message()
	case x.answered != nil:
		res = x.answered.message()
	}
	return req, res
}

// maxBody is how much of each body is kept.
func (x *exchange) maxBody() int {
	if n := x.route.Record.MaxBody; n > 0 {
		return int(n)
	}
	return 1 << 20
}
