package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The same bytes go through net/http's ReverseProxy and through both ways of the gateway. What client and instance see of each other must be
// the same, but for the headers that the gateway adds and the bodies of its own answers.
type semantics struct {
	name    string
	request string // %s is where the target stands
	answer  string // of the instance
	early   bool   // it answers before it reads the body
	answers int    // that the client waits for; 0 is 1
	status  int    // of the last, where all of them must agree with the table, too; 0: with each other only
	shut    bool   // the client ends its sending after the request
	better  string // how the gateway differs from the ReverseProxy; its two ways do not
}

const (
	plainAnswer = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok"
	plainHead   = "POST %s HTTP/1.1\r\nHost: h\r\n"
)

var semanticsTable = []semantics{
	{name: "one hint", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plainAnswer, status: 200},
	{name: "several 1xx", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", status: 200,
		answer: "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" + plainAnswer},
	{name: "1xx, then nothing", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", status: 502},
	{name: "trailers announced", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTrailer: X-A, X-B\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", status: 200},
	{name: "trailers unannounced", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\nX-A: 2\r\n\r\n", status: 200},
	{name: "trailers announced in vain", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTrailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", status: 200},
	{name: "trailers without a body", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTrailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\r\n\r\n", status: 200},
	{name: "trailers sent", request: plainHead + "Trailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n", answer: plainAnswer, status: 200, better: "the trailer's values reach the instance"},
	{name: "chunks garbled", request: plainHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n", answer: plainAnswer, status: 400, better: "the client is told that it is at fault"},
	{name: "chunks sent", request: plainHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n4\r\n you\r\n0\r\n\r\n", answer: plainAnswer, status: 200},
	{name: "no chunks sent", request: plainHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answer: plainAnswer, status: 200},
	{name: "chunk extensions", request: plainHead + "Transfer-Encoding: chunked\r\n\r\n2;a=b;c\r\nhi\r\n0;x\r\n\r\n", answer: plainAnswer, status: 200},
	{name: "chunk extensions received", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nok\r\n0;x\r\n\r\n", status: 200},
	{name: "expect, accepted", request: plainHead + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", answer: plainAnswer, status: 200},
	{name: "expect, refused", request: plainHead + "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", early: true,
		answer: "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status: 417},
	{name: "expect, unknown", request: plainHead + "Expect: tea\r\nContent-Length: 2\r\n\r\nhi", answer: plainAnswer, status: 417},
	{name: "HEAD with a length", request: "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 12345\r\n\r\n", status: 200},
	{name: "HEAD without one", request: "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n", status: 200},
	{name: "HEAD of chunks", request: "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n", status: 200},
	{name: "HEAD answered with a body", request: "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: plainAnswer, status: 200},
	{name: "204", request: plainHead + "Content-Length: 2\r\n\r\nhi", answer: "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", status: 204},
	{name: "204 with a length", request: plainHead + "Content-Length: 2\r\n\r\nhi", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nno", status: 204},
	{name: "204 with a body", request: plainHead + "Content-Length: 2\r\n\r\nhi", answer: "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", status: 204},
	{name: "204 with chunks", request: plainHead + "Content-Length: 2\r\n\r\nhi", answer: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", status: 204},
	{name: "304 with a length", request: "GET %s HTTP/1.1\r\nHost: h\r\nIf-None-Match: x\r\n\r\n", answer: "HTTP/1.1 304 Not Modified\r\nEtag: x\r\nContent-Length: 100\r\n\r\n", status: 304},
	{name: "304 with a body", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nwrong", status: 304},
	{name: "answer before the upload", request: plainHead + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000), early: true, answer: plainAnswer, status: 200},
	{name: "refusal before the chunks", request: plainHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", early: true,
		answer: "HTTP/1.1 413 Content Too Large\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nbig", status: 413},
	{name: "upload broken off", request: plainHead + "Content-Length: 100\r\n\r\nhi", answer: plainAnswer, shut: true, better: "nobody is answered who did not ask to the end"},
	{name: "answer too short", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nhello", status: 200, better: "what came reaches the client"},
	{name: "answer too long", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhello", status: 200},
	{name: "chunks broken off", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", status: 200},
	{name: "chunk size too large", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n", status: 200, better: "the head reaches the client"},
	{name: "up to the end", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nConnection: close\r\n\r\nhello", status: 200},
	{name: "lines without CR", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\nContent-Type: a/b\nContent-Length: 2\n\nok", status: 200},
	{name: "folded header", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok", status: 200},
	{name: "two requests at once", request: "GET %[1]s HTTP/1.1\r\nHost: h\r\n\r\nGET %[1]s HTTP/1.1\r\nHost: h\r\n\r\n", answer: plainAnswer, answers: 2, status: 200},
	{name: "two with bodies", request: "POST %[1]s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiPOST %[1]s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n\r\n", answer: plainAnswer, answers: 2, status: 200},
	{name: "after an error", request: "POST %[1]s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiGET %[1]s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 500 Oops\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\noops", answers: 2, status: 500},
	{name: "after a bad answer", request: "GET %[1]s HTTP/1.1\r\nHost: h\r\n\r\nGET %[1]s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "hello\r\n\r\n", answers: 2, status: 502},
	{name: "the client closes", request: plainHead + "Connection: close\r\nContent-Length: 2\r\n\r\nhi", answer: plainAnswer, status: 200},
	{name: "the instance closes", request: "GET %[1]s HTTP/1.1\r\nHost: h\r\n\r\nGET %[1]s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok", answers: 2, status: 200},
	{name: "HTTP/1.0", request: "GET %s HTTP/1.0\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", status: 200},
	{name: "no host", request: "GET %s HTTP/1.1\r\n\r\n", answer: plainAnswer, status: 400},
	{name: "bad status", request: "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", answer: "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", status: 502},
	{name: "CONNECT", request: "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", answer: plainAnswer, status: 404, better: "no service has such an address"},
	{name: "h2c by upgrade", request: "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", answer: plainAnswer, status: 200},
}

func TestSemanticsOfReverseProxy(t *testing.T) {
	for _, tt := range semanticsTable {
		t.Run(tt.name, func(t *testing.T) {
			peer := tt.through(t, "/ai/svc/p?q=%zz", peerProxy)
			if tt.better != "" {
				peer = tt.through(t, "/ai/svc/p?q=%zz", gatewayProxy)
			}
			for way, target := range map[string]string{"directly": "/ai/svc/p?q=%zz", "over the proxy": "http://h/ai/svc/p?q=%zz"} {
				got := tt.through(t, target, gatewayProxy)
				if !slices.Equal(got.back, peer.back) {
					t.Errorf("%s the client got\n%.2000s\nof ReverseProxy it gets\n%.2000s", way, strings.Join(got.back, "\n"), strings.Join(peer.back, "\n"))
				}
				// Of a request that is not whole, more or less may have been passed on. ReverseProxy asks the instance to upgrade to HTTP/2.
				if !tt.shut && tt.status != 400 && tt.name != "h2c by upgrade" && !slices.Equal(got.onward, peer.onward) {
					t.Errorf("%s the instance got\n%.2000s\nof ReverseProxy it gets\n%.2000s", way, strings.Join(got.onward, "\n"), strings.Join(peer.onward, "\n"))
				}
				if last := "status " + fmt.Sprint(tt.status); tt.status != 0 && (len(got.back) == 0 || !slices.ContainsFunc(got.back, func(s string) bool { return strings.HasPrefix(s, last) })) {
					t.Errorf("%s there is no %s in\n%.2000s", way, last, strings.Join(got.back, "\n"))
				}
			}
		})
	}
}

func gatewayProxy(t *testing.T, instance string) (addr string) {
	g := newRig(t, Options{})
	g.route(t, instance)
	return g.addr
}

// peerProxy is a ReverseProxy as one would write it for these routes.
func peerProxy(t *testing.T, instance string) (addr string) {
	tr := &http.Transport{DisableCompression: true, ExpectContinueTimeout: 300 * time.Millisecond}
	t.Cleanup(tr.CloseIdleConnections)
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: instance})
		r.Out.Host, r.Out.URL.Path, r.Out.URL.RawPath, r.Out.URL.RawQuery = r.In.Host, strings.TrimPrefix(r.Out.URL.Path, "/ai/svc"), "", r.In.URL.RawQuery
		r.SetXForwarded()
	}, ErrorLog: log.New(io.Discard, "", 0)})
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// through sends the request through a proxy and returns what both ends saw.
func (tt semantics) through(t *testing.T, target string, proxy func(t *testing.T, instance string) string) (seen passed) {
	t.Helper()
	got := make(chan []string, 10)
	addr := proxy(t, rawConns(t, func(conn net.Conn) { tt.instance(conn, got) }))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	request := tt.request
	if strings.Contains(request, "%") {
		request = fmt.Sprintf(request, target)
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_, err := io.WriteString(conn, request)
		if err == nil && tt.shut {
			err = conn.(*net.TCPConn).CloseWrite()
		}
		if err != nil && tt.status != 200 && !errors.Is(err, net.ErrClosed) {
			return // refused in mid-request
		}
	}()
	method, _, _ := strings.Cut(request, " ")
	seen.back = readAnswers(bufio.NewReader(conn), method, max(1, tt.answers))
	conn.Close()
	<-wrote
	for len(got) > 0 {
		seen.onward = append(seen.onward, <-got...)
	}
	return seen
}

// instance answers on conn as tt says. It keeps the connection where more than one answer is expected that say so.
func (tt semantics) instance(conn net.Conn, got chan<- []string) {
	br := bufio.NewReader(conn)
	tt.once(conn, br, got)
	for n := 1; n < tt.answers && !strings.Contains(tt.answer, "Connection: close"); n++ {
		tt.once(conn, br, got)
	}
}

func (tt semantics) once(conn net.Conn, br *bufio.Reader, got chan<- []string) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	head := []string{r.Method + " " + r.RequestURI + " " + r.Proto, "host " + r.Host, fmt.Sprint(r.ContentLength, r.TransferEncoding)}
	for _, line := range lines(r.Header) {
		name, _, _ := strings.Cut(line, ":")
		if name != "Traceparent" && name != "X-Forwarded-Prefix" {
			head = append(head, line)
		}
	}
	if tt.early {
		got <- head
		if _, err := io.WriteString(conn, tt.answer); err != nil {
			return
		}
		_, err := io.Copy(io.Discard, r.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
			return
		}
		return
	}
	if r.Header.Get("Expect") != "" {
		if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	got <- append(head, fmt.Sprintf("%q broken: %v", body, err != nil), fmt.Sprint(r.Trailer))
	if err == nil {
		_, err = io.WriteString(conn, tt.answer)
	}
	if err != nil {
		return
	}
}

// readAnswers describes answers, 1xx ones included.
func readAnswers(br *bufio.Reader, method string, n int) (all []string) {
	for n > 0 {
		res, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return append(all, "no answer in time")
			}
			return append(all, "no answer")
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		all = append(all, fmt.Sprintf("status %d %s, close %v", res.StatusCode, res.Proto, res.Close))
		if res.StatusCode >= 200 {
			n--
		}
		if res.StatusCode == http.StatusBadGateway || res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusNotFound {
			continue // each in its own words
		}
		all = append(all, fmt.Sprintf("%q broken: %v", body, err != nil), fmt.Sprint(res.Trailer))
		for _, line := range lines(res.Header) {
			name, _, _ := strings.Cut(line, ":")
			if !strings.HasPrefix(name, "X-Aictl-") && (name != "Content-Length" || method == "HEAD") {
				all = append(all, line)
			}
		}
	}
	return all
}

// The server does not guess a type for an answer that names none, over either way.
func TestNoTypeIsGuessed(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n"} {
		for _, target := range []string{"/ai/svc/p", "http://h/ai/svc/p"} {
			g := newRig(t, Options{})
			g.route(t, rawUpstream(t, func(conn net.Conn, _ *http.Request) {
				if _, err := io.WriteString(conn, answer); err != nil {
					t.Error(err)
				}
			}))
			w := g.dial(t)
			w.send("GET "+target+" HTTP/1.1", "Host: h", "", "")
			if res := w.answer("GET"); len(res.Header["Content-Type"]) > 0 || readAll(t, res) != "<html>" {
				t.Errorf("%s: %v", target, res.Header)
			}
		}
	}
}
