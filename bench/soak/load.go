package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load keeps connections busy with short requests and, now and then, with what is not short: every 100th a stream, every 400th an upload, every
// 500th one that its client gives up.
type load struct {
	gateway     string // address
	connections int
	rate        int // of all together, per second; 0: no limit

	done, streams, uploads, aborts, failed atomic.Int64
	mu                                     sync.Mutex
	first                                  error
}

const path = "/ai/soak"

var (
	question = `{"text":"` + strings.Repeat("q", 359) + `"}` // 370 bytes
	short    = fmt.Sprintf("POST %s/predict HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(question), question)
)

// run returns when ctx has ended and every connection is closed.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range l.connections {
		all.Go(func() { l.worker(ctx, i) })
	}
	all.Wait()
}

func (l *load) worker(ctx context.Context, i int) {
	var w wire
	defer w.close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	pace := l.pace()
	for n := i * 17; ctx.Err() == nil; n++ {
		if err := l.one(&w, client, n); err != nil {
			l.fail(err)
			w.close()
		}
		l.done.Add(1)
		pace(ctx)
	}
}

// pace returns what a worker does between two requests.
func (l *load) pace() func(context.Context) {
	if l.rate <= 0 {
		return func(context.Context) {}
	}
	gap := time.Second * time.Duration(l.connections) / time.Duration(l.rate)
	next := time.Now()
	return func(ctx context.Context) {
		next = next.Add(gap)
		wait, cancel := context.WithDeadline(ctx, next)
		defer cancel()
		<-wait.Done()
	}
}

func (l *load) one(w *wire, client *http.Client, n int) error {
	switch {
	case n%500 == 499:
		l.aborts.Add(1)
		return l.abort()
	case n%400 == 399:
		l.uploads.Add(1)
		return l.upload(client)
	case n%100 == 99:
		l.streams.Add(1)
		return l.stream(client)
	}
	return w.ask(l.gateway)
}

func (l *load) fail(err error) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

func (l *load) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		return nil
	}
	return fmt.Errorf("%d requests failed, the first: %w", l.failed.Load(), l.first)
}

// wire is one kept connection for short requests.
type wire struct {
	net.Conn
	br *bufio.Reader
}

func (w *wire) close() {
	if w.Conn != nil {
		w.Conn.Close()
		w.Conn = nil
	}
}

func (w *wire) ask(gateway string) error {
	if w.Conn == nil {
		conn, err := net.Dial("tcp", gateway)
		if err != nil {
			return err
		}
		w.Conn, w.br = conn, bufio.NewReader(conn)
	}
	if _, err := io.WriteString(w.Conn, short); err != nil {
		return err
	}
	res, err := http.ReadResponse(w.br, nil)
	if err != nil {
		return err
	}
	return check(res, answer)
}

func check(res *http.Response, want string) error {
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || string(body) != want {
		return fmt.Errorf("answered %d %.200q", res.StatusCode, body)
	}
	return nil
}

var streamed = func() string {
	var b strings.Builder
	for i := range events {
		fmt.Fprintf(&b, "data: %d\n\n", i)
	}
	return b.String()
}()

func (l *load) stream(client *http.Client) error {
	res, err := client.Get("http://" + l.gateway + path + "/stream")
	if err != nil {
		return err
	}
	return check(res, streamed)
}

func (l *load) upload(client *http.Client) error {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, err := w.CreateFormFile("image", "scan.png")
	if err == nil {
		_, err = file.Write(pixels)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	res, err := client.Post("http://"+l.gateway+path+"/predict", w.FormDataContentType(), &form)
	if err != nil {
		return err
	}
	return check(res, answer)
}

var pixels = bytes.Repeat([]byte("\x89PNG soak "), 60_000) // 600 kB

// abort sends the beginning of a request and leaves.
func (l *load) abort() error {
	conn, err := net.Dial("tcp", l.gateway)
	if err != nil {
		return err
	}
	_, err = io.WriteString(conn, "POST "+path+"/predict HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000\r\n\r\nsome")
	return errors.Join(err, conn.Close())
}
