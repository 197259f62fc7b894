// Package stall gives up servers that stop in the middle of an answer, however long the whole may take.
package stall

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrStalled is what a request or the reading of its answer fails with.
var ErrStalled = errors.New("the server sent nothing for too long")

type key struct{}

// With bounds the silence of servers that are asked under the context.
func With(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, key{}, d)
}

// Transport watches over the requests whose context has a bound. Next may be nil.
type Transport struct{ Next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.Next
	if next == nil {
		next = http.DefaultTransport
	}
	d, ok := r.Context().Value(key{}).(time.Duration)
	if !ok {
		return next.RoundTrip(r)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(d, func() { cancel(ErrStalled) })
	end := func() {
		timer.Stop()
		cancel(nil)
	}
	res, err := next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cause := context.Cause(ctx)
		end()
		if errors.Is(cause, ErrStalled) {
			return nil, cause
		}
		return nil, err
	}
	timer.Reset(d)
	res.Body = &body{ReadCloser: res.Body, ctx: ctx, timer: timer, d: d, end: end}
	return res, nil
}

type body struct {
	io.ReadCloser
	ctx   context.Context
	timer *time.Timer
	d     time.Duration
	end   func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(b.d)
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}
