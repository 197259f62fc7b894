package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func http2Client(t *testing.T) *http.Client {
	tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// A client may speak HTTP/2 with services that do not, and the other way round.
func TestHTTP2OnEitherSide(t *testing.T) {
	addr := upstreamOf(t, func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("Trailer", "X-Sum")
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Sum", r.Trailer.Get("X-Check"))
	})
	for _, client := range []*http.Client{client(t), http2Client(t)} {
		g, done := newRig(t, Options{}), 0
		for proto, want := range map[string]string{"": "HTTP/1.1", "h2c": "HTTP/2.0"} {
			for _, size := range []int{0, 100, 1 << 20} {
				g.set(t, Route{Service: "svc", Gateway: configs.Gateway{Protocol: proto}, Targets: []Target{{Instance: "svc/1", Addr: addr}}})
				body := strings.Repeat("x", size)
				req, err := http.NewRequest("POST", g.url+"/ai/svc/a%2Fb?c=d", struct{ io.Reader }{strings.NewReader(body)})
				if err != nil {
					t.Fatal(err)
				}
				req.Trailer = http.Header{"X-Check": {"42"}}
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if size == 0 && want == "HTTP/2.0" {
					res.Trailer = res.Header // an answer without a body has its trailers in its head
				}
				if got := readAll(t, res); res.StatusCode != 200 || got != body || res.Header.Get("X-Proto") != want || res.Trailer.Get("X-Sum") != "42" {
					t.Errorf("%s to %s: %d, %d bytes of %d, %v, trailer %v", res.Proto, want, res.StatusCode, len(got), size, res.Header, res.Trailer)
				}
				done++
				waitFor(t, "the exchange to be recorded", func() bool { _, n := g.rec.counts(); return n == done })
				if x := g.rec.ended[done-1]; x.End != records.EndComplete || x.Path != "/a%2Fb" || x.Query != "c=d" || x.Request.Size != int64(size) || size > 0 && x.Response.Trailer.Get("X-Sum") != "42" {
					t.Errorf("recorded %s, %s?%s, %d bytes", x.End, x.Path, x.Query, x.Request.Size)
				}
			}
		}
	}
}

// upstreamOf serves HTTP/1.1 and HTTP/2 without TLS.
func upstreamOf(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	ln := listen(t)
	srv := &http.Server{Handler: h, Protocols: protocols()}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
	return ln.Addr().String()
}

// What comes over HTTP/2 was never in a request line, and must not make one that says something else.
func TestHTTP2RequestsMakeOneRequestLine(t *testing.T) {
	for _, tt := range []struct {
		fields []hpack.HeaderField
		ok     bool
	}{
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}}, true},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET /evil HTTP/1.1"}, {Name: ":path", Value: "/ai/svc/p"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET\r\nX: y"}, {Name: ":path", Value: "/ai/svc/p"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p HTTP/1.1\r\nX: y"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}, {Name: "x-a", Value: "b\r\nx: y"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}, {Name: "x: a", Value: "b"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}, {Name: "transfer-encoding", Value: "chunked"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}, {Name: "connection", Value: "upgrade"}, {Name: "upgrade", Value: "websocket"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}, {Name: "content-length", Value: "5"}}, true}, // the frame says that nothing follows, and so does what goes on
		{[]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/ai/svc/p"}, {Name: ":authority", Value: "h\r\nx: y"}}, false},
		{[]hpack.HeaderField{{Name: ":method", Value: "CONNECT"}, {Name: ":authority", Value: "h"}}, false},
	} {
		g := newRig(t, Options{})
		lines := make(chan []string, 5)
		g.route(t, wireUpstream(t, func(conn net.Conn, head []string) {
			lines <- head
			if _, err := io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
				t.Error(err)
			}
		}))
		status := rawHTTP2(t, g, tt.fields)
		if (status == "204") != tt.ok {
			t.Errorf("%v: answered %q", tt.fields, status)
		}
		if !tt.ok && len(lines) > 0 {
			t.Errorf("%v reached the instance as %q", tt.fields, <-lines)
		}
	}
}

// rawHTTP2 sends one request of some fields and returns its status, or how it was refused.
func rawHTTP2(t *testing.T, g *rig, fields []hpack.HeaderField) string {
	t.Helper()
	w := g.dial(t)
	w.send(http2.ClientPreface)
	fr := http2.NewFramer(w.Conn, w.br)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := fr.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range append([]hpack.HeaderField{{Name: ":scheme", Value: "http"}}, fields...) {
		if f.Name[0] != ':' || fields[0].Value != "CONNECT" || f.Name != ":scheme" {
			if err := enc.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return f.ErrCode.String()
		case *http2.GoAwayFrame:
			return f.ErrCode.String()
		}
	}
}

// An idle connection of HTTP/2 does not keep a gateway that leaves, and a busy one is answered to its end.
func TestLeaveHTTP2(t *testing.T) {
	g := newRig(t, Options{Linger: 50 * time.Millisecond})
	entered, release := make(chan struct{}), make(chan struct{})
	g.route(t, upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		fmt.Fprint(w, "done")
	}))
	idle := g.dial(t)
	idle.send(http2.ClientPreface)
	got := make(chan string, 1)
	c := http2Client(t)
	go func() {
		res, err := c.Get(g.url + "/ai/svc/")
		if err != nil {
			got <- err.Error()
			return
		}
		body, err := io.ReadAll(res.Body)
		got <- fmt.Sprint(string(body), err, res.Body.Close())
	}()
	<-entered
	if err := g.Leave(brief(t)); err != nil {
		t.Fatal(err)
	}
	close(release)
	if s := <-got; s != "done<nil> <nil>" {
		t.Error(s)
	}
	waitFor(t, "the connections to be given up", func() bool { return g.leave.conns.Load() == 0 })
}
