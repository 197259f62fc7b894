package gateway_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
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
	disk, err := records.Open(b.TempDir(), records.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { // after the pipeline
		if err := disk.Close(); err != nil {
			b.Error(err)
		}
	})
	_, url := pipelineOf(b, disk, leanInstance(b), configs.Record{Mode: mode, MaxBody: 1 << 20})
	waits := askAll(b, url, clients)
	slices.Sort(waits)
	for name, p := range map[string]int{"p50-µs": 50, "p99-µs": 99} {
		b.ReportMetric(float64(waits[len(waits)*p/100].Microseconds()), name)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
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
