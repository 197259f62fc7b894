package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"aictl/replay/compare"
)

// Target is where requests are sent: one of the addresses in turn. Header is set on each.
type Target struct {
	Name   string
	URLs   []*url.URL
	Header http.Header
}

// base is the address for the n-th request.
func (t Target) base(n uint64) *url.URL { return t.URLs[n%uint64(len(t.URLs))] }

// copyBuffers are lent to the reading of answers.
var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// keepAnswer bounds how much of an answer is kept for a comparison, in bytes. Size and digest cover all of it.
const keepAnswer = 8 << 20

// sender sends items and waits for the whole answer.
type sender struct {
	client  *http.Client
	timeout time.Duration
	header  http.Header // on top of the recorded ones
	run     string
	turn    atomic.Uint64
}

// newSender returns a sender whose connections are kept for as many as are in flight at a time.
func newSender(concurrency int, timeout time.Duration, header http.Header, run string) *sender {
	return &sender{
		timeout: timeout, header: header, run: run,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
				MaxIdleConnsPerHost: concurrency, MaxIdleConns: 0, IdleConnTimeout: 90 * time.Second,
				DisableCompression: true, // an answer is taken as it was
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// send sends a request to a target. Failures are in the answer; the error is that of ctx, whose end makes the answer
// meaningless.
func (s *sender) send(ctx context.Context, i *item, to Target, keep bool) (compare.Answer, error) {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	a, err := s.exchange(limited, i, to, keep)
	a.At = time.Now()
	a.Took = a.At.Sub(begun)
	if ctx.Err() != nil {
		return a, context.Cause(ctx)
	}
	if err != nil {
		a.Status, a.Failure = 0, failureOf(err)
	}
	return a, nil
}

func (s *sender) exchange(ctx context.Context, i *item, to Target, keep bool) (a compare.Answer, err error) {
	req, err := s.request(ctx, i, to)
	if err != nil {
		return a, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	sink := answerSink{digest: sha256.New(), room: keepAnswer}
	if !keep {
		sink.room = 0
	}
	buffer := copyBuffers.Get().(*[32 << 10]byte)
	_, err = io.CopyBuffer(&sink, res.Body, buffer[:])
	copyBuffers.Put(buffer)
	if err != nil {
		return a, err
	}
	a = compare.Answer{Status: res.StatusCode, Header: res.Header, Body: sink.kept, Size: sink.size, Partial: sink.size > int64(len(sink.kept))}
	sink.digest.Sum(a.SHA256[:0])
	return a, nil
}

var errMalformed = errors.New("no HTTP request can be made of the record")

func (s *sender) request(ctx context.Context, i *item, to Target) (*http.Request, error) {
	base := to.base(s.turn.Add(1) - 1)
	where := base.Scheme + "://" + base.Host + strings.TrimSuffix(base.EscapedPath(), "/") + i.Path
	if i.Query != "" {
		where += "?" + i.Query
	}
	req, err := http.NewRequestWithContext(ctx, i.Method, where, bytes.NewReader(i.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	req.GetBody = nil // what was written once is not written again
	req.Header = i.Header.Clone()
	for _, more := range []http.Header{to.Header, s.header} {
		for name, values := range more {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if len(i.Trailer) > 0 && len(i.Body) > 0 {
		req.Trailer, req.ContentLength = i.Trailer, -1
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	if _, told := req.Header["User-Agent"]; !told {
		req.Header["User-Agent"] = nil // none was sent
	}
	req.Header.Set(HeaderRun, s.run)
	return req, nil
}

// failureOf names why there was no answer.
func failureOf(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection broken"
	case errors.Is(err, errMalformed):
		return "malformed request"
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "host not found"
	}
	return "not HTTP or not reachable"
}

// answerSink counts and hashes a body and keeps its beginning.
type answerSink struct {
	digest hash.Hash
	kept   []byte
	room   int
	size   int64
}

func (s *answerSink) Write(p []byte) (int, error) {
	s.digest.Write(p) // a hash never fails
	s.size += int64(len(p))
	n := min(len(p), s.room-len(s.kept))
	if n > 0 {
		s.kept = append(s.kept, p[:n]...)
	}
	return len(p), nil
}
