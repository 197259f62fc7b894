package gateway

import (
	"io"
	"mime"
	"net/http"
	"strings"
)

// answer is the instance's body as it passes.
type answer struct {
	capture
	eof bool
	err error
}

// Inform passes a 1xx answer on. Clients of HTTP/1.0 know none.
func (x *exchange) Inform(status int, header http.Header) {
	if !x.r.ProtoAtLeast(1, 1) {
		return
	}
	x.silence.begins() // anew
	h := x.w.Header()
	share(h, header)
	x.w.WriteHeader(status)
	clear(h) // they are not the final answer's
}

// share adds fields to h. Their values stay shared: nobody changes them in place.
func share(h, header http.Header) {
	for name, values := range header {
		if had := h[name]; had != nil {
			values = append(had[:len(had):len(had)], values...)
		}
		h[name] = values
	}
}

// relay passes the instance's answer to the client. It panics with http.ErrAbortHandler when the answer broke off.
func (x *exchange) relay() {
	x.began(x.call.Status, x.call.Header)
	h := x.w.Header()
	share(h, x.call.Header)
	x.g.lastAnswer(x.w) // 1xx answers have cleared what was set before
	x.mark()
	announced := len(x.call.Trailer)
	for name := range x.call.Trailer {
		h["Trailer"] = append(h["Trailer"], name)
	}
	x.w.WriteHeader(x.call.Status)
	if !x.call.Over() {
		x.answered = &x.outgone
		x.answered.capture.init(x, x.call.Length)
		x.copy(streams(x.call.Length, x.call.Header))
	}
	x.trail(announced)
}

// copy passes the body on, and makes sure that a client that streams gets each piece when it came.
func (x *exchange) copy(live bool) {
	if live {
		x.answered.watchChunks(x)
	}
	for {
		if live && !x.call.Ready() && x.flush() != nil {
			panic(http.ErrAbortHandler)
		}
		x.silence.begins()
		p, err := x.call.Next()
		x.silence.ends()
		if err == io.EOF {
			x.answered.eof = true
			return
		}
		if err != nil {
			x.answered.err = err
			// The server drops the connection together with what is still buffered; the client gets what came.
			if flushErr := x.flush(); flushErr != nil {
				x.g.opt.Logger.Debug("broken answer not flushed", "error", flushErr)
			}
			panic(http.ErrAbortHandler)
		}
		x.answered.add(p)
		if _, err := x.w.Write(p); err != nil {
			panic(http.ErrAbortHandler) // the client has gone
		}
	}
}

// trail passes the trailer on. Fields that were not announced need a prefix, and a trailer needs chunks.
func (x *exchange) trail(announced int) {
	trailer := x.call.Trailer
	if len(trailer) == 0 {
		return
	}
	if err := x.flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
	h := x.w.Header()
	for name, values := range trailer {
		if len(trailer) != announced {
			name = http.TrailerPrefix + name
		}
		h[name] = append(h[name], values...)
	}
}

func eventStream(h http.Header) bool {
	types := h["Content-Type"]
	if len(types) == 0 || !strings.Contains(types[0], "/") || len(types[0]) < len("text/event-stream") || !strings.EqualFold(types[0][:5], "text/") {
		return false
	}
	base, _, err := mime.ParseMediaType(types[0])
	return err == nil && base == "text/event-stream"
}
