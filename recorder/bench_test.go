package recorder

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
	"aictl/recorder/intents"
	"aictl/store/records"
)

// sink takes everything and keeps nothing.
type sink struct{ rows atomic.Int64 }

func (s *sink) Append(batch []*records.Exchange) error {
	s.rows.Add(int64(len(batch)))
	return nil
}

var (
	benchRequest  = []byte(`{"text":"` + strings.Repeat("a piece of text to be classified ", 10) + `"}`)
	benchResponse = []byte(`{"label":"spam","score":0.98,"more":"` + strings.Repeat("0.123, ", 50) + `"}`)
)

// BenchmarkPairs takes pairs of 370 and 400 bytes through everything but the gateway and the store: admission, the list of requests under
// way, the memory budget, the queue, masking, and the account.
//
//	go test -run '^$' -bench Pairs ./recorder
func BenchmarkPairs(b *testing.B) {
	for name, rec := range map[string]configs.Record{ // clients are held back, not dropped
		"plain":  {Pressure: "block"},
		"masked": {Pressure: "block", Redact: []string{"$.user.phone", "header:X-Tenant", "query:token"}, Session: "header:X-Session-Id"},
	} {
		b.Run(name, func(b *testing.B) { benchmarkPairs(b, rec) })
	}
}

// BenchmarkStored does the same with the real store, synced to the disk, and reports how many records a commit had.
func BenchmarkStored(b *testing.B) {
	for _, most := range []int{64, 256} {
		b.Run(fmt.Sprint(most), func(b *testing.B) {
			archive, err := records.Open(b.TempDir(), records.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			store := &commits{to: archive}
			benchmarkStore(b, configs.Record{Pressure: "block"}, store, Options{BatchRecords: most})
			b.ReportMetric(float64(b.N)/float64(store.n.Load()), "records/commit")
			if err := archive.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// commits counts them.
type commits struct {
	to Appender
	n  atomic.Int64
}

func (c *commits) Append(batch []*records.Exchange) error {
	c.n.Add(1)
	return c.to.Append(batch)
}

func benchmarkPairs(b *testing.B, rec configs.Record) { benchmarkStore(b, rec, &sink{}, Options{}) }

func benchmarkStore(b *testing.B, rec configs.Record, store Appender, opt Options) {
	journal := intents.Open(b.TempDir(), slog.New(slog.DiscardHandler))
	opt.Journal, opt.Logger = journal, slog.New(slog.DiscardHandler)
	r := New(store, opt)
	if err := r.Configure("text-classify", rec); err != nil {
		b.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- r.Run(context.Background()) }()
	b.ReportAllocs()
	b.ResetTimer()
	var clients sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(b.N))
	for range 4 {
		clients.Go(func() {
			for left.Add(-1) >= 0 {
				if !benchmarkPair(r) {
					b.Error("a pair was not let in as a whole")
					return
				}
			}
		})
	}
	clients.Wait()
	if err := r.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
	if l := r.Ledger(); l.Recorded != int64(b.N) || l.NoBody > 0 {
		b.Errorf("%+v", l)
	}
	if err := journal.Close(); err != nil {
		b.Error(err)
	}
	if err := <-ran; err != nil {
		b.Error(err)
	}
}

func benchmarkPair(r *Recorder) bool {
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bench/1"}, "Accept": {"*/*"}, "Host": {"bench"}}
	tk, err := r.Admit(context.Background(), records.Intent{Service: "text-classify", Method: "POST", Path: "/predict",
		TraceID: "0af7651916cd43dd8448eb211c80319c", StartedAt: time.Now(), Header: h})
	if err != nil || !tk.Hold(len(benchRequest)) || !tk.Hold(len(benchResponse)) {
		return false
	}
	tk.End(&records.Exchange{Method: "POST", Path: "/predict", Status: 200, End: records.EndComplete,
		Request:  records.Message{Header: h, Body: benchRequest, Size: int64(len(benchRequest))},
		Response: records.Message{Header: http.Header{"Content-Type": {"application/json"}}, Body: benchResponse, Size: int64(len(benchResponse))}})
	return true
}
