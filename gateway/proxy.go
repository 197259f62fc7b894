package gateway

import (
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
)

// Headers that the gateway adds to each answer.
const (
	HeaderRecord   = "X-Aictl-Record"
	HeaderInstance = "X-Aictl-Instance"
)

// HeaderReplay is what a replay marks its requests with; their records are told apart from callers'.
const HeaderReplay = "X-Aictl-Replay"

// rewrite turns the copy of a request into the one for its instance.
func rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In.Context())
	out := pr.Out
	out.URL.Scheme, out.URL.Host = "http", x.target.Addr
	setPath(out.URL, x.path)
	out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy drops what it cannot parse
	pr.SetXForwarded()
	if x.secure {
		out.Header.Set("X-Forwarded-Proto", "https")
	}
	out.Header.Del("X-Forwarded-Prefix")
	if x.prefixed() {
		out.Header.Set("X-Forwarded-Prefix", prefix+x.route.Service)
	}
	out.Header.Del("Http2-Settings")
	x.trace.set(out.Header)
	out.Trailer = pr.In.Trailer // one map: the values come after the body
	if out.Body != nil && out.Body != http.NoBody {
		out.Body = x.outgoing()
	}
}

// roundTripper sends a request to its instance, and once more to another when no connection came about.
type roundTripper struct{ g *Gateway }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	res, err := t.g.transport.to(x.route.Gateway).RoundTrip(r)
	if err == nil || !neverReached(err) || r.Context().Err() != nil {
		return res, err
	}
	x.g.opt.Logger.Warn("instance not reached", "instance", x.target.Instance, "error", err)
	if !x.retarget() {
		return nil, err
	}
	again := *r
	u := *r.URL
	u.Host = x.target.Addr
	again.URL = &u
	return t.g.transport.to(x.route.Gateway).RoundTrip(&again)
}

// modifyResponse sees the head of an instance's answer.
func modifyResponse(res *http.Response) error {
	x := exchangeOf(res.Request.Context())
	x.began(res.StatusCode, res.Header)
	x.mark()
	x.allowDuplex()
	if res.StatusCode == http.StatusSwitchingProtocols {
		if conn, ok := res.Body.(io.ReadWriteCloser); ok {
			x.tunnel = x.newTunnel(conn)
			res.Body = x.tunnel
		}
		return nil
	}
	x.g.lastAnswer(x.w) // 1xx answers have cleared what was set before
	if len(res.Trailer) > 0 && x.r.ProtoMajor == 1 {
		res.Header.Del("Content-Length") // HTTP/2 has trailers after a body of a known length; HTTP/1.1 needs chunks for them
	}
	if res.Body != http.NoBody {
		x.response = &responseBody{ReadCloser: res.Body, of: res, past: &x.silence, flush: x.flush}
		x.response.capture.init(x, res.ContentLength)
		if streams(res.ContentLength, res.Header) {
			x.response.watchChunks(x)
		}
		res.Body = x.response
	}
	return nil
}

// began notes the head of the instance's answer.
func (x *exchange) began(status int, header http.Header) {
	x.silence.ends()
	x.status, x.header = status, header
	x.first = x.g.opt.Now().Sub(x.start)
	delete(header, HeaderRecord)
	delete(header, HeaderInstance)
	x.stripRules(header)
}

// mark puts the exchange's record and instance on the answer. It comes late: 1xx answers clear what is set before.
func (x *exchange) mark() {
	h := x.w.Header()
	x.marks = [2]string{"", x.target.Instance}
	if x.ticket != nil {
		x.marks[0] = x.ticket.ID()
		h[HeaderRecord] = x.marks[0:1:1]
	}
	if x.marks[1] != "" {
		h[HeaderInstance] = x.marks[1:2:2]
	}
	if r := x.route.rules; r != nil {
		x.rate.tell(h)
		if r.cors != nil {
			r.cors.mark(h, x.r.Header)
		}
	}
	if _, typed := x.header["Content-Type"]; !typed && h["Content-Type"] == nil {
		h["Content-Type"] = nil // the server does not guess what the instance did not say
	}
}

// stripUpgrade leaves only a plain WebSocket handshake its upgrade. Anything else, h2c above all, would be tunnelled past the
// routes and the recorder; without the header it is an ordinary request. HTTP/2 knows no upgrades.
func stripUpgrade(r *http.Request, http2 bool) {
	if len(r.Header["Upgrade"]) == 0 || wantsWebSocket(r) && !http2 {
		return
	}
	r.Header = r.Header.Clone()
	r.Header.Del("Upgrade")
	r.Header.Del("Http2-Settings")
}

func wantsWebSocket(r *http.Request) bool {
	wanted := r.Header["Upgrade"]
	return len(wanted) == 1 && strings.EqualFold(wanted[0], "websocket") && r.Method == http.MethodGet && r.ContentLength == 0
}
