package health

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestPlainAnswer(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 15\r\n\r\n"
	const body = `{"status":"ok"}`
	code, got, plain := plainAnswer([]byte(ok + body + "more"))
	if !plain || code != 200 || string(got) != body {
		t.Errorf("got %d %q %t", code, got, plain)
	}
	for name, answer := range map[string]string{
		"nothing":         "",
		"half a header":   ok[:30],
		"half a body":     ok + body[:5],
		"no length":       "HTTP/1.1 200 OK\r\n\r\n",
		"two lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
		"negative length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"too long":        "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + strings.Repeat("x", 100),
		"chunked":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
		"folded":          "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
		"interim":         "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
		"no content":      "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
		"bare newlines":   "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"not HTTP":        "SSH-2.0-OpenSSH\r\n\r\n",
	} {
		if code, body, plain := plainAnswer([]byte(answer)); plain {
			t.Errorf("%s: read as %d %q", name, code, body)
		}
	}
}

// FuzzPlainAnswer: what is read the quick way is what the standard library reads.
func FuzzPlainAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 503 Service Unavailable\r\nServer: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		code, body, plain := plainAnswer(data)
		if !plain {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), nil)
		if err != nil {
			t.Fatalf("read as %d %q, but: %v", code, body, err)
		}
		want, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != code || !bytes.Equal(want, body) {
			t.Fatalf("read as %d %q, but is %d %q (%v)", code, body, resp.StatusCode, want, err)
		}
	})
}

// TestQuickReadMakesNoCopies: probing is nearly all that an idle daemon does.
func TestQuickReadMakesNoCopies(t *testing.T) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	if n := testing.AllocsPerRun(100, func() {
		if _, _, plain := plainAnswer(answer); !plain {
			t.Fatal("not read")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
