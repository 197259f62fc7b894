package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
	"aictl/gateway"
	"aictl/recorder"
	"aictl/store/records"
)

// vault is a store that can be made to hang or to fail, and remembers what it has committed.
type vault struct {
	mu    sync.Mutex
	gate  chan struct{} // while it is open, commits wait for it; nil: they do not
	fault error
	held  map[string]*records.Exchange
	calls atomic.Int64
}

func newVault() *vault { return &vault{held: map[string]*records.Exchange{}} }

func (v *vault) Append(batch []*records.Exchange) error {
	v.calls.Add(1)
	v.mu.Lock()
	gate := v.gate
	v.mu.Unlock()
	if gate != nil {
		<-gate
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fault != nil {
		return v.fault
	}
	for _, x := range batch {
		v.held[x.ID] = x
	}
	return nil
}

func (v *vault) set(fault error) {
	v.mu.Lock()
	v.fault = fault
	v.mu.Unlock()
}

// hang makes commits wait until the returned func is called.
func (v *vault) hang() (goOn func()) {
	gate := make(chan struct{})
	v.mu.Lock()
	v.gate = gate
	v.mu.Unlock()
	return func() {
		v.mu.Lock()
		v.gate = nil
		v.mu.Unlock()
		close(gate)
	}
}

func (v *vault) has(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.held[id] != nil
}

func (v *vault) all() []*records.Exchange {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Collect(maps.Values(v.held))
}

// audited is a served gateway with one audit service.
type audited struct {
	*vault
	rec *recorder.Recorder
	url string
}

func newAudited(t testing.TB, h http.HandlerFunc, opt recorder.Options) *audited {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	a := &audited{vault: newVault()}
	opt.Logger = slog.New(slog.DiscardHandler)
	if opt.Backoff == nil {
		opt.Backoff = []time.Duration{time.Microsecond}
	}
	a.rec = recorder.New(a.vault, opt)
	g := gateway.New(a.rec, gateway.Options{Logger: opt.Logger, StopTimeout: time.Second})
	err := g.SetRoute(gateway.Route{Service: "svc", Targets: []gateway.Target{{Instance: "svc/1", Addr: up.Listener.Addr().String()}},
		Record: configs.Record{Mode: "audit", Bodies: "full", MaxBody: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.rec.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := g.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
		if err := a.rec.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	a.url = "http://" + ln.Addr().String() + "/ai/svc"
	return a
}

// asked is an answer read to its end.
type asked struct {
	*http.Response
	body string
}

func (a *audited) ask(t testing.TB, path, body string) asked {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Post(a.url+path, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return asked{Response: &http.Response{Header: http.Header{}}}
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Error(err)
	}
	return asked{res, string(b)}
}

func problemOf(t testing.TB, body string) (p gateway.Problem) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Errorf("%q is no problem document: %v", body, err)
	}
	return p
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end, tick := time.After(30*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("not within 30 s: " + what)
		}
	}
}
