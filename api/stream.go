package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// flushEvery bounds how long a line of a stream waits for company: the first goes out at once, those that follow
// within this time go out together.
const flushEvery = 10 * time.Millisecond

// lineWriter writes a stream of one JSON object per line. The head is sent with the first line, so that a stream
// which fails before it is answered by a problem document with its own status.
type lineWriter struct {
	w http.ResponseWriter

	mu      sync.Mutex
	buf     *bufio.Writer
	enc     *json.Encoder
	began   bool
	pending *time.Timer // set while lines wait
	last    time.Time   // of the last flush
	err     error
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	l := &lineWriter{w: w, buf: bufio.NewWriterSize(w, 32<<10)}
	l.enc = json.NewEncoder(l.buf)
	l.enc.SetEscapeHTML(false)
	return l
}

// send writes one line; an error means that nobody reads any more.
func (l *lineWriter) send(v any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if !l.began {
		l.began = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.WriteHeader(http.StatusOK)
	}
	if l.err = l.enc.Encode(v); l.err != nil {
		return l.err
	}
	switch wait := flushEvery - time.Since(l.last); {
	case l.pending != nil:
	case wait <= 0:
		l.flush()
	default:
		l.pending = time.AfterFunc(wait, l.flushPending)
	}
	return l.err
}

// flush sends what waits. Called with the lock held.
func (l *lineWriter) flush() {
	if err := l.buf.Flush(); err != nil && l.err == nil {
		l.err = err
	}
	if f, ok := l.w.(http.Flusher); ok {
		f.Flush()
	}
	l.last = time.Now()
}

func (l *lineWriter) flushPending() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending != nil { // else the stream was closed meanwhile
		l.pending = nil
		l.flush()
	}
}

// close sends the rest; nothing is written afterwards.
func (l *lineWriter) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending != nil {
		l.pending.Stop()
		l.pending = nil
	}
	if !l.began {
		l.began = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.WriteHeader(http.StatusOK)
	}
	l.flush()
}

// finish ends a stream: with a problem document when nothing was sent yet, with a line {"error": …} when it failed later,
// with nothing when the caller has left.
func (s *Server) finish(ctx context.Context, out *lineWriter, err error) {
	if ctx.Err() != nil { // the cause says who ended it: the server, or the caller by leaving
		err = context.Cause(ctx)
	}
	switch {
	case out.err != nil:
		s.log.Debug("stream was not read to its end", "error", out.err)
		return
	case err == nil:
	case !out.began:
		s.refuse(out.w, s.problemOf(err))
		return
	default:
		if sendErr := out.send(map[string]*Error{"error": s.problemOf(err)}); sendErr != nil {
			s.log.Debug("stream was not read to its end", "error", sendErr)
			return
		}
	}
	out.close()
}

// stopping is what a stream is told that ends because the server does.
func stopping() *Error {
	return problem(http.StatusServiceUnavailable, CodeUnavailable, "aictl is stopping or restarting: try again")
}
