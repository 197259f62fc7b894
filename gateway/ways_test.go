package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"aictl/store/records"
)

// A request in absolute form goes over the ReverseProxy, the same one in origin form directly. Nobody can tell the difference.
func TestBothWaysAreAlike(t *testing.T) {
	heads := map[string]string{
		"plain":       "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
		"head":        "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n",
		"body":        "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
		"empty body":  "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		"no length":   "PUT %s HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET, body":   "GET %s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
		"DELETE":      "DELETE %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		"1.0":         "GET %s HTTP/1.0\r\nHost: h\r\n\r\n",
		"1.0 kept":    "GET %s HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
		"headers":     "GET %s HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nCookie: a=b\r\nCookie: c=d\r\nAccept-Encoding: gzip, br\r\nUser-Agent: me\r\nX-Empty:\r\n\r\n",
		"hop by hop":  "GET %s HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop ,x-HIP, Te\r\nX-Hop: 1\r\nX-Hip: 2\r\nKeep-Alive: 1\r\nTe: gzip, Trailers;q=1\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\n\r\n",
		"te":          "GET %s HTTP/1.1\r\nHost: h\r\nTe: trailers\r\n\r\n",
		"forwarded":   "GET %s HTTP/1.1\r\nHost: h\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /evil\r\n\r\n",
		"trace":       "GET %s HTTP/1.1\r\nHost: h\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nTracestate: a=b\r\n\r\n",
		"other up":    "GET %s HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHttp2-Settings: AA\r\n\r\n",
		"folded":      "GET %s HTTP/1.1\r\nHost: h\r\nX-A: one\r\n two\r\n\r\n",
		"odd bytes":   "GET %s HTTP/1.1\r\nHost: h\r\nX-A: caf\xe9 \xf0\x9f\r\n\r\n",
		"own method":  "SEARCH %s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
		"close":       "POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
		"long header": "GET %s HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("x", 30_000) + "\r\n\r\n",
	}
	answers := map[string]string{
		"plain":       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\nhello",
		"headers":     "HTTP/1.1 201 Created\r\ncontent-length: 2\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\nX-Aictl-Record: forged\r\nX-Aictl-Instance: forged\r\nServer: s\r\n\r\nok",
		"untyped":     "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>",
		"chunks":      "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
		"trailers":    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		"late":        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n",
		"to the end":  "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nhello",
		"204":         "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
		"304":         "HTTP/1.1 304 Not Modified\r\nEtag: \"e\"\r\nContent-Length: 7\r\n\r\n",
		"hints":       "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok",
		"unasked 100": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok",
		"redirect":    "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
		"short":       "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\nhello",
		"broken":      "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
		"long":        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10_000),
		"two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"bad header":  "HTTP/1.1 200 OK\r\nX A\r\nContent-Length: 5\r\n\r\nhello",
		"nothing":     "",
		"event":       "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n",
		"error":       "HTTP/1.1 500 Internal Server Error\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\noops",
		"own status":  "HTTP/1.1 799 Whatever\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\noops",
	}
	for name, head := range heads {
		t.Run("request "+name, func(t *testing.T) { compareWays(t, head, answers["plain"]) })
	}
	for name, answer := range answers {
		for _, method := range []string{"plain", "head", "body", "1.0"} {
			if method == "1.0" && strings.HasPrefix(answer, "HTTP/1.1 10") {
				continue // the ReverseProxy sends 1xx to clients that know none
			}
			t.Run("answer "+name+" to "+method, func(t *testing.T) { compareWays(t, heads[method], answer) })
		}
	}
}

// passed is all that can be seen of one exchange from outside.
type passed struct {
	onward []string // what the instance got: request line, sorted header lines, body
	back   []string // what the client got, 1xx heads included
	record string
}

func compareWays(t *testing.T, head, answer string) {
	direct, proxied := pass(t, fmt.Sprintf(head, "/ai/svc/a%2Fb?c=%zz"), answer), pass(t, fmt.Sprintf(head, "http://h/ai/svc/a%2Fb?c=%zz"), answer)
	if !slices.Equal(direct.onward, proxied.onward) {
		t.Errorf("the instance got, directly:\n%s\nover the proxy:\n%s", strings.Join(direct.onward, "\n"), strings.Join(proxied.onward, "\n"))
	}
	if !slices.Equal(direct.back, proxied.back) {
		t.Errorf("the client got, directly:\n%.1000s\nover the proxy:\n%.1000s", strings.Join(direct.back, "\n"), strings.Join(proxied.back, "\n"))
	}
	if direct.record != proxied.record {
		t.Errorf("recorded, directly:\n%.1000s\nover the proxy:\n%.1000s", direct.record, proxied.record)
	}
}

