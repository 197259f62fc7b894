package gateway

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What goes over the pool, and what does not.
func TestDirect(t *testing.T) {
	request := func(change func(r *http.Request)) *exchange {
		r := httptest.NewRequest("POST", "/ai/svc/p", strings.NewReader("hello"))
		change(r)
		return &exchange{r: r, route: &route{}}
	}
	for name, tt := range map[string]struct {
		change func(r *http.Request)
		direct bool
	}{
		"short body":     {func(*http.Request) {}, true},
		"no body":        {func(r *http.Request) { r.ContentLength, r.Body = 0, http.NoBody }, true},
		"longest body":   {func(r *http.Request) { r.ContentLength = directBody }, true},
		"long body":      {func(r *http.Request) { r.ContentLength = directBody + 1 }, false},
		"unknown length": {func(r *http.Request) { r.ContentLength = -1 }, false},
		"expect":         {func(r *http.Request) { r.Header.Set("Expect", "100-continue") }, false},
		"trailer":        {func(r *http.Request) { r.Trailer = http.Header{"X": nil} }, false},
		"websocket": {func(r *http.Request) {
			r.Method, r.ContentLength = "GET", 0
			r.Header.Set("Upgrade", "WebSocket")
		}, false},
		"another upgrade": {func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }, true},
		"absolute form":   {func(r *http.Request) { r.RequestURI = "http://h/ai/svc/p" }, false},
		"CONNECT":         {func(r *http.Request) { r.Method = "CONNECT" }, false},
		"second line":     {func(r *http.Request) { r.Header.Set("X-A", "a\r\nX-B: b") }, false},
		"line feed":       {func(r *http.Request) { r.Header.Set("X-A", "a\nX-B: b") }, false},
		"space in target": {func(r *http.Request) { r.RequestURI = "/ai/svc/p HTTP/1.1\r\nX-B: b\r\n\r\nGET /" }, false},
		"space in host":   {func(r *http.Request) { r.Host = "h\r\nX-B: b" }, false},
		"zone":            {func(r *http.Request) { r.Host = "[fe80::1%25eth0]:80" }, false},
	} {
		if got := request(tt.change).direct(); got != tt.direct {
			t.Errorf("%s: direct is %v", name, got)
		}
	}
}

// A header that a server would have refused does not reach an instance as two.
func TestNoHeaderBecomesTwo(t *testing.T) {
	g := New(&collector{}, Options{})
	defer g.transport.CloseIdleConnections()
	addr := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-B") != "" || r.Method != "POST" {
			t.Errorf("the instance got %s %s %v", r.Method, r.URL, r.Header)
		}
	})
	if err := g.SetRoute(Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Addr: addr}}}); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(r *http.Request){
		func(r *http.Request) { r.Header.Set("X-A", "a\r\nX-B: b") },
		func(r *http.Request) { r.Header.Set("X-A", "a\nX-B: b") },
		func(r *http.Request) { r.Host = "h\r\nX-B: b" },
	} {
		r := httptest.NewRequest("POST", "/ai/svc/p", strings.NewReader("hello"))
		change(r)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code != http.StatusBadGateway {
			t.Errorf("%d for %v", w.Code, r.Header)
		}
	}
}

// A gateway that leaves says so on either way, also after a 1xx answer.
func TestLastAnswerOnBothWays(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, rawUpstream(t, func(conn net.Conn, _ *http.Request) {
		if _, err := conn.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")); err != nil {
			t.Error(err)
		}
	}))
	open := []*wire{g.dial(t), g.dial(t)}
	for _, w := range open { // the server has taken them when it answers
		w.send("GET /ai/none/ HTTP/1.1", "Host: h", "", "")
		readAll(t, w.answer("GET"))
	}
	if err := g.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, target := range []string{"/ai/svc/", "http://h/ai/svc/"} {
		open[i].send("GET "+target+" HTTP/1.1", "Host: h", "", "")
		if s := open[i].answer("GET").StatusCode; s != 103 {
			t.Errorf("%s: %d", target, s)
		}
		if res := open[i].answer("GET"); !res.Close || readAll(t, res) != "ok" {
			t.Errorf("%s: %d, close %v", target, res.StatusCode, res.Close)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct {
		lists []string
		token string
		want  bool
	}{
		{[]string{"keep-alive, X-Hop"}, "X-Hop", true},
		{[]string{"keep-alive", " x-hop\t"}, "X-Hop", true},
		{[]string{"X-Hopper,XX-Hop,,"}, "X-Hop", false},
		{nil, "X-Hop", false},
		{[]string{"a b"}, "a", false},
	} {
		if got := named(tt.lists, tt.token); got != tt.want {
			t.Errorf("%q in %q: %v", tt.token, tt.lists, got)
		}
	}
}

func TestEventStream(t *testing.T) {
	for kind, want := range map[string]bool{"text/event-stream": true, "Text/Event-Stream; charset=utf-8": true, "text/event-streams": false,
		"text/plain": false, "text/event-stream;;": false, "": false, "text": false} {
		if got := eventStream(http.Header{"Content-Type": {kind}}); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
	if eventStream(nil) {
		t.Error("without a type")
	}
}
