package gateway

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

func echo(t testing.TB) string {
	return upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Header().Set("Content-Encoding", r.Header.Get("Content-Encoding"))
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(body); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// Every byte is hashed and counted; up to the cap it is kept, beyond it that is said.
func TestBodiesAreKeptUpToTheCap(t *testing.T) {
	g := newRig(t, Options{})
	addr := echo(t)
	const limit = 100_000
	g.set(t, Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Release: "r7", Addr: addr}}, Record: configs.Record{MaxBody: limit}})
	for i, n := range []int{0, 1, 511, 512, 513, 65_536, limit - 1, limit, limit + 1, 3 * limit} {
		for _, chunked := range []bool{false, true} {
			body := noise(n)
			var src io.Reader = bytes.NewReader(body)
			if chunked {
				src = io.MultiReader(src) // hides the length
			}
			_, got := do(t, "POST", g.url+"/ai/svc/predict?k=v", src)
			if got != string(body) {
				t.Fatalf("%d bytes came back changed", n)
			}
			waitFor(t, "the record", func() bool { _, m := g.rec.counts(); return m > 0 })
			x := g.rec.ended[0]
			g.rec.ended = nil
			want := records.Message{Size: int64(n), SHA256: sha256.Sum256(body), Body: body[:min(n, limit)], Truncated: n > limit}
			checkMessage(t, fmt.Sprint("request ", i, chunked), x.Request, want)
			checkMessage(t, fmt.Sprint("response ", i, chunked), x.Response, want)
			if x.Method != "POST" || x.Path != "/predict" || x.Query != "k=v" || x.Status != 200 || x.Release != "r7" ||
				x.Instance != "svc/1" || x.End != records.EndComplete || !strings.HasPrefix(x.Remote, "127.0.0.1:") {
				t.Errorf("record %+v", x)
			}
		}
	}
}

func checkMessage(t *testing.T, what string, got, want records.Message) {
	t.Helper()
	if got.Size != want.Size || got.SHA256 != want.SHA256 || !bytes.Equal(got.Body, want.Body) ||
		got.Truncated != want.Truncated || got.Omitted != want.Omitted {
		t.Errorf("%s: size %d, body %d, truncated %v, omitted %v; want %d, %d, %v, %v (or the digest differs)", what,
			got.Size, len(got.Body), got.Truncated, got.Omitted, want.Size, len(want.Body), want.Truncated, want.Omitted)
	}
}

func TestBodiesWithoutRoomAreOmittedAndStillHashed(t *testing.T) {
	g := newRig(t, Options{})
	g.rec.noRoom = true
	g.route(t, echo(t))
	body := noise(10_000)
	if _, got := do(t, "POST", g.url+"/ai/svc/", bytes.NewReader(body)); got != string(body) {
		t.Error("the body came back changed")
	}
	x := g.rec.only(t)
	want := records.Message{Size: 10_000, SHA256: sha256.Sum256(body), Omitted: true}
	checkMessage(t, "request", x.Request, want)
	checkMessage(t, "response", x.Response, want)
}

func TestModeOffRecordsNothing(t *testing.T) {
	g := newRig(t, Options{})
	g.rec.off = true
	g.route(t, echo(t))
	res, body := do(t, "POST", g.url+"/ai/svc/", strings.NewReader("hello"))
	if body != "hello" || res.Header.Get(HeaderRecord) != "" || res.Header.Get(HeaderInstance) != "svc/1" {
		t.Errorf("%q, %v", body, res.Header)
	}
	if n := len(g.rec.ended); n != 0 {
		t.Errorf("%d records", n)
	}
}

func TestEncodedBodiesAreStoredAsReceived(t *testing.T) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write(bytes.Repeat([]byte("score "), 1000)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	g := newRig(t, Options{})
	g.route(t, echo(t))
	req, err := http.NewRequest("POST", g.url+"/ai/svc/", bytes.NewReader(packed.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Encoding", "gzip")
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, res); got != packed.String() || res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes, %v", len(got), res.Header)
	}
	x := g.rec.only(t)
	if !bytes.Equal(x.Response.Body, packed.Bytes()) || !bytes.Equal(x.Request.Body, packed.Bytes()) {
		t.Error("the record holds other bytes than were sent")
	}
}

// 100 clients at once, every kind of answer: as many records as requests, each with its own bodies.
func TestConcurrentExchangesAreAllRecorded(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, echo(t), echo(t))
	g.set(t, Route{Service: "stopped"})
	c := client(t)
	var wg sync.WaitGroup
	for k := range 100 {
		wg.Go(func() {
			for i := range 10 {
				service := "svc"
				if i == 9 {
					service = "stopped"
				}
				body := fmt.Sprintf("%d/%d %s", k, i, strings.Repeat("x", k*i))
				res, err := c.Post(g.url+"/ai/"+service+"/", "text/plain", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				if got := readAll(t, res); service == "svc" && got != body {
					t.Errorf("%q came back as %q", body, got)
				}
			}
		})
	}
	wg.Wait()
	waitFor(t, "1000 records", func() bool { a, n := g.rec.counts(); return a == 1000 && n == 1000 })
	ids, bodies := map[string]bool{}, map[string]bool{}
	for _, x := range g.rec.ended {
		ids[x.ID] = true
		if x.End == records.EndComplete && string(x.Request.Body) == string(x.Response.Body) {
			bodies[string(x.Request.Body)] = true
		}
	}
	if len(ids) != 1000 || len(bodies) != 900 {
		t.Errorf("%d ids, %d bodies", len(ids), len(bodies))
	}
	if n := g.InFlight("svc/1") + g.InFlight("svc/2"); n != 0 {
		t.Errorf("%d still in flight", n)
	}
}

// An answer may be over before its request is: what passed until then is recorded.
func TestEarlyAnswer(t *testing.T) {
	ln := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 100)
		if _, err := conn.Read(buf); err != nil {
			t.Error(err)
		}
		fmt.Fprint(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Log("the gateway closed first", "error", err)
		}
	}()
	g := newRig(t, Options{})
	g.route(t, ln.Addr().String())
	w := g.dial(t)
	w.send("POST /ai/svc/ HTTP/1.1", "Host: h", "Content-Length: 1000000", "", "only this")
	res := w.answer("POST")
	if body := readAll(t, res); res.StatusCode != 413 || body != "big" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	x := g.rec.only(t)
	if x.Status != 413 || x.End != records.EndComplete || x.Request.Size > 9 {
		t.Errorf("status %d, end %s, %d bytes", x.Status, x.End, x.Request.Size)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	<-done
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The server closes a request's body when the answer begins, and the transport asks for its end once more after that.
func TestEndOfRequestBodyStaysTheEnd(t *testing.T) {
	reads := 0
	b := &requestBody{over: new(atomic.Bool), src: readerFunc(func(p []byte) (int, error) {
		if reads++; reads > 1 {
			return 0, http.ErrBodyReadAfterClose
		}
		return copy(p, "hello"), io.EOF
	})}
	got, err := io.ReadAll(b)
	if string(got) != "hello" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	b.finish()
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF || b.readError() != nil {
		t.Errorf("after the end: %d, %v", n, err)
	}
}
