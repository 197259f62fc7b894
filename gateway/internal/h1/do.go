package h1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// lastWords is how long an answer may take to arrive from an instance that stopped taking the request.
const lastWords = 50 * time.Millisecond

// Do sends a request and reads the head of its answer into c. It dials when no idle connection is left; a dial's error is a
// *net.OpError with Op "dial". When a kept connection turns out to have been closed by the instance, the request goes once more on a new one,
// provided that the instance took nothing of it or that it may be repeated.
// An answer that breaks the protocol is a *MalformedError. After an Abort the error is its cause.
func (p *Pool) Do(ctx context.Context, c *Call, r *Request) error {
	if cn := p.take(r.Addr); cn != nil {
		err := c.ask(p, cn, r)
		if err == nil || !again(c, cn, r, err) {
			return c.failed(err)
		}
		c.Close()
	}
	cn, err := p.dial(ctx, c, r.Addr)
	if err != nil {
		return c.failed(err)
	}
	return c.failed(c.ask(p, cn, r))
}

// again reports whether the request, which failed on a kept connection, goes on a new one.
func again(c *Call, cn *conn, r *Request, err error) bool {
	var began *beganError
	return c.Cause() == nil && !errors.As(err, &began) && (r.Repeat || cn.refusedAll())
}

// beganError is the failure of a connection that had already brought a part of an answer.
type beganError struct{ error }

func (e *beganError) Unwrap() error { return e.error }

func (c *Call) failed(err error) error {
	if err == nil {
		return nil
	}
	return c.drop(err)
}

func (p *Pool) dial(ctx context.Context, c *Call, addr string) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	cause := c.cause
	c.dial = cancel
	c.mu.Unlock()
	if cause != nil {
		return nil, cause
	}
	nc, err := p.opt.Dial(ctx, "tcp", addr)
	c.mu.Lock()
	c.dial = nil
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return newConn(addr, nc), nil
}

// ask sends the request on cn and reads the answer's head.
func (c *Call) ask(p *Pool, cn *conn, r *Request) error {
	if err := c.attach(cn); err != nil {
		cn.close()
		return err
	}
	cn.asked = uint64(len(r.Wire))
	_, writeErr := cn.Write(r.Wire)
	if writeErr != nil {
		c.deadline(time.Now().Add(lastWords)) // it may have answered before it closed
	}
	f, err := c.readHead(p, cn, r)
	if err != nil {
		return rather(writeErr, err)
	}
	if writeErr != nil {
		c.deadline(time.Time{})
		f.keepAlive = false
	}
	c.Status, c.Length = cn.head.status, f.length
	c.Header = cn.head.onward()
	c.Trailer = nil
	if f.coded {
		c.Trailer = cn.head.trailers()
	}
	c.beginBody(p, f)
	return nil
}

// rather chooses the error that explains more: that of the write, unless what was read is at fault.
func rather(write, read error) error {
	var bad *MalformedError
	var began *beganError
	switch {
	case write == nil || errors.As(read, &bad):
		return read
	case errors.As(read, &began):
		return &beganError{write}
	default:
		return write
	}
}

// readHead reads heads up to the final one.
func (c *Call) readHead(p *Pool, cn *conn, r *Request) (frame, error) {
	for informed := false; ; informed = true {
		var err error
		cn.lines, err = readLines(cn.br, cn.lines[:0], p.opt.MaxHead)
		if err != nil {
			if len(cn.lines) == 0 && !informed {
				return frame{}, fmt.Errorf("%w: %w", errNoAnswer, err)
			}
			return frame{}, &beganError{err}
		}
		if err := cn.head.parse(cn.lines); err != nil {
			return frame{}, &beganError{err}
		}
		if cap(cn.lines) > readBuffer {
			cn.lines = nil
		}
		f, err := cn.head.frameOf(r.Method)
		if err == nil && cn.head.status == http.StatusSwitchingProtocols {
			err = malformed("an upgrade that was not asked for")
		}
		if err != nil {
			return f, &beganError{err}
		}
		if cn.head.status >= 200 {
			return f, nil
		}
		if r.Inform != nil {
			r.Inform.Inform(cn.head.status, cn.head.onward())
		}
	}
}
