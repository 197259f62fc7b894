package replay

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"aictl/store/records"
)

// made is n records that are made while they are visited.
type made int

func (m made) Each(_ context.Context, _ records.Filter, visit func(*records.Exchange) error) ([]string, error) {
	template := recorded(1)[0]
	for k := range int(m) {
		x := template
		x.ID, x.StartedAt = fmt.Sprintf("%09d", k), template.StartedAt.Add(time.Duration(k)*time.Microsecond)
		if err := visit(&x); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// BenchmarkReplay sends records as fast as a trivial server answers, on the same machine: requests/s of both together.
func BenchmarkReplay(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reply(w, `{"n":0}`) }), ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	e := New(Deps{Records: made(b.N), Fleet: &fleet{}, Dir: b.TempDir()})
	b.ResetTimer()
	sum, err := e.Replay(b.Context(), Request{To: "http://" + l.Addr().String()}, quiet)
	b.StopTimer()
	if err != nil || sum.Sent != b.N {
		b.Fatalf("%+v, %v", sum, err)
	}
	b.ReportMetric(sum.Rate, "requests/s")
	if err := server.Close(); err != nil {
		b.Error(err)
	}
	<-done
}

// BenchmarkSort puts records in order that came newest first.
func BenchmarkSort(b *testing.B) {
	s := newSorter(b.TempDir(), sortBudget)
	for k := range b.N {
		i := &item{ID: fmt.Sprint(k), At: time.Unix(0, int64(b.N-k)), Method: "POST", Path: "/predict", Body: make([]byte, 400), Header: http.Header{"Content-Type": {"application/json"}}}
		if err := s.add(i); err != nil {
			b.Fatal(err)
		}
	}
	next, err := s.sorted()
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if _, err := next(); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		b.Fatal(err)
	}
}
