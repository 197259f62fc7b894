package h1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
)

// script is a connection whose other side answers the first write with prepared bytes, in pieces, and closes.
type script struct {
	answer   []byte
	piece    int
	writeErr error
	written  chan struct{}
	closed   chan struct{}
	sent     bytes.Buffer
}

func newScript(answer string, piece int) *script {
	return &script{answer: []byte(answer), piece: max(piece, 1), written: make(chan struct{}), closed: make(chan struct{})}
}

func (s *script) Write(p []byte) (int, error) {
	s.sent.Write(p)
	select {
	case <-s.written:
	default:
		close(s.written)
	}
	if s.writeErr != nil {
		return 0, s.writeErr
	}
	return len(p), nil
}

func (s *script) Read(p []byte) (int, error) {
	select {
	case <-s.written:
	case <-s.closed:
		return 0, net.ErrClosed
	}
	if len(s.answer) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.answer[:min(s.piece, len(s.answer))])
	s.answer = s.answer[n:]
	return n, nil
}

func (s *script) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// seen is what came of an answer.
type seen struct {
	err     error // no answer
	status  int
	header  http.Header
	body    string
	broken  error // the body is not whole
	trailer http.Header
	infos   []int
}

const testHead = 64 << 10

func throughPool(t testing.TB, method, answer string, piece int) (s seen) {
	p := New(Options{Idle: time.Second, MaxIdle: 4, MaxHead: testHead,
		Dial: func(context.Context, string, string) (net.Conn, error) { return newScript(answer, piece), nil }})
	defer p.CloseIdleConnections()
	var c Call
	s.err = p.Do(t.Context(), &c, &Request{Addr: "h:1", Method: method, Wire: []byte(method + " / HTTP/1.1\r\nHost: h\r\n\r\n"), Inform: &s})
	if s.err != nil {
		return s
	}
	s.status, s.header = c.Status, c.Header
	body, err := readBody(&c)
	s.body, s.broken, s.trailer = string(body), err, c.Trailer
	return s
}

func (s *seen) Inform(status int, _ http.Header) { s.infos = append(s.infos, status) }

func readBody(c *Call) (body []byte, err error) {
	for {
		p, err := c.Next()
		body = append(body, p...)
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return body, err
		}
	}
}

func throughTransport(t testing.TB, method, answer string, piece int) (s seen) {
	tr := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: testHead,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return newScript(answer, piece), nil }}
	defer tr.CloseIdleConnections()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		s.infos = append(s.infos, code)
		return nil
	}})
	req, err := http.NewRequestWithContext(ctx, method, "http://h:1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		s.err = err
		return s
	}
	defer res.Body.Close()
	s.status, s.header = res.StatusCode, res.Header
	body, err := io.ReadAll(res.Body)
	s.body, s.broken, s.trailer = string(body), err, res.Trailer
	return s
}

// Everything that net/http understands is understood in the same way, or refused for one of these reasons.
var stricter = []string{"status line", "both a length and a transfer encoding", "transfer encoding", "an upgrade that was not asked for", "header line",
	"trailer with bare line feeds"}

func isStricter(err error) bool {
	var bad *MalformedError
	return errors.As(err, &bad) && slices.ContainsFunc(stricter, func(s string) bool { return strings.HasPrefix(bad.Reason, s) })
}

func compare(t *testing.T, method, answer string, piece int) {
	got, want := throughPool(t, method, answer, piece), throughTransport(t, method, answer, piece)
	if got.err != nil {
		if want.err == nil && !isStricter(got.err) {
			t.Errorf("refused: %v; net/http: %d %q", got.err, want.status, want.body)
		}
		return
	}
	if want.err != nil {
		if !strings.Contains(want.err.Error(), "bad trailer key") {
			t.Errorf("taken as %d %v %q; net/http: %v", got.status, got.header, got.body, want.err)
		}
		return
	}
	for name := range want.header {
		if strings.HasSuffix(name, " ") {
			return // net/http keeps the white space before the colon and does not know the field; here it is removed
		}
	}
	if got.status != want.status || got.body != want.body || !slices.Equal(got.infos, want.infos) {
		t.Errorf("%d %q after %v; net/http: %d %q after %v", got.status, got.body, got.infos, want.status, want.body, want.infos)
	}
	if (got.broken == nil) != (want.broken == nil) && !isStricter(got.broken) && !strings.Contains(errText(want.broken), "suspiciously long trailer") {
		t.Errorf("the body ends with %v; net/http: %v", got.broken, want.broken)
	}
	compareHeader(t, "header", got.header, want.header, func(name string) bool { return !Hop(name) && !isListed(answer, name) })
	if want.broken == nil && got.broken == nil {
		compareHeader(t, "trailer", got.trailer, want.trailer, mayTrail)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// isListed reports whether a Connection field names name. net/http does not show all of them.
func isListed(answer, name string) bool {
	for line := range strings.SplitSeq(answer, "\n") {
		field, list, _ := strings.Cut(line, ":")
		if strings.EqualFold(field, "Connection") && slices.ContainsFunc(strings.Split(list, ","), func(element string) bool {
			return strings.EqualFold(strings.TrimSpace(element), name)
		}) {
			return true
		}
	}
	return false
}

func compareHeader(t *testing.T, what string, got, want http.Header, counts func(name string) bool) {
	for name, values := range want {
		if !counts(name) || len(values) == 0 {
			continue
		}
		if a, b := strings.Fields(strings.Join(got[name], "\n")), strings.Fields(strings.Join(values, "\n")); !slices.Equal(a, b) {
			t.Errorf("%s %s is %q; net/http: %q", what, name, got[name], values)
		}
	}
	for name, values := range got {
		if _, ok := want[name]; !ok && len(values) > 0 {
			t.Errorf("%s %s is %q; net/http has none", what, name, values)
		}
	}
}

var answers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
	"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n5;ext=1\r\nhello\r\n00\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Late: 2\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Late: 2\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Late: 2\n\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nto the end",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nto the end",
	"HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nok",
	"HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\n\tthree\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\n X-A: 1\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX A: 1\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nX-A:\t2 \t\r\nx-a: 3\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX\x80: 1\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nConnection: X-Private, close\r\nX-Private: 1\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\nEtag: x\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.7 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"ICY 200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20_000) + "\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", testHead) + "\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", testHead/5) + "Content-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10_000),
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n" + strings.Repeat("0123456789", 10_000) + "\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + strings.Repeat("0123456789", 10_000),
	"", "H", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Le",
}

func TestAnswersAsNetHTTPReadsThem(t *testing.T) {
	for _, answer := range answers {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			for _, piece := range []int{1, 7, 1 << 20} {
				if piece == 1 && len(answer) > 5000 {
					continue
				}
				compare(t, method, answer, piece)
				if t.Failed() {
					t.Fatalf("%s, pieces of %d: %.200q", method, piece, answer)
				}
			}
		}
	}
}

func FuzzAnswers(f *testing.F) {
	for _, answer := range answers {
		f.Add(answer, 1<<20, false)
		f.Add(answer, 3, true)
	}
	f.Fuzz(func(t *testing.T, answer string, piece int, head bool) {
		if len(answer) > 20_000 {
			return
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		compare(t, method, answer, max(piece, len(answer)/500+1))
	})
}