func pass(t *testing.T, request, answer string) (p passed) {
	g := newRig(t, Options{})
	got := make(chan []string, 5)
	addr := wireUpstream(t, func(conn net.Conn, head []string) {
		got <- head
		if _, err := io.WriteString(conn, answer); err != nil {
			t.Logf("the gateway closed first: %v", err)
		}
	})
	g.route(t, addr)
	w := g.dial(t)
	w.send(request)
	method, _, _ := strings.Cut(request, " ")
	for status := 100; status < 200; {
		res, err := http.ReadResponse(w.br, &http.Request{Method: method})
		if err != nil {
			p.back = append(p.back, "no answer")
			break
		}
		status = res.StatusCode
		body, err := io.ReadAll(res.Body)
		p.back = append(p.back, fmt.Sprint(res.Proto, res.Status, res.Close, " broken: ", err != nil), string(body), fmt.Sprint(res.Trailer))
		if !strings.Contains(answer, "Content-Length") {
			res.Header.Del("Content-Length") // the server counts short answers that were there as a whole
		}
		p.back = append(p.back, lines(res.Header)...)
	}
	p.onward = <-got
	x := g.rec.only(t)
	p.record = fmt.Sprint(x.End, x.Status, x.Path, x.Query, x.Error != "", x.Instance, x.Method, lines(x.Request.Header), lines(x.Response.Header),
		show(x.Request), show(x.Response))
	return p
}

func show(m records.Message) string {
	return fmt.Sprintf("%d %x %q %v %v", m.Size, m.SHA256, m.Body, m.Truncated, m.Omitted)
}

// lines are a header's, sorted, without those that differ from exchange to exchange.
func lines(h http.Header) (all []string) {
	for name, values := range h {
		if name == "Traceparent" && !strings.Contains(values[0], "4bf92f35") || name == "Date" || name == "Content-Length" && h.Get("Content-Type") == "application/problem+json" {
			continue
		}
		for _, v := range values {
			all = append(all, name+": "+v)
		}
	}
	slices.Sort(all)
	return all
}

// wireUpstream gives f the head and body of each request as they came, the header lines sorted.
func wireUpstream(t testing.TB, f func(conn net.Conn, head []string)) string {
	return rawConns(t, func(conn net.Conn) {
		br := bufio.NewReader(conn)
		tp := textproto.NewReader(br)
		first, err := tp.ReadLine()
		if err != nil {
			return
		}
		header, err := tp.ReadMIMEHeader()
		if err != nil {
			t.Error(err)
			return
		}
		delete(header, "X-Forwarded-For")
		head := append([]string{first}, lines(http.Header(header))...)
		var n int
		if length := header.Get("Content-Length"); length != "" {
			if _, err := fmt.Sscan(length, &n); err != nil {
				t.Error(err)
			}
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(br, body); err != nil {
			t.Error(err)
		}
		f(conn, append(head, string(body)))
	})
}

// The gateway's words about who the client is are there on both ways, and nothing that could be taken for a second header or request.
func TestOnwardHeadIsClean(t *testing.T) {
	got := make(chan []byte, 1)
	addr := rawConns(t, func(conn net.Conn) {
		buf := make([]byte, 64<<10)
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		got <- buf[:n]
		fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	for _, target := range []string{"/ai/svc/p", "http://h/ai/svc/p"} {
		w := g.dial(t)
		w.send("POST "+target+" HTTP/1.1", "Host: h", "X-Forwarded-For: 6.6.6.6", "Content-Length: 2", "Connection: close", "", "hi")
		if s := w.answer("POST").StatusCode; s != 204 {
			t.Fatal(s)
		}
		wire := <-got
		head, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
		for _, line := range []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: h", "X-Forwarded-Proto: http", "X-Forwarded-Prefix: /ai/svc", "Host: h", "Content-Length: 2"} {
			if bytes.Count(head, []byte("\r\n"+line)) != 1 {
				t.Errorf("%s: %q is not there once: %s", target, line, head)
			}
		}
		if !bytes.HasPrefix(head, []byte("POST /p HTTP/1.1\r\n")) || bytes.Contains(head, []byte("6.6.6.6")) || string(body) != "hi" && len(body) > 0 {
			t.Errorf("%s: %s", target, wire)
		}
	}
}
