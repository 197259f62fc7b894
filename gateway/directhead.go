package gateway

import (
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"

	"aictl/gateway/internal/h1"
)

// buffer holds one request as it is sent.
type buffer struct{ b []byte }

var requestBuffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 2<<10)} }}

func takeBuffer() *buffer { return requestBuffers.Get().(*buffer) }

func (b *buffer) put() {
	b.b = b.b[:0]
	requestBuffers.Put(b)
}

// appendHead writes the head of the request for the instance: what the client sent, without what was meant for the gateway or is its to say.
func (x *exchange) appendHead(b []byte) []byte {
	r := x.r
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, x.path...)
	if i := strings.IndexByte(r.RequestURI, '?'); i >= 0 {
		b = append(b, r.RequestURI[i:]...)
	}
	b = append(b, " HTTP/1.1\r\n"...)
	host := r.Host
	if host == "" {
		host = x.target.Addr
	}
	b = appendField(b, "Host", host)
	b = x.appendClients(b)
	if client, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		b = appendField(b, "X-Forwarded-For", client)
	}
	b = appendField(b, "X-Forwarded-Host", r.Host)
	proto := "http"
	if x.secure {
		proto = "https"
	}
	b = appendField(b, "X-Forwarded-Proto", proto)
	if x.prefixed() {
		b = append(b, "X-Forwarded-Prefix: "+prefix...)
		b = append(b, x.route.Service...)
		b = append(b, "\r\n"...)
	}
	b = appendField(b, "Traceparent", x.trace.value)
	if r.ContentLength > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, r.ContentLength, 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// appendClients writes the client's fields that go on.
func (x *exchange) appendClients(b []byte) []byte {
	connection := x.r.Header["Connection"]
	for name, values := range x.r.Header {
		if !x.goesOn(name) || named(connection, name) {
			continue
		}
		for _, v := range values {
			b = appendField(b, name, v)
		}
	}
	if named(x.r.Header["Te"], "trailers") {
		b = appendField(b, "Te", "trailers")
	}
	return b
}

// goesOn reports whether a field of the client's is the instance's to see. Those the gateway writes itself are not.
func (x *exchange) goesOn(name string) bool {
	switch name {
	case "Host", "Content-Length", "Traceparent", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
		"X-Forwarded-Prefix", "Http2-Settings":
		return false
	case "Tracestate":
		return !x.trace.made // without its own parent it means nothing
	}
	return !h1.Hop(name)
}

// named reports whether one of some comma-separated lists has a token, in any case.
func named(lists []string, token string) bool {
	for _, list := range lists {
		for element := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(textproto.TrimString(element), token) {
				return true
			}
		}
	}
	return false
}
