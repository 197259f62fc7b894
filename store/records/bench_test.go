package records

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const batchSize = 256

// benchBatch is like what a gateway sees: 370 bytes in, 400 bytes out, a handful of headers.
func benchBatch(n int) []*Exchange {
	xs := make([]*Exchange, batchSize)
	for i := range xs {
		k := n*batchSize + i
		x := exchange(noon.Add(time.Duration(k)*10*time.Microsecond), k)
		x.Request.Body = append([]byte(fmt.Sprint(k)), bytes.Repeat([]byte("x"), 365)...)
		x.Response.Body = append([]byte(fmt.Sprint(k)), bytes.Repeat([]byte("y"), 395)...)
		x.TraceID = fmt.Sprintf("%016x%016x", uint64(k)*0x9e3779b97f4a7c15, k)
		xs[i] = x
	}
	return xs
}

// BenchmarkAppend writes b.N batches of 256 and reports rows a second; each batch is synced to disk.
func BenchmarkAppend(b *testing.B) {
	a := openTest(b, b.TempDir())
	var cpu time.Duration
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		batch := benchBatch(n)
		before := cpuTime(b)
		b.StartTimer()
		if err := a.Append(batch); err != nil {
			b.Fatal(err)
		}
		cpu += cpuTime(b) - before
	}
	rows := float64(b.N) * batchSize
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/rows, "cpu-µs/row")
}

// cpuTime tells the cost apart from what other programs do to the machine meanwhile.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	ok(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkList reads pages of 100 from a day of 200,000.
func BenchmarkList(b *testing.B) {
	a := openTest(b, b.TempDir())
	for n := range 200000 / batchSize {
		add(b, a, benchBatch(n)...)
	}
	for name, f := range map[string]Filter{"newest": {}, "service": {Services: []string{"ocr"}}, "glob": {Services: []string{"o*"}}, "no hit": {Services: []string{"x*"}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := a.List(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
