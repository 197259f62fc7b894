package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"aictl/store/records"
)

// What an instance can do wrong, what the client sees, and what is recorded.
func TestUpstreamFailures(t *testing.T) {
	tests := []struct {
		name, wire string
		status     int
		body       string
		broken     bool // the client's read fails
		end        records.End
	}{
		{"no answer", "", 502, "", false, records.EndUpstreamError},
		{"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", 502, "", false, records.EndUpstreamError},
		{"head cut", "HTTP/1.1 200 OK\r\nContent-Le", 502, "", false, records.EndUpstreamError},
		{"dies within a known length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 200, "hello", true, records.EndUpstreamAbort},
		{"dies before the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 200, "", true, records.EndUpstreamAbort},
		{"dies within chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200, "hello", true, records.EndUpstreamAbort},
		{"garbled chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 200, "hello", true, records.EndUpstreamAbort},
		{"promises less than it sends", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", 200, "hello", false, records.EndComplete},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 502, "", false, records.EndUpstreamError},
		{"length by closing", "HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello", false, records.EndComplete},
		{"upgrades unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502, "", false, records.EndUpstreamError},
		{"endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10), 502, "", false, records.EndUpstreamError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, Options{})
			g.route(t, rawUpstream(t, func(conn net.Conn, _ *http.Request) {
				if _, err := io.WriteString(conn, tt.wire); err != nil {
					t.Logf("the gateway closed first: %v", err)
				}
			}))
			w := g.dial(t)
			w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 2", "", "hi")
			res := w.answer("POST")
			body, err := io.ReadAll(res.Body)
			if res.StatusCode != tt.status || (err != nil) != tt.broken {
				t.Errorf("status %d, error %v", res.StatusCode, err)
			}
			x := g.rec.only(t)
			if tt.status == 200 && (string(body) != tt.body || string(x.Response.Body) != tt.body) {
				t.Errorf("client got %q, recorded %q, want %q", body, x.Response.Body, tt.body)
			}
			if tt.status == 502 && !strings.Contains(string(body), `"code":"upstream_error"`) {
				t.Errorf("body %s", body)
			}
			if x.End != tt.end || x.Status != tt.status || string(x.Request.Body) != "hi" || (x.Error == "") != (tt.end == records.EndComplete) {
				t.Errorf("recorded %s, %d, %q, error %q", x.End, x.Status, x.Request.Body, x.Error)
			}
			if n := g.InFlight("svc/1"); n != 0 {
				waitFor(t, "the instance to be left", func() bool { return g.InFlight("svc/1") == 0 })
			}
		})
	}
}

// A client that goes away while the instance works, while the answer streams, and while it sends.
func TestClientAborts(t *testing.T) {
	entered := make(chan struct{}, 1)
	left := make(chan struct{}, 1)
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		defer func() { left <- struct{}{} }()
		if r.URL.Path != "/upload" {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				t.Error(err)
			}
		}
		switch r.URL.Path {
		case "/stream":
			fmt.Fprint(w, "first")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		case "/upload":
			entered <- struct{}{}
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Error("the upload looked whole to the instance")
			}
			return
		}
		entered <- struct{}{}
		<-r.Context().Done()
	})
	for _, tt := range []struct {
		path, head string
		status     int
		response   string
		request    int64
	}{
		{"/wait", "Content-Length: 2\r\n\r\nhi", 0, "", 2},
		{"/stream", "Content-Length: 2\r\n\r\nhi", 200, "first", 2},
		{"/upload", "Content-Length: 100\r\n\r\nhi", 0, "", 2},
		{"/upload", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", 0, "", 2},
	} {
		t.Run(tt.path, func(t *testing.T) {
			g := newRig(t, Options{})
			g.route(t, addr)
			w := g.dial(t)
			w.send("POST /ai/svc"+tt.path+" HTTP/1.1", "Host: h", tt.head)
			<-entered
			if tt.response != "" {
				buf := make([]byte, len(tt.response))
				if _, err := io.ReadFull(w.answer("POST").Body, buf); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			x := g.rec.only(t)
			if x.End != records.EndClientAbort || x.Status != tt.status || string(x.Response.Body) != tt.response || x.Request.Size != tt.request {
				t.Errorf("recorded %s, %d, %q, %d bytes sent, %s", x.End, x.Status, x.Response.Body, x.Request.Size, x.Error)
			}
			<-left // the instance was told
		})
	}
}

func TestMalformedRequestBody(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, echo(t))
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "", "zz", "")
	res := w.answer("POST")
	if body := readAll(t, res); res.StatusCode != 400 || !strings.Contains(body, "bad_request_body") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if x := g.rec.only(t); x.End != records.EndClientAbort || x.Status != 400 || x.Error == "" {
		t.Errorf("recorded %s, %d, %q", x.End, x.Status, x.Error)
	}
}

func TestVerdict(t *testing.T) {
	boom := errors.New("boom")
	refused := &net.OpError{Op: "dial", Err: boom}
	slow := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	for _, tt := range []struct {
		name string
		o    outcome
		want records.End
	}{
		{"whole", outcome{head: true, whole: true}, records.EndComplete},
		{"whole, the client left then", outcome{head: true, whole: true, clientGone: true}, records.EndComplete},
		{"whole, cut then", outcome{head: true, whole: true, cut: true}, records.EndComplete},
		{"whole, the upload broke", outcome{head: true, whole: true, request: boom}, records.EndComplete},
		{"no target", outcome{refused: true}, records.EndUnavailable},
		{"cut while streaming", outcome{head: true, cut: true, clientGone: true, response: context.Canceled}, records.EndShutdown},
		{"cut while waiting", outcome{cut: true, failure: context.Canceled}, records.EndShutdown},
		{"client left while waiting", outcome{clientGone: true, failure: context.Canceled}, records.EndClientAbort},
		{"client left while streaming", outcome{head: true, clientGone: true, response: context.Canceled}, records.EndClientAbort},
		{"answer could not be written", outcome{head: true}, records.EndClientAbort},
		{"upload broke", outcome{failure: boom, request: io.ErrUnexpectedEOF}, records.EndClientAbort},
		{"refused", outcome{failure: refused}, records.EndUpstreamError},
		{"no head in time", outcome{failure: slow}, records.EndTimeout},
		{"no body in time", outcome{head: true, response: slow}, records.EndTimeout},
		{"broke off", outcome{head: true, response: io.ErrUnexpectedEOF}, records.EndUpstreamAbort},
	} {
		if got := verdict(tt.o); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
