package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aictl/deploy"
	"aictl/procs"
	"aictl/services"
	"aictl/store"
	"aictl/store/records"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "s3cret-token"

var testNow = time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)

// backend is every dependency at once, over plain values; fault, when set, fails the named call.
type backend struct {
	mu       sync.Mutex
	views    []services.View
	deploys  []store.Deploy
	steps    []store.Step
	releases []store.Release
	records  []records.Exchange
	posted   map[string]*records.Exchange // by id
	warnings []string
	by       records.GroupBy
	labels   map[string][]records.LabelChange
	events   chan deploy.Event
	calls    []string
	fault    map[string]error
	block    chan struct{} // Stop waits for it when set
	logs     func(ctx context.Context, sel LogSelection, fn func(LogLine) error) error
	filter   records.Filter
	sel      LogSelection
	request  deploy.Request
	happened services.Events
	refused  string // of the settings
}

func newBackend() *backend {
	commit := strings.Repeat("1a2b3c4d", 5)
	svc := store.Service{
		Name: "ocr", Wanted: store.WantedRunning, Replicas: 1, Release: "r2-1a2b3c4d", Previous: "r1-00000000",
		Source: store.Source{Kind: "git", URL: "file:///srv/ocr"}, Env: map[string]string{"KEY": "hidden"},
		CreatedAt: testNow, UpdatedAt: testNow,
	}
	return &backend{
		views: []services.View{{
			Service: svc, State: procs.StateRunning, Health: "healthy", Ready: 1, Commit: commit, URL: "http://127.0.0.1:7680/ai/ocr",
			Instances: []services.InstanceView{{
				Instance: store.Instance{ID: "ocr/1", Service: "ocr", Slot: 1, Release: "r2-1a2b3c4d", Port: 8001, Live: true},
				Status: procs.Status{ID: "ocr/1", State: procs.StateRunning, PID: 42, StartedAt: testNow, Restarts: 3,
					LastExit: &procs.Exit{At: testNow, Signal: "KILL", Uptime: time.Second}},
				Health: "healthy", Uptime: 90 * time.Second, MemoryBytes: 1 << 20, CPUPercent: 1.5, OpenFiles: 17,
			}},
		}, {
			Service: store.Service{Name: "trend", Wanted: store.WantedStopped, Replicas: 1}, State: procs.StateStopped,
			Reason: "stopped",
		}},
		deploys: []store.Deploy{
			{ID: 2, Service: "ocr", Kind: "deploy", State: store.DeployRunning, CreatedAt: testNow, StartedAt: testNow.Add(-time.Minute)},
			{ID: 1, Service: "ocr", Kind: "deploy", State: store.DeployFailed, FailedStep: "environment", Error: "pip failed",
				Warnings: []string{"no /info"}, CreatedAt: testNow, StartedAt: testNow, FinishedAt: testNow.Add(2 * time.Second)},
		},
		steps:    []store.Step{{Deploy: 2, Seq: 1, Name: "fetch", State: store.StepDone, Detail: "done", StartedAt: testNow, FinishedAt: testNow}},
		releases: []store.Release{{ID: "r2-1a2b3c4d", Service: "ocr", Commit: commit, Manifest: []byte(`{"name":"ocr"}`), CreatedAt: testNow}},
		records: []records.Exchange{{
			ID: "0193", Service: "ocr", Method: "POST", Path: "/predict", Status: 200, StartedAt: testNow, Duration: 12500 * time.Microsecond,
			End: records.EndComplete, Request: records.Message{Header: http.Header{"Accept": {"*/*"}}, Size: 4, Body: []byte("héé")},
			Response: records.Message{Size: 2, Body: []byte{0xff, 0xfe}, Truncated: true},
		}},
		events: make(chan deploy.Event, 16),
		fault:  map[string]error{},
	}
}

// note keeps the call and returns the fault that was set for it.
func (b *backend) note(call string) error {
	b.record(call)
	return b.fault[call]
}

func (b *backend) record(call string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, call)
}

func (b *backend) called(call string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.calls, call)
}

