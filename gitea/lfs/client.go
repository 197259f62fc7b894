package lfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// errStalled is the cause of a request that got no byte for too long.
var errStalled = fmt.Errorf("%w: it sent nothing for too long", ErrUnreachable)

// do sends a request. Its answer's body fails when nothing comes for as long as Stall.
func (r *Remote) do(ctx context.Context, req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stall := cmp.Or(r.Stall, time.Minute)
	timer := time.AfterFunc(stall, func() { cancel(errStalled) })
	end := func() {
		timer.Stop()
		cancel(nil)
	}
	client := http.Client{Transport: r.Transport, CheckRedirect: checkRedirect}
	res, err := client.Do(req.WithContext(ctx))
	if err != nil {
		cause := context.Cause(ctx)
		end()
		if cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
	}
	res.Body = &alive{ReadCloser: res.Body, ctx: ctx, timer: timer, stall: stall, end: end}
	return res, nil
}

// bare takes the address out of an error: it may hold a signature that opens the object to everybody.
func bare(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || !strings.Contains(err.Error(), "://") {
			return err
		}
		err = inner
	}
}

// checkRedirect follows a few redirects, none from https to http, and takes nothing secret to another host. What goes to the
// batch API goes to no other host at all.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("it redirects from https to http")
	}
	if req.URL.Scheme == first.URL.Scheme && strings.EqualFold(req.URL.Host, first.URL.Host) {
		return nil
	}
	if first.Method == http.MethodPost {
		return errors.New("it redirects to another host")
	}
	kept := http.Header{}
	for _, name := range []string{"Range", "Accept-Encoding"} {
		if v := req.Header.Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	req.Header = kept
	return nil
}

// alive is a body that is watched for life.
type alive struct {
	io.ReadCloser
	ctx   context.Context
	timer *time.Timer
	stall time.Duration
	end   func()
}

func (a *alive) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if n > 0 {
		a.timer.Reset(a.stall)
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(a.ctx); cause != nil {
			return n, cause
		}
		err = fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
	}
	return n, err
}

func (a *alive) Close() error {
	err := a.ReadCloser.Close()
	a.end()
	return err
}
