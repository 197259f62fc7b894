package gateway

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"aictl/store/records"
)

func TestHeadersOnward(t *testing.T) {
	seen := make(chan *http.Request, 1)
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header().Set("Connection", "X-Private")
		w.Header().Set("X-Private", "1")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set(HeaderRecord, "forged")
		w.Header().Set(HeaderInstance, "forged")
		w.Header().Add("X-Twice", "a")
		w.Header().Add("X-Twice", "b")
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	w := g.dial(t)
	w.send("GET /ai/svc/ HTTP/1.1", "Host: models.example", "Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: 1", "Te: trailers",
		"Proxy-Authorization: p", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Prefix: /evil", "Forwarded: for=6.6.6.6", "Authorization: Bearer t",
		"Tracestate: a=b", "", "")
	res := w.answer("GET")
	r := <-seen
	for name, want := range map[string]string{"X-Hop": "", "Keep-Alive": "", "Proxy-Authorization": "", "Forwarded": "", "User-Agent": "",
		"Te": "trailers", "Authorization": "Bearer t", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "models.example",
		"X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/ai/svc", "Tracestate": "", "Accept-Encoding": ""} {
		if got := strings.Join(r.Header[name], ","); got != want {
			t.Errorf("%s reached the instance as %q, want %q", name, got, want)
		}
	}
	if r.Host != "models.example" || !validTrace(r.Header.Get("Traceparent")) {
		t.Errorf("host %q, traceparent %q", r.Host, r.Header.Get("Traceparent"))
	}
	x := g.rec.only(t)
	for name, want := range map[string]string{"X-Private": "", "Keep-Alive": "", HeaderRecord: x.ID, HeaderInstance: "svc/1", "X-Twice": "a,b"} {
		if got := strings.Join(res.Header[name], ","); got != want {
			t.Errorf("%s reached the client as %q, want %q", name, got, want)
		}
	}
	if id := r.Header.Get("Traceparent")[3:35]; x.TraceID != id {
		t.Errorf("recorded trace %s, sent %s", x.TraceID, id)
	}
	if x.Request.Header.Get("Host") != "models.example" || x.Request.Header.Get("X-Hop") != "1" || x.Response.Header.Get("X-Twice") != "a" {
		t.Errorf("recorded headers %v and %v", x.Request.Header, x.Response.Header)
	}
}

func TestTraceparentIsKeptWhenValid(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for sent, kept := range map[string]bool{
		"00-" + id + "-00f067aa0ba902b7-01":                       true,
		"01-" + id + "-00f067aa0ba902b7-01-extra":                 true,
		"00-" + id + "-00f067aa0ba902b7-01-extra":                 false,
		"ff-" + id + "-00f067aa0ba902b7-01":                       false,
		"00-" + id + "-0000000000000000-01":                       false,
		"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01":      false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"": false,
	} {
		h := http.Header{"Traceparent": {sent}, "Tracestate": {"a=b"}}
		tr := traceOf(h).begin("019a0000-0000-7000-8000-000000000001")
		tr.set(h)
		if got := h.Get("Traceparent"); (got == sent) != kept || !validTrace(got) || (h.Get("Tracestate") != "") != kept {
			t.Errorf("%q became %q, tracestate %q", sent, got, h.Get("Tracestate"))
		}
		if kept && tr.id() != id {
			t.Errorf("id %q", tr.id())
		}
		if !kept && tr.id() != "019a0000000070008000000000000001" {
			t.Errorf("its own id is %q, not its record's", tr.id())
		}
	}
	for _, record := range []string{"", "record-1"} {
		if tr := (traceparent{}).begin(record); !validTrace(tr.value) {
			t.Errorf("without a record: %q", tr.value)
		}
	}
}

func TestBodilessAnswers(t *testing.T) {
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", `"e"`)
			w.WriteHeader(304)
		case "/head":
			w.Header().Set("Content-Length", "12345")
		case "/empty":
		}
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	w := g.dial(t)
	for _, tt := range []struct {
		method, path string
		status       int
		length       string
	}{{"GET", "/204", 204, ""}, {"GET", "/304", 304, ""}, {"HEAD", "/head", 200, "12345"}, {"GET", "/empty", 200, "0"}, {"POST", "/204", 204, ""}} {
		// All on one connection: a stray body byte would garble the next answer.
		w.send(tt.method+" /ai/svc"+tt.path+" HTTP/1.1", "Host: h", "", "")
		res := w.answer(tt.method)
		if body := readAll(t, res); res.StatusCode != tt.status || body != "" || res.Header.Get("Content-Length") != tt.length {
			t.Errorf("%s %s: %d, %q, %v", tt.method, tt.path, res.StatusCode, body, res.Header)
		}
	}
	waitFor(t, "five records", func() bool { _, n := g.rec.counts(); return n == 5 })
	for _, x := range g.rec.ended {
		if x.End != records.EndComplete || x.Response.Size != 0 || x.Response.SHA256 != emptyDigest {
			t.Errorf("%s: %s, %d bytes", x.Path, x.End, x.Response.Size)
		}
	}
}