func (b *backend) Status(_ context.Context, patterns []string) ([]services.View, error) {
	if err := b.note("status"); err != nil {
		return nil, err
	}
	if len(patterns) == 0 {
		return b.views, nil
	}
	var out []services.View
	for _, v := range b.views {
		for _, p := range patterns {
			if v.Service.Name == p {
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.Join(errors.New("no service matches "+strings.Join(patterns, " ")), store.ErrNotFound)
	}
	return out, nil
}

func (b *backend) Resolve(ctx context.Context, patterns []string) ([]string, error) {
	views, err := b.Status(ctx, patterns)
	return each(views, func(v services.View) string { return v.Service.Name }), err
}

// CountFiles notes that it was asked; what it would count is in the views.
func (b *backend) CountFiles([]services.View) { b.record("count files") }

func (b *backend) Expect(names []string) func() {
	b.record("expect " + strings.Join(names, " "))
	return func() { b.record("expected") }
}
func (b *backend) Start(_ context.Context, name string) error { return b.note("start " + name) }
func (b *backend) Stop(ctx context.Context, name string) error {
	if b.block != nil {
		select {
		case <-b.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return b.note("stop " + name)
}
func (b *backend) Restart(_ context.Context, name string) error {
	if name == "trend" && errors.Is(b.fault["panic"], errPanic) {
		panic("boom")
	}
	return b.note("restart " + name)
}
func (b *backend) Remove(_ context.Context, name string) error { return b.note("remove " + name) }
func (b *backend) Scale(_ context.Context, name string, n int) error {
	return b.note("scale " + name + " " + string(rune('0'+n)))
}
func (b *backend) Signal(_ context.Context, name, sig string) error {
	return b.note("signal " + name + " " + sig)
}

var errPanic = errors.New("panic")

func (b *backend) Submit(_ context.Context, req deploy.Request) (store.Deploy, error) {
	b.request = req
	return b.deploys[0], b.note("submit")
}
func (b *backend) Rollback(_ context.Context, req deploy.RollbackRequest) (store.Deploy, error) {
	return b.deploys[0], b.note("rollback " + req.Service + " " + req.To + " " + req.Trigger)
}
func (b *backend) Compare(_ context.Context, service, from, to string) (deploy.Comparison, error) {
	return deploy.Comparison{Service: "ocr", From: deploy.Version{Deploy: 1}, Dependencies: []deploy.DependencyChange{{Name: "numpy", Old: "1", New: "2"}}},
		b.note("compare " + service + " " + from + " " + to)
}
func (b *backend) Cancel(context.Context, int64) error { return b.note("cancel") }
func (b *backend) Subscribe(int64) (<-chan deploy.Event, func()) {
	return b.events, func() { b.record("unsubscribe") }
}
func (b *backend) Tail(context.Context, int64, int) ([]string, error) {
	return []string{"last line"}, b.note("tail")
}

func (b *backend) Deploy(_ context.Context, id int64) (store.Deploy, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.deploys {
		if d.ID == id {
			return d, nil
		}
	}
	return store.Deploy{}, store.ErrNotFound
}
func (b *backend) setState(id int64, s store.DeployState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.deploys {
		if b.deploys[i].ID == id {
			b.deploys[i].State, b.deploys[i].FinishedAt = s, testNow
		}
	}
}
func (b *backend) Deploys(_ context.Context, f store.DeployFilter) ([]store.Deploy, error) {
	var out []store.Deploy
	for _, d := range b.deploys {
		if (f.Before == 0 || d.ID < f.Before) && len(out) < f.Limit {
			out = append(out, d)
		}
	}
	return out, b.note("deploys")
}
func (b *backend) Steps(context.Context, int64) ([]store.Step, error) { return b.steps, nil }
func (b *backend) Service(_ context.Context, name string) (store.Service, error) {
	for _, v := range b.views {
		if v.Service.Name == name {
			return v.Service, nil
		}
	}
	return store.Service{}, store.ErrNotFound
}
func (b *backend) Releases(context.Context, string, string, int) ([]store.Release, error) {
	return b.releases, nil
}

func (b *backend) Version() Version {
	return Version{Version: "1.2.3", Commit: "abc", Go: "go1.26", PID: 7, StartedAt: testNow, DataDir: "/data",
		API: "http://127.0.0.1:7600", Gateway: "http://127.0.0.1:7680", KeeperProtocol: 1}
}
func (b *backend) Healthy(context.Context) error { return b.note("healthy") }

func newServer(t testing.TB, b *backend, more ...func(*Deps)) *Server {
	t.Helper()
	d := Deps{
		Services: b, Deploys: b, History: b, Logs: logReader{b}, Records: recordReader{b}, Custody: &custodian{}, Recorder: b, Ingest: postbox{b}, Replays: &replayer{}, Info: b, Events: &b.happened, Config: b,
		Gateway: counters{}, Token: testToken, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return testNow },
	}
	for _, add := range more {
		add(&d)
	}
	s, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ask sends one request to a handler and returns the answer.
func ask(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// within fails the test unless done is closed in time.
func within(t *testing.T, d time.Duration, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("%s: not within %s", what, d)
	}
}
