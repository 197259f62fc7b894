package gateway

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"aictl/store/records"
)

// wsUpstream answers the handshake and echoes what comes after.
func wsUpstream(t testing.TB) string {
	return rawUpstream(t, func(conn net.Conn, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain")
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		if _, err := io.Copy(conn, conn); err != nil {
			return
		}
	})
}

// What goes through the tunnel here are no frames: it passes, is counted and hashed, and is not kept.
func TestTunnelOfNoFrames(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, wsUpstream(t))
	w := g.dial(t)
	w.send("GET /ai/svc/ws HTTP/1.1", "Host: h", "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: k", "", "")
	res := w.answer("GET")
	if res.StatusCode != 101 || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || res.Header.Get(HeaderInstance) != "svc/1" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	for range 3 {
		w.send("ping")
		buf := make([]byte, 4)
		if _, err := io.ReadFull(w.br, buf); err != nil || string(buf) != "ping" {
			t.Fatalf("%q, %v", buf, err)
		}
	}
	if n := g.InFlight("svc/1"); n != 1 {
		t.Errorf("%d in flight while open", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	x := g.rec.only(t)
	want := records.Message{Size: 12, SHA256: sha256.Sum256([]byte("pingpingping")), Truncated: true}
	checkMessage(t, "up", x.Request, want)
	checkMessage(t, "down", x.Response, want)
	if x.Status != 101 || x.End != records.EndComplete || x.Request.Header.Get("Sec-Websocket-Key") != "k" {
		t.Errorf("status %d, end %s, header %v", x.Status, x.End, x.Request.Header)
	}
}

// Every other upgrade is passed on as the plain request it also is, or refused; no tunnel comes about.
func TestOtherUpgradesAreStripped(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, wsUpstream(t))
	for _, head := range []string{
		"GET /ai/svc/ HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
		"GET /ai/svc/ HTTP/1.1\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade",
		"GET /ai/svc/ HTTP/1.1\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade",
		"GET /ai/svc/ HTTP/1.1\r\nUpgrade: h\u00b2c\r\nConnection: Upgrade",
		"POST /ai/svc/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade",
	} {
		w := g.dial(t)
		w.send(head, "Host: h", "", "")
		res := w.answer("GET")
		if body := readAll(t, res); res.StatusCode != 200 || body != "plain" {
			t.Errorf("%q: %d %q", head, res.StatusCode, body)
		}
	}
}
