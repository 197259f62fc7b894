package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// ErrUnreachable is wrapped by every error of a client that could not connect to its daemon.
var ErrUnreachable = errors.New("daemon is not reachable")

// Target says where a daemon is: Socket (a path) on this machine, or URL with Token anywhere.
type Target struct {
	Socket string
	URL    string
	Token  string
	CAFile string // certificates in PEM that vouch for an https URL's, beside those that the system trusts; "" for none
}

// Client calls a daemon's API. It sets no timeouts but that of connecting; the caller's context bounds a call.
type Client struct {
	base  string
	where string // for messages
	token string
	http  *http.Client
}

const dialTimeout = 5 * time.Second

// NewClient returns a client for t. It does not connect yet.
func NewClient(t Target) (*Client, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: dialTimeout,
	}
	var err error
	if transport.TLSClientConfig, err = TLSConfig(t.CAFile); err != nil {
		return nil, err
	}
	c := &Client{token: t.Token, http: &http.Client{Transport: transport}}
	switch {
	case t.URL != "" && t.Socket != "":
		return nil, errors.New("both a socket and a server URL are given: name one")
	case t.URL != "":
		u, err := url.Parse(t.URL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, fmt.Errorf("server URL %q: want http://HOST:PORT or https://HOST:PORT", t.URL)
		}
		c.base = strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/")
		c.where = c.base
	case t.Socket != "":
		c.base, c.where = "http://aictl", "unix:"+t.Socket
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", t.Socket)
		}
	default:
		return nil, errors.New("neither a socket nor a server URL is given")
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call sends body (nil for none) and decodes the answer into out.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	res, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	err = json.NewDecoder(res.Body).Decode(out)
	if err != nil {
		err = fmt.Errorf("read the answer of %s %s from %s: %w", method, path, c.where, err)
	}
	return errors.Join(err, res.Body.Close())
}

// send returns an answer with a status below 400; its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request for %s: %w", path, err)
		}
		payload = bytes.NewReader(b)
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		return nil, fmt.Errorf("make a request for %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if res.StatusCode >= 400 {
		return nil, errors.Join(c.problem(res), res.Body.Close())
	}
	return res, nil
}

// explain tells a daemon that is not there from every other failure.
func (c *Client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	cause := err
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // its text repeats the method and the made-up host
		cause = wrapped.Err
	}
	var op *net.OpError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("%w at %s: its certificate is not trusted: %w; name the authority's certificate with --ca-file", ErrUnreachable, c.where, untrusted)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("not allowed to use the daemon at %s: run as the user that runs it: %w", c.where, cause)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w at %s: %w; start it with: aictl daemon", ErrUnreachable, c.where, op.Err)
	}
	return fmt.Errorf("%w at %s: %w; see whether it runs: aictl status", ErrUnreachable, c.where, cause)
}

// problem reads an error answer. One that is no problem document did not come from a daemon's API.
func (c *Client) problem(res *http.Response) error {
	const most = 1 << 20
	body, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return fmt.Errorf("read the error answer from %s: %w", c.where, err)
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	p := &Error{}
	if err == nil && kind == "application/problem+json" && json.Unmarshal(body, p) == nil && p.Code != "" {
		p.Status = res.StatusCode
		return p
	}
	return problem(res.StatusCode, CodeForeign,
		fmt.Sprintf("%s answered %s, which is no answer of aictl: check the server URL", c.where, res.Status))
}
