package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// newTLSRig is a gateway behind TLS, with a client for each version of HTTP that trusts it.
func newTLSRig(t *testing.T) (g *rig, one, two *http.Client) {
	t.Helper()
	vouch := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(vouch.Close)
	rec, ln := &collector{}, listen(t)
	g = &rig{Gateway: New(rec, Options{Logger: slog.New(slog.DiscardHandler), StopTimeout: 3 * time.Second}), rec: rec,
		addr: ln.Addr().String(), url: "https://" + ln.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- g.Serve(ctx, tls.NewListener(ln, &tls.Config{Certificates: vouch.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	pool := x509.NewCertPool()
	pool.AddCert(vouch.Certificate())
	client := func(h2 bool) *http.Client {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2, DisableCompression: true}
		if !h2 {
			tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		}
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	return g, client(false), client(true)
}

// Requests over TLS are served, limited and recorded in either version of HTTP like those without.
func TestOverTLS(t *testing.T) {
	g, one, two := newTLSRig(t)
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was too long
		}
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s %s %d", r.Header.Get("X-Forwarded-Proto"), r.Header.Get("Authorization"), len(body))
		w.Header().Set("X-Sum", "7")
	})
	g.limited(t, configs.Gateway{Concurrency: 2, Queue: 10, QueueTimeout: configs.Duration(30 * time.Second), MaxBody: 1 << 20, Keys: configs.KeysRequired,
		Timeout: configs.Duration(30 * time.Second)}, addr)
	g.SetKeys([]Key{{Name: "k", Hash: HashKey("aictl_k")}})
	n := 0
	for version, cl := range map[int]*http.Client{1: one, 2: two} {
		for _, body := range []func() io.Reader{
			func() io.Reader { return nil },
			func() io.Reader { return strings.NewReader("short") },
			func() io.Reader { return strings.NewReader(strings.Repeat("x", 300<<10)) },
			func() io.Reader { return io.MultiReader(strings.NewReader("chunked")) },
		} {
			req, err := http.NewRequest("POST", g.url+"/ai/svc/", body())
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer aictl_k")
			res, err := cl.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text := readAll(t, res)
			if res.StatusCode != 200 || res.ProtoMajor != version || !strings.HasPrefix(text, "https  ") || res.Trailer.Get("X-Sum") != "7" {
				t.Errorf("HTTP/%d: %s %s, trailer %v", version, res.Status, text, res.Trailer)
			}
			n++
		}
		res, err := cl.Get(g.url + "/ai/svc/")
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, res); res.StatusCode != 401 || !strings.Contains(body, "key_required") {
			t.Errorf("HTTP/%d without a key: %s", version, res.Status)
		}
		long, err := http.NewRequest("POST", g.url+"/ai/svc/", io.MultiReader(strings.NewReader(strings.Repeat("x", 2<<20))))
		if err != nil {
			t.Fatal(err)
		}
		long.Header.Set("X-Api-Key", "aictl_k")
		res, err = cl.Do(long)
		if err != nil {
			t.Fatal(err)
		}
		if readAll(t, res); res.StatusCode != 413 {
			t.Errorf("HTTP/%d with a long body: %s", version, res.Status)
		}
		n += 2
	}
	waitFor(t, "the records", func() bool { _, ended := g.rec.counts(); return ended == n })
	for _, x := range g.rec.ended {
		if want := (map[int]records.End{200: records.EndComplete, 401: records.EndRefused, 413: records.EndRefused})[x.Status]; x.End != want {
			t.Errorf("%d recorded as %s: %s", x.Status, x.End, x.Error)
		}
	}
}

// A client of HTTP/2 that gives up leaves the queue, though its connection stays.
func TestHTTP2StreamLeavesTheQueue(t *testing.T) {
	g, _, two := newTLSRig(t)
	at := newGate(t)
	g.limited(t, oneAtATime(5), at.addr)
	first := make(chan int, 1)
	go func() {
		res, err := two.Get(g.url + "/ai/svc/first")
		if err != nil {
			t.Error(err)
			first <- 0
			return
		}
		readAll(t, res)
		first <- res.StatusCode
	}()
	waitFor(t, "the first to arrive", func() bool { return len(at.asked()) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, "POST", g.url+"/ai/svc/", strings.NewReader(strings.Repeat("x", 200<<10)))
		if err == nil {
			_, err = two.Do(req)
		}
		gone <- err
	}()
	waitFor(t, "one to wait", func() bool { return g.waiting() == 1 })
	cancel()
	if err := <-gone; err == nil {
		t.Error("it was answered")
	}
	waitFor(t, "it to leave", func() bool { return g.waiting() == 0 })
	at.letAll()
	if status := <-first; status != 200 {
		t.Errorf("%d", status)
	}
}
