package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// served is a server on a unix socket and on TCP, with a client for each.

type served struct {
	*backend
	unix, tcp *Client
	addr      string
	stop      func() error // ends Serve and returns its error; safe to call twice
}

func serve(t *testing.T, b *backend) *served {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "api.sock")
	ul, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	tl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, b)
	ctx, cancel := context.WithCancel(context.Background())
	var result error
	done := make(chan struct{})
	go func() { defer close(done); result = s.Serve(ctx, ul, tl) }()
	out := &served{backend: b, addr: tl.Addr().String()}
	out.unix = client(t, Target{Socket: socket})
	out.tcp = client(t, Target{URL: "http://" + out.addr, Token: testToken})
	out.stop = func() error {
		cancel()
		within(t, 30*time.Second, "Serve to end", done)
		return result
	}
	t.Cleanup(func() {
		if err := out.stop(); err != nil {
			t.Error(err)
		}
	})
	return out
}

func client(t *testing.T, target Target) *Client {
	t.Helper()
	c, err := NewClient(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestStreamsArriveLineByLine: each line is with the client before the next one is made.

// TestDeployEventsOverlap: what was read from the store is not told again by the subscription, and the lines of a deploy

// that has ended meanwhile are told all the same.

// TestDeployEventsOfASlowReader: a subscription that was closed before the deploy's end is told, not taken for the end.

// TestServeEnds: streams are told, calls in flight are finished, and nothing answers afterwards.

func TestServeEnds(t *testing.T) {
	b := newBackend()
	b.block = make(chan struct{})
	s := serve(t, b)
	acted := make(chan error, 1)
	go func() {
		_, err := s.unix.Act(context.Background(), ActionRequest{Action: ActionStop, Patterns: []string{"ocr"}})
		acted <- err
	}()
	var p *Error
	for ev, err := range s.tcp.DeployEvents(t.Context(), 2) {
		if err == nil && ev.Type == EventStep {
			waitFor(t, "the action to begin", func() bool { return b.called("status") })
			go func() { close(b.block) }()
			go s.stop()
			continue
		}
		if !errors.As(err, &p) || p.Code != CodeUnavailable {
			t.Errorf("stream ended with %+v %v", ev, err)
		}
	}
	if err := <-acted; err != nil {
		t.Errorf("call in flight: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if _, err := s.unix.Version(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("after the end: %v", err)
	}
}

// TestActionOutlivesItsCaller: leaving does not stop half of a stop.

func TestActionOutlivesItsCaller(t *testing.T) {
	b := newBackend()
	b.block = make(chan struct{})
	s := serve(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitFor(t, "the action to begin", func() bool { return b.called("status") })
		cancel()
	}()
	_, err := s.unix.Act(ctx, ActionRequest{Action: ActionStop, Patterns: []string{"ocr"}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	close(b.block)
	waitFor(t, "the stop", func() bool { return b.called("stop ocr") })
}

func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !cond(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%s: not within 30s", what)
			return
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := serve(t, newBackend())
	big := `{"action":"start","patterns":["` + strings.Repeat("x", maxBody) + `"]}`
	for name, body := range map[string]io.Reader{
		"announced": strings.NewReader(big),
		"chunked":   struct{ io.Reader }{strings.NewReader(big)},
	} {
		req, err := http.NewRequest("POST", "http://"+s.addr+"/api/v1/actions", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+testToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 413 {
			t.Errorf("%s: %d %s %v", name, res.StatusCode, text, err)
		}
		res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	if w := ask(newServer(t, newBackend()).Handler(true), "POST", "/api/v1/actions", "a=1", "Content-Type", "text/plain"); w.Code != 415 {
		t.Errorf("text/plain: %d %s", w.Code, w.Body)
	}
}

// TestStrangersSendNoBodies: without a token not a byte of the body is waited for.

func TestStrangersSendNoBodies(t *testing.T) {
	s := serve(t, newBackend())
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 401 {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
}

func TestPanicIsAProblem(t *testing.T) {
	s := newServer(t, newBackend())
	h := s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
	w := ask(h, "GET", "/", "")
	checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
	if w.Code != 500 || strings.Contains(w.Body.String(), "boom") || !strings.Contains(w.Body.String(), `"instance"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	begun := s.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		panic("boom")
	}))
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("an answer that broke off was not cut off")
		}
	}()
	ask(begun, "GET", "/", "")
}
