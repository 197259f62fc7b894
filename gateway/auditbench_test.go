package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
	"aictl/gateway"
	"aictl/recorder"
	"aictl/store/records"
)

// BenchmarkAudit measures how long clients wait for answers, with the real store, synced to the disk, in mode normal and in mode audit:
//
//	go test -run '^$' -bench Audit -benchtime 20000x ./gateway
func BenchmarkAudit(b *testing.B) {
	for _, clients := range []int{1, 32} {
		for _, mode := range []string{"normal", "audit"} {
			b.Run(fmt.Sprintf("%s/clients=%d", mode, clients), func(b *testing.B) { benchmarkWait(b, mode, clients) })
		}
	}
}

func benchmarkWait(b *testing.B, mode string, clients int) {
	quiet := slog.New(slog.DiscardHandler)
	disk, err := records.Open(b.TempDir(), records.Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	rec := recorder.New(disk, recorder.Options{Logger: quiet})
	g := gateway.New(rec, gateway.Options{Logger: quiet})
	err = g.SetRoute(gateway.Route{Service: "svc", Targets: []gateway.Target{{Instance: "svc/1", Addr: leanInstance(b)}}, Record: configs.Record{Mode: mode, MaxBody: 1 << 20}})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := rec.Run(context.Background()); err != nil {
			b.Error(err)
		}
	})
	parts.Go(func() {
		if err := g.Serve(ctx, ln); err != nil {
			b.Error(err)
		}
		if err := rec.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	waits := askAll(b, "http://"+ln.Addr().String()+"/ai/svc/predict", clients)
	slices.Sort(waits)
	for name, p := range map[string]int{"p50-µs": 50, "p99-µs": 99} {
		b.ReportMetric(float64(waits[len(waits)*p/100].Microseconds()), name)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
	cancel()
	parts.Wait()
	if err := disk.Close(); err != nil {
		b.Error(err)
	}
}

// askAll asks b.N times and returns how long each answer took.
func askAll(b *testing.B, url string, clients int) []time.Duration {
	tr := &http.Transport{MaxIdleConnsPerHost: clients}
	defer tr.CloseIdleConnections()
	waits := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range clients {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
				begun := time.Now()
				res, err := (&http.Client{Transport: tr}).Post(url, "application/json", strings.NewReader(string(question)))
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
					b.Error(res.StatusCode, err)
				}
				if err := res.Body.Close(); err != nil {
					b.Error(err)
				}
				waits[n] = time.Since(begun)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	return waits
}
