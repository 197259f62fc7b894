package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aictl/store/records"
)

// Shadow says where copies of a service's requests go: to Targets when Release is set, else to the instances of the route of Service.
// Nobody waits for the answers. Service, Release and Since identify it: counts begin anew with another.
type Shadow struct {
	Service string
	Release string
	Since   time.Time
	Percent float64 // of the requests
	Targets []Target
}

func (s *Shadow) same(o *Shadow) bool {
	return s.Service == o.Service && s.Release == o.Release && s.Since.Equal(o.Since)
}

// HeaderShadow marks the copy of a request with the id of the record it is a copy of. A request that comes with it is not copied again.
const HeaderShadow = "X-Aictl-Shadow"

// Tags of the record of a copy.
const (
	TagShadowOf      = "shadow_of"      // id of the record of the request that was copied
	TagShadowService = "shadow_service" // its service
)

// shade is a route's shadow.
type shade struct {
	part   *route // its targets, none when another service's route has them
	copies *copies
}

// addShadow gives a new route its shadow's part. The queue and the counts of the same shadow go on. Callers hold g.mu.
func (rt *route) addShadow(before *route, g *Gateway) {
	if s := rt.Shadow; s != nil {
		part := Route{Service: s.Service, Targets: s.Targets, Record: rt.Record, Gateway: rt.Gateway}
		rt.shade = &shade{part: newRoute(part, rt.service, g.loadOf)}
		if before != nil && before.shade != nil && before.Shadow.same(s) {
			rt.shade.copies = before.shade.copies
		} else {
			rt.shade.copies = newCopies(g, *s)
		}
	}
	if before != nil && before.shade != nil && (rt.shade == nil || rt.shade.copies != before.shade.copies) {
		before.shade.copies.close()
	}
}

// shadowed is a copy of a request on its way to a shadow.
type shadowed struct {
	of      string // id of the original's record, "" when it has none
	service string // the original's
	to      Shadow
	path    string // without /ai/<service>
	uri     string
	request *http.Request // the original's, of which only what is not shared is used
	header  http.Header
	body    []byte
	trace   traceparent
	secure  bool // the original came over TLS
}

// size is what a copy that waits is charged with, in bytes.
func (s *shadowed) size() int64 { return int64(len(s.body)) + copyOverhead }

// copyToShadow hands a copy of the request to the service's shadow, when it has one and the request is one to be copied. It neither waits
// nor fails; what is not copied is counted.
func (x *exchange) copyToShadow() {
	s := x.route.shade
	if s == nil || x.copied != nil {
		return
	}
	if x.g.opt.Rand()*100 >= x.route.Shadow.Percent {
		return
	}
	if why, ok := x.uncopied(); !ok {
		s.copies.drop(why)
		return
	}
	c := &shadowed{service: x.route.Service, to: *x.route.Shadow, path: x.path, uri: x.r.RequestURI, trace: x.trace}
	if x.ticket != nil {
		c.of = x.ticket.ID()
	}
	body := x.keptBody()
	if !s.copies.reserve(int64(len(body)) + copyOverhead) {
		return // and counted
	}
	// The recorder takes header and body over and may mask them in place.
	c.body, c.header = bytes.Clone(body), x.r.Header.Clone()
	c.request = &http.Request{Method: x.r.Method, Host: x.r.Host, RemoteAddr: x.r.RemoteAddr}
	c.secure = x.secure
	s.copies.send(c)
}

// uncopied says why a request is not to be copied.
func (x *exchange) uncopied() (why dropReason, ok bool) {
	switch {
	case len(x.r.Header[HeaderShadow]) > 0:
		return droppedLoop, false
	case x.status == 0 || x.own != nil:
		return droppedUnanswered, false
	case x.tunnel != nil || len(x.r.Trailer) > 0 || strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/grpc"):
		return droppedStream, false
	case x.request != nil && x.keptBody() == nil && x.r.ContentLength != 0:
		return droppedBody, false
	}
	return 0, true
}

