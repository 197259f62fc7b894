package gateway

import (
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// Whatever headers a client sends, nothing that is only between it and the gateway reaches the instance.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"Connection: X-A\r\nX-A: 1", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
		"Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade", "Upgrade: websocket, h2c\r\nConnection: upgrade",
		"Te: gzip, trailers", "Traceparent: x", "Expect: 100-continue", "Upgrade: \xff\r\nConnection: upgrade"} {
		f.Add(s)
	}
	seen := make(chan http.Header, 1)
	g := newRig(f, Options{})
	g.route(f, upstream(f, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	f.Fuzz(func(t *testing.T, lines string) {
		h, ok := parseHeader(lines)
		if !ok {
			return
		}
		w := g.dial(t)
		w.send("GET /ai/svc/ HTTP/1.1", "Host: h", "Connection: close", strings.TrimRight(lines, "\r\n"), "", "")
		res := w.answer("GET")
		readAll(t, res)
		if res.StatusCode == 400 {
			return
		}
		select {
		case got := <-seen:
			checkOnward(t, h, got)
		case <-time.After(30 * time.Second):
			t.Fatalf("%d, but the instance saw no request for %q", res.StatusCode, lines)
		}
	})
}

func parseHeader(lines string) (http.Header, bool) {
	r, err := http.ReadRequest(newReader("GET / HTTP/1.1\r\nHost: h\r\n" + strings.TrimRight(lines, "\r\n") + "\r\n\r\n"))
	if err != nil || r.ContentLength != 0 || len(r.Header["Expect"]) > 0 || len(lines) > 4000 {
		return nil, false
	}
	return r.Header, true
}

func checkOnward(t *testing.T, sent, got http.Header) {
	for _, list := range sent["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))
			switch name {
			case "Upgrade", "Te", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Traceparent", "Connection":
			default:
				if len(got[name]) > 0 {
					t.Errorf("%s is named in Connection and reached the instance", name)
				}
			}
		}
	}
	if up := got["Upgrade"]; len(up) > 1 || len(up) == 1 && !strings.EqualFold(up[0], "websocket") {
		t.Errorf("the instance was asked to upgrade to %q", up)
	}
	if len(got["Http2-Settings"]) > 0 || !validTrace(got.Get("Traceparent")) {
		t.Errorf("onward: %v", got)
	}
}
