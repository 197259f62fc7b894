package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// body is a request's, of a size.
func body(size int) string {
	const head, tail = `{"input_data": ["`, `"]}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

// writeScript writes what wrk sends.
func writeScript(file string) error {
	text := "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '" + body(requestSize) + "'\n" +
		"done = function(summary, latency)\n  io.write(string.format('RESULT %d %d %d %d %d\\n', summary.requests, summary.duration," +
		" summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout," +
		" latency:percentile(50), latency:percentile(99)))\nend\n"
	return os.WriteFile(file, []byte(text), 0o600)
}

var wrkResult = regexp.MustCompile(`RESULT (\d+) (\d+) (\d+) (\d+) (\d+)`)

// load keeps the connections busy with wrk, each with one request after the other.
func (p *passage) load(script string, length time.Duration) error {
	if p.begin != nil {
		if err := p.begin(); err != nil {
			return err
		}
	}
	out, err := run("", nil, "wrk", "-t1", "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%ds", int(length.Seconds())), "-s", script, "http://"+p.address+p.path)
	if err != nil {
		return err
	}
	m := wrkResult.FindStringSubmatch(out)
	if m == nil {
		return fmt.Errorf("wrk said\n%s", out)
	}
	var n [5]float64
	for i := range n {
		if n[i], err = strconv.ParseFloat(m[i+1], 64); err != nil {
			return err
		}
	}
	if n[2] > 0 {
		return fmt.Errorf("%.0f of %.0f requests failed", n[2], n[0])
	}
	p.Rate = append(p.Rate, n[0]/(n[1]/1e6))
	p.P50, p.P99 = append(p.P50, n[3]/1e6), append(p.P99, n[4]/1e6)
	if p.end != nil {
		kept, err := p.end(int(n[0]))
		if err != nil {
			return err
		}
		p.Kept = append(p.Kept, kept)
	}
	return nil
}

// request is what a connection sends, prepared, so that little is measured of the asking.
func (p *passage) request(size int) []byte {
	text := body(size)
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", p.path, len(text), text)
}

// halfLoad sends requests at a fixed rate and notes the 99th percentile of how long an answer took from when its request was due: one
// that had to wait for the one before it counts as slow.
func (p *passage) halfLoad(rate float64, length time.Duration) error {
	var mu sync.Mutex
	var took []time.Duration
	var faults error
	var wg sync.WaitGroup
	request := p.request(requestSize)
	began := time.Now()
	every := time.Duration(float64(connections) / rate * float64(time.Second))
	for i := range connections {
		wg.Go(func() {
			mine, err := p.paced(request, began.Add(every*time.Duration(i)/connections), began.Add(length), every)
			mu.Lock()
			defer mu.Unlock()
			took, faults = append(took, mine...), errors.Join(faults, err)
		})
	}
	wg.Wait()
	if faults != nil {
		return faults
	}
	slices.Sort(took)
	p.Half = append(p.Half, took[len(took)*99/100].Seconds())
	return nil
}

func (p *passage) paced(request []byte, due, end time.Time, every time.Duration) ([]time.Duration, error) {
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	var took []time.Duration
	for ; due.Before(end); due = due.Add(every) {
		time.Sleep(time.Until(due))
		if err := ask(c, r, request); err != nil {
			return nil, err
		}
		took = append(took, time.Since(due))
	}
	return took, nil
}

func ask(c net.Conn, r *bufio.Reader, request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// uploadSize is that of a picture, in bytes.
const uploadSize = 5 << 20

// uploads sends pictures, one after the other, and notes the median.
func (p *passage) uploads() error {
	picture := bytes.Repeat([]byte("0123456789abcdef"), uploadSize/16)
	var took []float64
	for range 20 {
		began := time.Now()
		res, err := http.Post("http://"+p.address+p.path, "image/png", bytes.NewReader(picture))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("an upload was answered %s", res.Status)
		}
		took = append(took, time.Since(began).Seconds())
	}
	p.Upload = append(p.Upload, median(took))
	return nil
}
