package api

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"aictl/store/records"
)

// BenchmarkExportHTTP exports a whole archive through the API, as often as there are formats. AICTL_BENCH_RECORDS says how
// many records it holds (20,000); peak-MiB is the most that the heap of server and client together held.
func BenchmarkExportHTTP(b *testing.B) {
	n := 20000
	if text := os.Getenv("AICTL_BENCH_RECORDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	archive, err := records.Open(b.TempDir(), records.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := archive.Close(); err != nil {
			b.Error(err)
		}
	}()
	fillArchive(b, archive, n)
	s := newServer(b, newBackend())
	s.deps.Records = archive
	c, err := NewClient(Target{URL: newTestServer(b, s.Handler(true))})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, format := range []string{"jsonl", "csv", "parquet", "har"} {
		b.Run(format, func(b *testing.B) {
			var size, peak atomic.Int64
			for range b.N {
				stop := watchHeap(&peak)
				told, err := c.ExportRecords(b.Context(), ExportQuery{Format: format}, writerFunc(func(p []byte) (int, error) {
					size.Add(int64(len(p)))
					return len(p), nil
				}))
				stop()
				if err != nil || told.Records != n {
					b.Fatal(told, err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
			b.ReportMetric(float64(size.Load())/float64(b.N)/(1<<20), "file-MiB")
		})
	}
}

// fillArchive stores records of the usual size, a thousand a second.
func fillArchive(b *testing.B, archive *records.Archive, n int) {
	b.Helper()
	start := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bench"}}
	var batch []*records.Exchange
	for i := range n {
		at := start.Add(time.Duration(i) * time.Millisecond)
		id := uuid.Must(uuid.NewV7())
		for k, ms := 5, at.UnixMilli(); k >= 0; k, ms = k-1, ms>>8 {
			id[k] = byte(ms)
		}
		in := fmt.Appendf(nil, `{"n":%d,"text":"%0320d"}`, i, i*7919)
		out := fmt.Appendf(nil, `{"n":%d,"label":"spam","scores":"%0340d"}`, i, i*104729)
		batch = append(batch, &records.Exchange{ID: id.String(), Service: "ocr", Release: "r1-00000000", Instance: "ocr/1", Session: strconv.Itoa(i / 10),
			Method: "POST", Path: "/predict", Status: 200, StartedAt: at, FirstByte: time.Millisecond, Duration: 12 * time.Millisecond, End: records.EndComplete,
			Request: records.Message{Header: header, Body: in, Size: int64(len(in))}, Response: records.Message{Header: header, Body: out, Size: int64(len(out))}})
		if len(batch) == 1000 || i == n-1 {
			if err := archive.Append(batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// watchHeap keeps the most that the heap holds until stop.
func watchHeap(peak *atomic.Int64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), int64(m.HeapInuse)))
			}
		}
	}()
	return func() { close(quit); <-done }
}

// BenchmarkPostHTTP posts 5,000 records at a time to a real recorder and archive: each is looked for, stored and synced.
func BenchmarkPostHTTP(b *testing.B) {
	r := newRecording(b)
	c, err := NewClient(Target{URL: newTestServer(b, r.handler), Token: testToken})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const each = 5000
	start := time.Now().Add(-time.Hour)
	for n := range b.N {
		var lines bytes.Buffer
		for i := range each {
			fmt.Fprintf(&lines, `{"service":"ocr","id":"%d-%d","started_at":%q,"session":"s","request":{"body":{"n":%d,"text":"%0320d"}},"response":{"body":{"n":%d}}}`+"\n",
				n, i, start.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano), i, i, i)
		}
		if got, err := c.PostRecords(b.Context(), "application/x-ndjson", "", &lines, PostOptions{}); err != nil || got.Accepted != each {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(each)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
