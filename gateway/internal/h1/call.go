// Package h1 speaks HTTP/1.1 with instances: the goroutine that asks also writes and reads, on pooled connections.
// It takes requests that are whole in memory; answers of every kind stream.
package h1

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Request is one request, whole.
type Request struct {
	Addr   string // of the instance, host:port
	Method string // decides whether the answer has a body
	Wire   []byte // head and body as they are sent; not kept after Do
	Repeat bool   // doing it twice is the same as doing it once, and it has no body

	// Inform, unless nil, is given each 1xx answer before the final one.
	Inform Informer
}

// Informer is told of 1xx answers, on the goroutine that called Do.
type Informer interface {
	Inform(status int, header http.Header)
}

// Call is one request's way to an instance and back. The zero value is ready. Do, Next and Close belong to one goroutine;
// Abort and Cause may be called by any.
type Call struct {
	// Of the answer, once Do has returned. Header has nothing in it that is only for the connection.
	Status  int
	Header  http.Header
	Length  int64       // announced; -1: not
	Trailer http.Header // announced fields; all fields once the body was read to its end

	body body

	mu    sync.Mutex
	cause error
	conn  *conn              // in use; nil before and after
	dial  context.CancelFunc // in use; nil before and after
	also  func(error)
}

// Abort ends the call at once. Only the first cause counts.
func (c *Call) Abort(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	c.cause = cause
	if c.conn != nil {
		c.conn.interrupt()
	}
	if c.dial != nil {
		c.dial()
	}
	if c.also != nil {
		c.also(cause)
	}
}

// OnAbort has f called with the cause when the call is aborted, at once when it already was. It replaces what it was given before; nil
// means nothing, from its return on.
func (c *Call) OnAbort(f func(cause error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.also = f
	if f != nil && c.cause != nil {
		f(c.cause)
	}
}

// Cause is why the call was aborted, nil when it was not.
func (c *Call) Cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// attach makes cn the connection that Abort interrupts. It returns the cause when it is too late.
func (c *Call) attach(cn *conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.conn = cn
	}
	return c.cause
}

// detach returns the call's connection, and whether it was left alone by Abort. From here on Abort does not know it.
func (c *Call) detach() (cn *conn, intact bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cn, c.conn = c.conn, nil
	return cn, c.cause == nil
}

// drop closes the call's connection and returns what really ended it: the cause of an Abort rather than the error that followed.
func (c *Call) drop(err error) error {
	cn, _ := c.detach()
	if cn != nil {
		cn.close()
	}
	if cause := c.Cause(); cause != nil {
		return cause
	}
	return err
}

// deadline limits what the connection may still take. The zero time is no limit. An aborted call keeps its own.
func (c *Call) deadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil && c.conn != nil {
		c.conn.limit(t)
	}
}
