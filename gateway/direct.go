package gateway

import (
	"context"
	"net/http"
	"strings"

	"aictl/gateway/internal/h1"
)

// directBody is the longest request body that is collected before the request is sent.
const directBody = 64 << 10

// direct reports whether the request can go over the pool: no upgrade, nothing to be asked before the body is sent, and a body that is
// short by its own words.
func (x *exchange) direct() bool {
	r := x.r
	if r.ContentLength < 0 || r.ContentLength > directBody || len(r.Header["Expect"]) > 0 || len(r.Trailer) > 0 ||
		r.Method == http.MethodConnect || !strings.HasPrefix(r.RequestURI, "/") || strings.ContainsAny(r.RequestURI, " \r\n") || strings.ContainsAny(r.Host, "% \r\n") {
		return false
	}
	return !wantsWebSocket(r) && !unsafeHeader(r.Header) && !x.route.Gateway.HTTP2()
}

// unsafeHeader reports whether a value would break its line. net/http's servers refuse such requests; the line is not crossed here either.
func unsafeHeader(h http.Header) bool {
	for _, values := range h {
		for _, v := range values {
			if strings.IndexByte(v, '\n') >= 0 || strings.IndexByte(v, '\r') >= 0 {
				return true
			}
		}
	}
	return false
}

// forwardDirectly sends the request over the pool. A body that does not come at once makes it a matter for the ReverseProxy.
func (x *exchange) forwardDirectly() {
	buf := takeBuffer()
	buf.b = x.appendHead(buf.b)
	if x.r.ContentLength > 0 {
		mine, err := x.collect(buf)
		if !mine {
			return // somebody may still be reading buf
		}
		if err != nil {
			buf.put()
			x.fail(err)
			return
		}
	}
	ctx := x.r.Context()
	err := x.ask(ctx, buf.b)
	buf.put()
	if err != nil {
		x.fail(err)
		return
	}
	defer x.call.Close()
	x.relay()
}

// ask sends the request to its instance, and once more to another when no connection came about.
func (x *exchange) ask(ctx context.Context, wire []byte) error {
	req := h1.Request{Addr: x.target.Addr, Method: x.r.Method, Wire: wire, Repeat: x.repeatable(), Inform: x}
	err := x.g.transport.pool.Do(ctx, &x.call, &req)
	if err == nil || !neverReached(err) || ctx.Err() != nil {
		return err
	}
	x.g.opt.Logger.Warn("instance not reached", "instance", x.target.Instance, "error", err)
	if !x.retarget() {
		return err
	}
	req.Addr = x.target.Addr
	return x.g.transport.pool.Do(ctx, &x.call, &req)
}

// repeatable reports whether asking twice is the same as asking once (RFC 9110, 9.2.1).
func (x *exchange) repeatable() bool {
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return x.r.ContentLength == 0
	}
	return false
}
