package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"aictl/configs"
	"aictl/gateway"
	"aictl/recorder"
	"aictl/store/records"
)

// counter is a store that only counts.
type counter struct{ rows, bodies atomic.Int64 }

func (c *counter) Append(batch []*records.Exchange) error {
	c.rows.Add(int64(len(batch)))
	for _, x := range batch {
		c.bodies.Add(int64(len(x.Request.Body) + len(x.Response.Body)))
	}
	return nil
}

// pipeline is a served gateway with a running recorder behind it.
func pipeline(t testing.TB, store recorder.Appender, instance string) (*recorder.Recorder, string) {
	t.Helper()
	return pipelineOf(t, store, instance, configs.Record{MaxBody: 1 << 20})
}

func pipelineOf(t testing.TB, store recorder.Appender, instance string, record configs.Record) (*recorder.Recorder, string) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	rec := recorder.New(store, recorder.Options{Logger: quiet})
	g := gateway.New(rec, gateway.Options{Logger: quiet})
	err := g.SetRoute(gateway.Route{Service: "svc", Targets: []gateway.Target{{Instance: "svc/1", Addr: instance}}, Record: record})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := rec.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := g.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
		if err := rec.Close(context.Background()); err != nil { // after the gateway: everything has ended
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return rec, "http://" + ln.Addr().String() + "/ai/svc/predict"
}

func instance(t testing.TB, answer []byte) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestGatewayAndRecorderAgree(t *testing.T) {
	store := &counter{}
	rec, url := pipeline(t, store, instance(t, []byte("answer")))
	tr := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(tr.CloseIdleConnections)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for range 10 {
				post(t, tr, url, "question")
			}
		})
	}
	wg.Wait()
	if err := rec.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := rec.Ledger()
	sum := l.Recorded + l.InFlight
	for _, n := range l.Dropped {
		sum += n
	}
	// The last answers may be with their clients before their records are with the recorder.
	if l.Accepted != 1000 || sum != 1000 || len(l.Dropped) > 0 || store.rows.Load() != l.Recorded || store.bodies.Load() != 14*l.Recorded {
		t.Errorf("%+v, %d rows, %d bytes", l, store.rows.Load(), store.bodies.Load())
	}
}

func post(t testing.TB, tr *http.Transport, url, body string) {
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
		t.Error(res.StatusCode, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
}

// The three of one run are compared: the same client, instance and bodies (370 and 400 bytes).
func BenchmarkGatewayRecording(b *testing.B) {
	rec, url := pipeline(b, &counter{}, instance(b, answer))
	load(b, url)
	if l := rec.Ledger(); l.Accepted < int64(b.N) || len(l.Dropped) > 0 || l.NoBody > 0 {
		b.Errorf("%+v", l)
	}
}

func BenchmarkGatewayBareReverseProxy(b *testing.B) {
	target := &url.URL{Scheme: "http", Host: instance(b, answer)}
	tr := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(tr.CloseIdleConnections)
	s := httptest.NewServer(&httputil.ReverseProxy{Transport: tr, BufferPool: &buffers{}, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() }})
	b.Cleanup(s.Close)
	load(b, s.URL+"/predict")
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return p[:]
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }

func BenchmarkGatewayDirect(b *testing.B) {
	load(b, fmt.Sprintf("http://%s/predict", instance(b, answer)))
}

var (
	question = strings.Repeat("q", 370)
	answer   = []byte(strings.Repeat("a", 400))
)

func load(b *testing.B, url string) {
	tr := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(tr.CloseIdleConnections)
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			post(b, tr, url, question)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}