// keptBody is the request's body when all of it was read and kept, else nil.
func (x *exchange) keptBody() []byte {
	if x.request == nil {
		return nil
	}
	c := &x.request.capture
	whole := x.request.whole()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.omit || c.size != int64(len(c.body)) || !whole && c.size != x.r.ContentLength {
		return nil
	}
	return c.body
}

// pick enters x on one of the shadow's targets. rt is the route of the service that the copy goes to.
func (s *shadowed) pick(x *exchange, rt *route, avoid string) (Target, *load, bool) {
	if s.to.Release == "" {
		return rt.pick(x, avoid)
	}
	if rt.shade == nil || !rt.Shadow.same(&s.to) {
		return Target{}, nil, false // it has ended: never to the live instances
	}
	return rt.shade.part.pick(x, avoid)
}

// errShadowLate is the cause of copies that took too long.
var errShadowLate = errors.New("the shadow did not answer in time")

// serveCopy sends a copy and records the exchange. sent is false when no instance had room for it; good says that there was an answer below
// 500.
func (g *Gateway) serveCopy(ctx context.Context, s *shadowed) (sent, good bool) {
	rt := g.table.find(s.to.Service)
	if rt == nil {
		return false, false
	}
	if s.of == "" {
		s.of = "unrecorded"
	}
	s.header.Set(HeaderShadow, s.of)
	x := &exchange{g: g, w: nowhere{http.Header{}}, r: s.asRequest(ctx), route: rt, path: s.path, start: g.opt.Now(), trace: s.trace, secure: s.secure, copied: s}
	x.silence.limit = time.Duration(rt.Gateway.Timeout)
	if !x.pickTarget() {
		return false, false
	}
	x.ticket, x.denied = g.rec.Admit(ctx, records.Intent{Service: rt.Service, Method: x.r.Method, Path: s.path, TraceID: x.trace.id(), StartedAt: x.start, Header: x.r.Header})
	if x.denied != nil {
		x.leave()
		return false, false
	}
	x.serveAside()
	return true, x.status > 0 && x.status < 500 && x.own == nil
}

// asRequest is the copy as a server would have received it.
func (s *shadowed) asRequest(ctx context.Context) *http.Request {
	r := s.request.WithContext(ctx)
	r.URL, r.RequestURI, r.Header = &url.URL{Path: s.path}, s.uri, s.header
	if u, err := url.ParseRequestURI(s.uri); err == nil {
		r.URL = u
	}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Body, r.ContentLength = http.NoBody, int64(len(s.body))
	if len(s.body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(s.body))
	}
	return r
}

// serveAside forwards x to the instance that it is on. That its answer broke off is in the record.
func (x *exchange) serveAside() {
	defer func() {
		if p := recover(); p != nil && p != any(http.ErrAbortHandler) {
			panic(p)
		}
	}()
	defer x.finish()
	x.forward()
}

// describe says in the record what x is a copy of, and how it ended when nobody waited for it any more.
func (s *shadowed) describe(e *records.Exchange, ctx context.Context) {
	e.Source = records.SourceShadow
	if e.Tags == nil {
		e.Tags = map[string]string{}
	}
	e.Tags[TagShadowOf], e.Tags[TagShadowService] = s.of, s.service
	if e.End != records.EndClientAbort {
		return
	}
	e.End = records.EndShutdown
	if errors.Is(context.Cause(ctx), errShadowLate) {
		e.End, e.Error = records.EndTimeout, errShadowLate.Error()
	}
}

// nowhere takes a shadow's answer.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header             { return n.header }
func (nowhere) Write(p []byte) (int, error)       { return len(p), nil }
func (nowhere) WriteHeader(int)                   {}
func (nowhere) Flush()                            {}
func (nowhere) EnableFullDuplex() error           { return nil }
func (nowhere) SetReadDeadline(_ time.Time) error { return nil }
