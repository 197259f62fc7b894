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

	"aictl/gitea/internal/stall"
)

// do sends a request. Its answer's body fails when nothing comes for as long as Stall.
func (r *Remote) do(ctx context.Context, req *http.Request) (*http.Response, error) {
	client := http.Client{Transport: stall.Transport{Next: r.Transport}, CheckRedirect: checkRedirect}
	res, err := client.Do(req.WithContext(stall.With(ctx, cmp.Or(r.Stall, time.Minute))))
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	res.Body = &body{res.Body, ctx}
	return res, nil
}

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
}

// body is an answer's, whose faults are the server's.
type body struct {
	io.ReadCloser
	ctx context.Context
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = unreachable(b.ctx, err)
	}
	return n, err
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