func TestTrailersBothWays(t *testing.T) {
	got := make(chan string, 1)
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
		got <- r.Trailer.Get("X-Check")
		w.Header().Set("X-Sum", "abc")
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Trailer: X-Check", "", "5", "hello", "0", "X-Check: 42", "", "")
	res := w.answer("POST")
	body := readAll(t, res)
	if body != "hello" || res.Trailer.Get("X-Sum") != "abc" || res.Trailer.Get("X-Late") != "late" {
		t.Errorf("body %q, trailers %v", body, res.Trailer)
	}
	if check := <-got; check != "42" {
		t.Errorf("the instance saw trailer %q", check)
	}
	x := g.rec.only(t)
	if x.Request.Trailer.Get("X-Check") != "42" || x.Response.Trailer.Get("X-Sum") != "abc" || x.Response.Trailer.Get("X-Late") != "late" {
		t.Errorf("recorded trailers %v and %v", x.Request.Trailer, x.Response.Trailer)
	}
}

func TestEarlyHints(t *testing.T) {
	addr := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		fmt.Fprint(w, "done")
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	w := g.dial(t)
	w.send("GET /ai/svc/ HTTP/1.1", "Host: h", "", "")
	hints := w.answer("GET")
	if hints.StatusCode != 103 || hints.Header.Get("Link") == "" {
		t.Errorf("%d %v", hints.StatusCode, hints.Header)
	}
	if s := w.answer("GET").StatusCode; s != 102 {
		t.Errorf("second: %d", s)
	}
	res := w.answer("GET")
	if body := readAll(t, res); body != "done" || res.Header.Get(HeaderRecord) == "" {
		t.Errorf("%q, %v", body, res.Header)
	}
}

// The client is told to go on only when the instance wants the body.
func TestExpectContinue(t *testing.T) {
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	head := func(path string) []string {
		return []string{"POST /ai/svc" + path + " HTTP/1.1", "Host: h", "Content-Length: 5", "Expect: 100-continue", "", ""}
	}
	w := g.dial(t)
	w.send(head("/yes")...)
	if s := w.answer("POST").StatusCode; s != 100 {
		t.Fatalf("%d, want 100", s)
	}
	w.send("hello")
	res := w.answer("POST")
	for res.StatusCode == 100 { // a slow instance's own, after the one of who reads the body: a client takes any number of them
		res = w.answer("POST")
	}
	if body := readAll(t, res); body != "hello" {
		t.Errorf("%q", body)
	}
	no := g.dial(t)
	no.send(head("/no")...)
	if s := no.answer("POST").StatusCode; s != 417 {
		t.Errorf("%d, want 417 without a 100 before", s)
	}
}

// Requests that two parsers could read differently are refused by the server before they reach a route.
func TestSmugglingAttempts(t *testing.T) {
	g := newRig(t, Options{})
	reached := make(chan string, 10)
	g.route(t, upstream(t, func(_ http.ResponseWriter, r *http.Request) { reached <- r.RequestURI }))
	for _, head := range []string{
		"Content-Length: 5\r\nContent-Length: 6",
		"Content-Length: -1",
		"Content-Length: +5",
		"Transfer-Encoding: chunked, chunked",
		"Transfer-Encoding: xchunked",
		"Transfer-Encoding : chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"X: a\r\n b: folded\x00",
		"Bad Header: 1",
	} {
		w := g.dial(t)
		w.send("POST /ai/svc/ HTTP/1.1", "Host: h", head, "", "0", "", "GET /ai/svc/smuggled HTTP/1.1", "Host: h", "", "")
		if got := w.line(); !strings.HasPrefix(got, "HTTP/1.1 400") && !strings.HasPrefix(got, "HTTP/1.1 501") {
			t.Errorf("%q: %s", head, got)
		}
	}
	if len(reached) > 0 {
		t.Errorf("the instance saw %s", <-reached)
	}
	// Both lengths given: chunked rules, and what follows is not a second request of the instance's.
	w := g.dial(t)
	w.send("POST /ai/svc/first HTTP/1.1", "Host: h", "Content-Length: 60", "Transfer-Encoding: chunked", "", "0", "", "")
	if res := w.answer("POST"); res.StatusCode != 200 && res.StatusCode != 400 {
		t.Errorf("both lengths: %d", res.StatusCode)
	}
}

func TestKeepAliveSurvivesErrors(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/500" {
			http.Error(w, "no", 500)
			return
		}
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	}))
	g.set(t, Route{Service: "stopped", Reason: "stopped"})
	g.set(t, Route{Service: "gone", Targets: []Target{{Instance: "gone/1", Addr: refused(t)}}})
	w := g.dial(t)
	for range 2 {
		for path, status := range map[string]int{"/ai/svc/": 200, "/ai/svc/500": 500, "/ai/stopped/": 503, "/ai/gone/": 502, "/ai/none/": 404, "/": 404} {
			w.send("POST "+path+" HTTP/1.1", "Host: h", "Content-Length: 5", "", "hello")
			res := w.answer("POST")
			if body := readAll(t, res); res.StatusCode != status || status == 200 && body != "hello" {
				t.Errorf("%s: %d %q, want %d", path, res.StatusCode, body, status)
			}
		}
	}
}

// An instance that closes idle connections, as gunicorn does, is never answered by a 502.
func TestInstanceThatClosesConnections(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, rawUpstream(t, func(conn net.Conn, _ *http.Request) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // keep-alive by its words, closed by its deeds
	}))
	w := g.dial(t)
	for i := range 50 {
		w.send("GET /ai/svc/ HTTP/1.1", "Host: h", "", "")
		res := w.answer("GET")
		if body := readAll(t, res); res.StatusCode != 200 || body != "ok" {
			t.Fatalf("request %d: %d %q", i, res.StatusCode, body)
		}
	}
}
