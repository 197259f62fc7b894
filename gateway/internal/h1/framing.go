package h1

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// How the end of a body is known.
type framing int

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// frame is what a head says about the body that follows it and the connection (RFC 9112, 6.3 and 9.3).
type frame struct {
	kind      framing
	length    int64 // announced, also where no body follows; -1: not announced
	coded     bool  // in chunks, also where no body follows
	keepAlive bool
}

// frameOf reads the frame of an answer to a request with this method. Lengths that contradict each other, or that another program
// could read differently, are an error.
func (h *head) frameOf(method string) (frame, error) {
	f := frame{length: -1}
	for _, field := range h.fields {
		switch field.name {
		case "Content-Length":
			n, err := parseLength(field.value)
			if err != nil {
				return f, err
			}
			if f.length >= 0 && n != f.length {
				return f, malformed("two lengths, %d and %d", f.length, n)
			}
			f.length = n
		case "Transfer-Encoding":
			if f.coded || h.minor == 0 || !strings.EqualFold(field.value, "chunked") {
				return f, malformed("transfer encoding %.80q", field.value)
			}
			f.coded = true
		}
	}
	if f.coded && f.length >= 0 {
		return f, malformed("both a length and a transfer encoding")
	}
	switch {
	case method == http.MethodHead || h.status < 200 || h.status == http.StatusNoContent || h.status == http.StatusNotModified:
		f.kind = noBody
	case f.coded:
		f.kind = byChunks
	case f.length >= 0:
		f.kind = byLength
	default:
		f.kind = byClose
	}
	f.keepAlive = f.kind != byClose && h.persistent()
	return f, nil
}

// parseLength reads decimal digits and nothing else.
func parseLength(s string) (int64, error) {
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, malformed("length %.80q", s)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, malformed("length %.80q", s)
	}
	return n, nil
}

// persistent reports whether the connection may stay open after the answer.
func (h *head) persistent() bool {
	keep, end := h.minor >= 1, false
	for _, f := range h.fields {
		if f.name != "Connection" || strings.EqualFold(f.value, "keep-alive") && keep {
			continue
		}
		for element := range strings.SplitSeq(f.value, ",") {
			switch element = textproto.TrimString(element); {
			case strings.EqualFold(element, "close"):
				end = true
			case strings.EqualFold(element, "keep-alive"):
				keep = true
			}
		}
	}
	return keep && !end
}

// Hop reports whether a header field is only for one connection (RFC 9110, 7.6.1, and its forerunners' lists).
// The name is in its canonical form.
func Hop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// onward makes the header that goes to the client: without what is only for this connection.
func (h *head) onward() http.Header {
	header := h.header(func(name string) bool { return !Hop(name) })
	if lengths := header["Content-Length"]; len(lengths) > 1 {
		header["Content-Length"] = lengths[:1] // they are all the same
	}
	h.listed("Connection", func(name string) {
		if !strings.EqualFold(name, "close") && !strings.EqualFold(name, "keep-alive") {
			header.Del(name)
		}
	})
	return header
}

// trailers returns the announced trailer fields, without values. Fields that decide on framing, routing or meaning cannot come
// late (RFC 9110, 6.5.1).
func (h *head) trailers() http.Header {
	var t http.Header
	h.listed("Trailer", func(name string) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if !token(name) || !mayTrail(name) {
			return
		}
		if t == nil {
			t = http.Header{}
		}
		t[name] = nil
	})
	return t
}

func mayTrail(name string) bool {
	switch name {
	case "Authorization", "Cache-Control", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Expect", "Host", "Max-Forwards",
		"Pragma", "Range", "Set-Cookie", "Www-Authenticate":
		return false
	}
	return !Hop(name) && !strings.HasPrefix(name, "If-")
}
