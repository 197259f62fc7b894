package gateway_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aictl/store/records"
)

// BenchmarkGatewayPaired measures in turns, in slices of a third of a second, so that a busy machine is busy for all of them:
//
//	go test -run '^$' -bench GatewayPaired -benchtime 20x ./gateway
//
// The client and the instance send prepared bytes over 32 connections; little is measured of them. Each metric is the median of b.N rounds: the
// rate as a multiple of the bare ReverseProxy's, and the CPU time of a request in microseconds beyond that of asking the instance itself.
func BenchmarkGatewayPaired(b *testing.B) {
	addr := leanInstance(b)
	_, counted := pipeline(b, &counter{}, addr)
	disk, err := records.Open(b.TempDir(), records.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := disk.Close(); err != nil {
			b.Error(err)
		}
	})
	_, stored := pipeline(b, disk, addr)
	ways := []*way{
		{name: "direct", url: "http://" + addr + "/predict"},
		{name: "bare", url: bareProxy(b, addr) + "/predict"},
		{name: "recorded", url: counted},
		{name: "stored", url: stored},
	}
	b.ResetTimer()
	for i := range b.N {
		for k := range ways {
			ways[(i+k)%len(ways)].measure(b, 32, 300*time.Millisecond)
		}
	}
	direct, bare := ways[0], ways[1]
	b.ReportMetric(0, "ns/op")
	for _, w := range ways[1:] {
		b.ReportMetric(median(b.N, func(i int) float64 { return w.cpu[i] - direct.cpu[i] }), w.name+"-cpu-µs")
	}
	for _, w := range ways[2:] {
		b.ReportMetric(median(b.N, func(i int) float64 { return w.rate[i] / bare.rate[i] }), w.name+"/bare")
		b.ReportMetric(median(b.N, func(i int) float64 { return (w.cpu[i] - direct.cpu[i]) / (bare.cpu[i] - direct.cpu[i]) }), w.name+"-cpu/bare")
	}
}

func median(n int, value func(i int) float64) float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = value(i)
	}
	slices.Sort(all)
	return all[n/2]
}

func bareProxy(b *testing.B, addr string) string {
	target := &url.URL{Scheme: "http", Host: addr}
	tr := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(tr.CloseIdleConnections)
	s := httptest.NewServer(&httputil.ReverseProxy{Transport: tr, BufferPool: &buffers{}, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() }})
	b.Cleanup(s.Close)
	return s.URL
}

// way is one of the compared, with a figure for each round.
type way struct {
	name, url string
	rate      []float64 // requests per second
	cpu       []float64 // microseconds of the whole process per request
}

func (w *way) measure(b *testing.B, connections int, length time.Duration) {
	u, err := url.Parse(w.url)
	if err != nil {
		b.Fatal(err)
	}
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		u.Path, len(question), question)
	var done atomic.Int64
	var wg sync.WaitGroup
	before, begun := cpuTime(b), time.Now()
	for range connections {
		wg.Go(func() {
			n, err := ask(u.Host, request, begun.Add(length))
			if err != nil {
				b.Error(w.name, err)
			}
			done.Add(n)
		})
	}
	wg.Wait()
	n := float64(done.Load())
	w.rate = append(w.rate, n/time.Since(begun).Seconds())
	w.cpu = append(w.cpu, float64((cpuTime(b)-before).Microseconds())/n)
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ask sends a request over and over until end and returns how many answers came.
func ask(addr string, request []byte, end time.Time) (n int64, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	br := bufio.NewReader(conn)
	for ; time.Now().Before(end); n++ {
		if _, err := conn.Write(request); err != nil {
			return n, err
		}
		if err := skipMessage(br); err != nil {
			return n, err
		}
	}
	return n, nil
}

// skipMessage reads a head and the body that its Content-Length announces.
func skipMessage(br *bufio.Reader) error {
	length := 0
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			_, err := br.Discard(length)
			return err
		}
		if len(line) > 16 && bytes.EqualFold(line[:16], []byte("Content-Length: ")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[16:]))); err != nil {
				return err
			}
		}
	}
}

// leanInstance answers every request alike.
func leanInstance(b *testing.B) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	var open sync.Map
	b.Cleanup(func() {
		if err := ln.Close(); err != nil {
			b.Error(err)
		}
		open.Range(func(conn, _ any) bool { return conn.(net.Conn).Close() == nil })
		wg.Wait()
	})
	reply := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: lean\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			open.Store(conn, true)
			wg.Go(func() {
				defer open.Delete(conn)
				defer conn.Close()
				br := bufio.NewReader(conn)
				for err := skipMessage(br); err == nil; err = skipMessage(br) {
					if _, err := conn.Write(reply); err != nil {
						return
					}
				}
				if !errors.Is(err, io.EOF) && err != nil {
					b.Log(err)
				}
			})
		}
	})
	return ln.Addr().String()
}
