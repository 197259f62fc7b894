package api

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A request inside another's body stays a body, and what two parsers could read differently is refused with all that follows it.
func TestNoRequestIsSmuggledIntoTheAPI(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	body := `{"action":"stop","patterns":["ocr"]}`
	hidden := fmt.Sprintf("POST /api/v1/actions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", testToken, len(body), body)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(hidden), hidden)
	send := func(request string) (said string) {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Logf("%.100q: closed already: %v", request, err)
		}
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Logf("%.100q: the connection was reset: %v", request, err)
		}
		return string(all)
	}
	for _, head := range []string{
		fmt.Sprintf("GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(hidden)),
		fmt.Sprintf("HEAD /api/v1/openapi.json HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(hidden)),
		fmt.Sprintf("POST /no/such/path HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(hidden)),
		"GET /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "x",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nX y: a\r\n\r\n",
		"GET /health\x01z HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n",
	} {
		said := send(head + hidden)
		if n := strings.Count(said, "HTTP/1.1 "); n > 1 || strings.Contains(said, "101 Switching") {
			t.Errorf("%q was answered %d times: %.300q", head, n, said)
		}
		if b.called("stop ocr") {
			t.Fatalf("%q: the hidden request was served", head)
		}
	} // Sent openly it is served.
	if said := send(hidden); !b.called("stop ocr") {
		t.Errorf("%s", said)
	}
}
