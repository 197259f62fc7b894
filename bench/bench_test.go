package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]string{0.00005: "50 µs", 0.0018: "1.8 ms", 0.25: "0.25 s", 1.611: "1.61 s"} {
		if got := seconds(s); got != want {
			t.Errorf("%v is %q, want %q", s, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := report{Machine: "M", Options: "O", Versions: map[string]string{"direct": "1.2"}, Managers: []result{{
		Name: "x", Version: "1", Start: []float64{0.2}, Cold: []float64{0.3}, Respawn: []float64{0.001, 0.002, 0.003},
		Log: []float64{2e8}, IdleCPU: 0.25, PSS: map[string]int64{"keeper": 11_000_000, "daemon": 30_000_000},
	}}, Gateway: []passage{{Name: "direct", Rate: []float64{100}, P50: []float64{0.001}, P99: []float64{0.002}}}}
	got := r.markdown()
	for _, want := range []string{
		"|  | x 1 |\n| --- | --- |\n", "| crash → new process, median (worst) | 2.0 ms (3.0 ms) |", "| log capture | 200 MB/s |",
		"| memory (PSS) | 41.0 MB (daemon 30.0, keeper 11.0) |", "| direct (1.2) | 100 | 1.0 ms | 2.0 ms |  |  |  |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// TestService compiles the measured service and does with it what the benchmark does.
func TestService(t *testing.T) {
	dir := t.TempDir()
	program, err := compile(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBeacon(filepath.Join(dir, "beacon"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(program, b.path, "bench-007")
	cmd.Stdout, cmd.Env = &out, append(os.Environ(), fmt.Sprint("PORT=", address[strings.LastIndex(address, ":")+1:]))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen, err := b.wait("bench-", 1, 10*time.Second)
	if err != nil || seen["bench-007"].pid != cmd.Process.Pid {
		t.Errorf("got %v (%v), want pid %d", seen, err, cmd.Process.Pid)
	}
	p := passage{address: address, path: "/predict"}
	if err := poll("the service listens", func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	}); err != nil {
		t.Error(err)
	}
	if err := p.halfLoad(2000, 50*time.Millisecond); err != nil || len(p.Half) != 1 || p.Half[0] <= 0 {
		t.Errorf("load: %v, %+v", err, p)
	}
	if err := p.uploads(); err != nil || len(p.Upload) != 1 || p.Upload[0] <= 0 {
		t.Errorf("uploads: %v, %+v", err, p)
	}
	if took, err := b.write("bench-007", 250_000); err != nil || took <= 0 {
		t.Errorf("write took %s: %v", took, err)
	}
	// Its connection is its lease: it ends with the beacon.
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the service ended with %v", err)
	}
	if out.Len() != 250_000 || !bytes.HasSuffix(out.Bytes(), []byte("x\n")) {
		t.Errorf("the service wrote %d bytes", out.Len())
	}
}

func TestScaleSizes(t *testing.T) {
	got, err := scaleSizes("10,100,1000")
	if err != nil || !slices.Equal(got, []int{10, 100, 1000}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "10,x", "100,10", "10,10", "0", "1001"} {
		if got, err := scaleSizes(bad); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
}

func TestScaleMarkdown(t *testing.T) {
	r := report{Scale: []size{{
		Services: 100, Cold: []float64{0.3}, Healthy: []float64{0.4}, Start: []float64{0.2}, Status: []float64{0.03}, List: []float64{0.02},
		IdleCPU: 0.08, PSS: map[string]int64{"keeper": 10_600_000, "daemon": 34_400_000},
	}}}
	want := "| 100 | 0.30 s | 0.40 s | 0.20 s | 30.0 ms | 20.0 ms | 0.08 % | 10.6 MB | 106 KB | 34.4 MB |"
	if got := r.markdown(); !strings.Contains(got, want) {
		t.Errorf("no %q in:\n%s", want, got)
	}
}

func TestPlot(t *testing.T) {
	at := func(n int, idle float64) size {
		v := []float64{float64(n) / 1000}
		return size{Services: n, Cold: v, Start: v, Status: v, List: v, IdleCPU: idle, PSS: map[string]int64{"keeper": int64(n) * 20_000}}
	}
	dir := t.TempDir()
	r := report{Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Scale: []size{at(10, 0.1), at(100, 0.2), at(1000, 0.4)}}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	results, svg := filepath.Join(dir, "2026-01-02T030405Z.json"), filepath.Join(dir, "plot.svg")
	if err := plot(results, svg); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(svg)
	if err != nil || len(data) > 100<<10 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if err := xml.Unmarshal(data, new(struct{})); err != nil {
		t.Error(err)
	}
	if n := strings.Count(string(data), "<circle"); n != 3*len(panels) {
		t.Errorf("%d points, want %d", n, 3*len(panels))
	}
	if strings.Contains(string(data), "NaN") || strings.Contains(string(data), "Inf") {
		t.Errorf("not drawable: %s", data)
	}
	if drawable([]size{at(10, 0)}) || drawable(nil) {
		t.Error("zero stands on a logarithmic axis")
	}
}
