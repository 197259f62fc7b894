package gateway

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// shortBody is a request's body while the handler's goroutine reads it. When that takes long, another goroutine begins to send it.
type shortBody struct {
	phase atomic.Int32 // bodyComes, then one of the two others

	mu    sync.Mutex
	more  sync.Cond
	bytes []byte // what has come
	taken int    // of bytes
	err   error  // why nothing comes any more; io.EOF at the end

	sending  sync.WaitGroup
	panicked any // in the other goroutine
}

const (
	bodyComes  = iota + 1
	bodyIsHere // all of it, before anything was sent
	bodyIsSent // by another goroutine, while it comes: the instance may want to answer before, or to know that a request has begun
)

// collect appends the request's body to buf. It reports false when the request was dealt with meanwhile, over the ReverseProxy.
func (x *exchange) collect(buf *buffer) (bool, error) {
	x.readRequest()
	x.body.more.L = &x.body.mu
	begin := len(buf.b)
	buf.b = slices.Grow(buf.b, int(x.r.ContentLength))
	c := &x.body
	c.bytes = buf.b[begin:begin]
	c.sending.Add(1)
	c.phase.Store(bodyComes)
	err := c.fill(x.request, int(x.r.ContentLength))
	if c.phase.CompareAndSwap(bodyComes, bodyIsHere) {
		buf.b = buf.b[:begin+len(c.bytes)]
		return true, err
	}
	c.sending.Wait()
	if c.panicked != nil {
		panic(c.panicked)
	}
	return false, nil
}

// fill reads n bytes, and as soon as something has come, has it sent if somebody sends.
func (c *shortBody) fill(src io.Reader, n int) error {
	for got := 0; got < n; {
		m, err := src.Read(c.bytes[got:n])
		got += m
		c.mu.Lock()
		c.bytes = c.bytes[:got]
		if got == n {
			c.err = io.EOF
		} else if c.err == nil {
			c.err = noEOF(err)
		}
		c.mu.Unlock()
		c.more.Signal()
		if err != nil && got < n {
			return noEOF(err)
		}
	}
	return nil
}

// noEOF names an end that comes too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sendWhatCame sends the request while its body still comes, and ends the exchange. It runs on a goroutine of its own; the handler's reads
// the body and waits.
func (x *exchange) sendWhatCame() {
	defer x.body.sending.Done()
	defer func() { x.body.panicked = recover() }()
	defer x.finish()
	x.forwardByProxy()
	if !x.request.whole() {
		if err := x.flush(); err != nil {
			x.g.opt.Logger.Debug("early answer not flushed", "error", err)
		}
	}
}

// Read returns what has come and was not returned before.
func (c *shortBody) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.taken == len(c.bytes) && c.err == nil {
		c.more.Wait()
	}
	n := copy(p, c.bytes[c.taken:])
	c.taken += n
	if c.taken == len(c.bytes) {
		return n, c.err
	}
	return n, nil
}

// Close does nothing: the handler's goroutine reads on.
func (c *shortBody) Close() error { return nil }

// stop ends the Read that waits for more.
func (c *shortBody) stop(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = cause
	}
	c.more.Broadcast()
}

// outgoing is the client's body for the ReverseProxy to send.
func (x *exchange) outgoing() io.ReadCloser {
	var body io.ReadCloser = &x.body
	if x.request == nil {
		x.readRequest()
		body = x.request
	}
	x.call.OnAbort(x.stopSending)
	return body
}

// stopSending ends the exchange on its way over the ReverseProxy. The transport does not return before it is done with the body, and a
// client that neither sends nor leaves would keep it: so the client is not listened to any more.
func (x *exchange) stopSending(cause error) {
	x.cancel(cause)
	x.body.stop(cause)
	if !x.request.whole() {
		x.hangUp()
	}
}

// hangUp listens to the client no more.
func (x *exchange) hangUp() {
	if err := http.NewResponseController(x.w).SetReadDeadline(time.Unix(1, 0)); err != nil {
		x.g.opt.Logger.Debug("request body still read", "error", err)
	}
}

func (x *exchange) readRequest() {
	x.incoming.capture.init(x, x.r.ContentLength)
	x.incoming.parts = newParts(x.ticket, x.r.Header)
	if x.r.ContentLength < 0 {
		x.incoming.watchChunks(x)
	}
	x.incoming.src, x.incoming.over = x.r.Body, &x.sent
	x.incoming.most, x.incoming.past = int64(x.route.Gateway.MaxBody), &x.silence
	x.request = &x.incoming
}

// flush sends the client what it has not been sent.
func (x *exchange) flush() error { return http.NewResponseController(x.w).Flush() }
