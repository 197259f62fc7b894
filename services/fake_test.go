package services

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/configs"
	"aictl/gateway"
	"aictl/procs"
	"aictl/store"
)

// fakeKeeper is a keeper whose processes are HTTP servers in this process.
type fakeKeeper struct {
	t       *testing.T
	observe func(procs.Status)

	mu      sync.Mutex
	pid     int
	seq     uint64
	specs   map[string]procs.Spec
	status  map[string]procs.Status
	servers map[string]*http.Server
	broken  map[string]bool // release → its processes exit at once
	sick    map[string]bool // release → /health answers 500
	verdict []procs.Verdict
	signals []string
	blamed  []string // restarted as unhealthy
	news    chan procs.Status
	runs    map[string]int // instance of a job → how often it was started
}

func newFakeKeeper(t *testing.T) *fakeKeeper {
	k := &fakeKeeper{
		t: t, pid: 100, specs: map[string]procs.Spec{}, status: map[string]procs.Status{},
		servers: map[string]*http.Server{}, broken: map[string]bool{}, sick: map[string]bool{},
		news: make(chan procs.Status, 4096), runs: map[string]int{},
	}
	delivered := make(chan struct{})
	go k.deliver(delivered)
	t.Cleanup(func() {
		k.mu.Lock()
		close(k.news)
		k.news = nil
		k.mu.Unlock()
		<-delivered
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, s := range k.servers {
			s.Close()
		}
	})
	return k
}

// deliver tells what happened in the order in which it did, some time later, as the client of a real keeper does.
func (k *fakeKeeper) deliver(done chan<- struct{}) {
	defer close(done)
	k.mu.Lock()
	news := k.news
	k.mu.Unlock()
	for s := range news {
		k.mu.Lock()
		observe := k.observe
		k.mu.Unlock()
		observe(s)
	}
}

func (k *fakeKeeper) pidOf(id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status[id].PID
}

func (k *fakeKeeper) knows(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.specs[id]
	return ok
}

// mark makes processes of a release misbehave from now on.
func (k *fakeKeeper) mark(how map[string]bool, release string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	how[release] = true
}

// set changes a status and tells of it. Called with the lock held.
func (k *fakeKeeper) set(id string, f func(*procs.Status)) procs.Status {
	s := k.status[id]
	s.ID = id
	f(&s)
	k.seq++
	s.Seq = k.seq
	k.status[id] = s
	if k.news != nil {
		k.news <- s
	}
	return s
}

func (k *fakeKeeper) spawn(id string) procs.Status {
	spec := k.specs[id]
	release := spec.Labels["release"]
	k.pid++
	if k.broken[release] {
		return k.set(id, func(s *procs.Status) {
			s.State, s.PID, s.Reason = procs.StateBackoff, 0, "exited with code 3"
			s.Restarts = 1
			s.LastExit = &procs.Exit{At: time.Now(), Code: 3, Uptime: 40 * time.Millisecond}
		})
	}
	if spec.Port == 0 {
		k.runs[id]++
		return k.set(id, func(s *procs.Status) {
			s.State, s.PID, s.StartedAt, s.Restarts, s.Reason = procs.StateRunning, k.pid, time.Now(), 0, ""
		})
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", spec.Port))
	if err != nil {
		k.t.Errorf("spawn %s: %v", id, err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		sick := k.sick[release]
		k.mu.Unlock()
		if r.URL.Path == "/health" && sick {
			w.WriteHeader(500)
			return
		}
		fmt.Fprintf(w, `{"release":%q}`, release)
	})}
	k.servers[id] = srv
	go srv.Serve(ln)
	return k.set(id, func(s *procs.Status) {
		s.State, s.PID, s.Port, s.StartedAt = procs.StateStarting, k.pid, spec.Port, time.Now()
		s.Restarts, s.LastExit, s.Reason = 0, nil, ""
		if !spec.Checked {
			s.State = procs.StateRunning
		}
	})
}

func (k *fakeKeeper) end(id string) procs.Status {
	if s := k.servers[id]; s != nil {
		s.Close()
		delete(k.servers, id)
	}
	return k.set(id, func(s *procs.Status) {
		if s.PID != 0 && k.specs[id].Port == 0 {
			s.LastExit = &procs.Exit{At: time.Now(), Signal: "TERM", Code: -1}
		}
		s.State, s.PID = procs.StateStopped, 0
	})
}

// finish ends the process of a job by itself, as the keeper's policy has it when nothing follows.
func (k *fakeKeeper) finish(id string, code int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set(id, func(s *procs.Status) {
		s.LastExit = &procs.Exit{At: time.Now(), Code: code, Uptime: time.Second}
		s.State, s.PID = procs.StateStopped, 0
		if code != 0 {
			s.State, s.Reason = procs.StateFatal, fmt.Sprintf("exited with code %d", code)
		}
	})
}

func (k *fakeKeeper) runsOf(id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runs[id]
}

func (k *fakeKeeper) each(ids []string, f func(string) procs.Status) ([]procs.Result, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []procs.Result
	for _, id := range ids {
		if _, ok := k.specs[id]; !ok {
			out = append(out, procs.Result{ID: id, Err: procs.ErrUnknownInstance})
			continue
		}
		out = append(out, procs.Result{ID: id, Status: f(id)})
	}
	return out, nil
}

func (k *fakeKeeper) ApplyAll(_ context.Context, specs []procs.Spec, opt procs.ApplyOptions) ([]procs.Result, error) {
	var ids []string
	k.mu.Lock()
	for _, s := range specs {
		k.specs[s.ID] = s
		ids = append(ids, s.ID)
	}
	k.mu.Unlock()
	return k.each(ids, func(id string) procs.Status {
		if opt.Start && k.status[id].PID == 0 {
			return k.spawn(id)
		}
		return k.set(id, func(s *procs.Status) {
			if s.State == "" {
				s.State = procs.StateStopped
			}
		})
	})
}

func (k *fakeKeeper) StartAll(_ context.Context, ids []string) ([]procs.Result, error) {
	return k.each(ids, func(id string) procs.Status {
		if k.status[id].PID != 0 {
			return k.status[id]
		}
		return k.spawn(id)
	})
}

func (k *fakeKeeper) StopAll(_ context.Context, ids []string, _ bool) ([]procs.Result, error) {
	return k.each(ids, k.end)
}

func (k *fakeKeeper) RestartWait(_ context.Context, id, _ string) (procs.Status, error) {
	r, err := k.each([]string{id}, func(id string) procs.Status { k.end(id); return k.spawn(id) })
	return r[0].Status, err
}

func (k *fakeKeeper) RestartUnhealthy(_ context.Context, id, _ string) (procs.Status, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.blamed = append(k.blamed, id)
	return k.status[id], nil
}

func (k *fakeKeeper) RemoveAll(_ context.Context, ids []string) ([]procs.Result, error) {
	return k.each(ids, func(id string) procs.Status {
		k.end(id)
		s := k.set(id, func(s *procs.Status) { s.State = procs.StateRemoved })
		delete(k.specs, id)
		delete(k.status, id)
		return s
	})
}

func (k *fakeKeeper) SignalGroup(_ context.Context, id, signal string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signals = append(k.signals, id+" "+signal)
	return nil
}

func (k *fakeKeeper) Verdict(_ context.Context, v procs.Verdict) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.verdict = append(k.verdict, v)
	if k.status[v.ID].PID != v.PID {
		return procs.ErrStale
	}
	k.set(v.ID, func(s *procs.Status) {
		s.State = procs.StateUnhealthy
		if v.Healthy {
			s.State = procs.StateRunning
		}
	})
	return nil
}

// fakeRouter remembers the last route of every service.
type fakeRouter struct {
	mu      sync.Mutex
	routes  map[string]gateway.Route
	drained []string
}

func (r *fakeRouter) SetRoute(route gateway.Route) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routes[route.Service] = route
	return nil
}

func (r *fakeRouter) RemoveRoute(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.routes, name)
}

func (r *fakeRouter) Drain(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drained = append(r.drained, id)
	return nil
}

// targets are the instances a service's requests go to, or the reason why none.
func (r *fakeRouter) targets(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	route, ok := r.routes[name]
	if !ok {
		return "no route"
	}
	var ids []string
	for _, t := range route.Targets {
		ids = append(ids, t.Instance)
	}
	if len(ids) == 0 {
		return "503 " + route.Reason
	}
	return strings.Join(ids, " ")
}

// fakePorts gives out ports that the kernel has free.
type fakePorts struct {
	mu    sync.Mutex
	given map[string]int
	full  error
}

func (p *fakePorts) Acquire(_ context.Context, owner string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full != nil {
		return 0, p.full
	}
	if port, ok := p.given[owner]; ok {
		return port, nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	p.given[owner] = ln.Addr().(*net.TCPAddr).Port
	return p.given[owner], nil
}

func (p *fakePorts) Release(_ context.Context, owner string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.given, owner)
	return nil
}

// rig is a manager over a real store and fakes.
type rig struct {
	*Manager
	keeper *fakeKeeper
	router *fakeRouter
	ports  *fakePorts
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "aictl.db"), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{keeper: newFakeKeeper(t), router: &fakeRouter{routes: map[string]gateway.Route{}}, ports: &fakePorts{given: map[string]int{}}}
	r.Manager = New(Deps{
		Store: db, Keeper: r.keeper, Router: r.router, Ports: r.ports, Dirs: Dirs{Envs: dir, Logs: dir},
		Usage:      func([]procs.Status) map[string]procs.Usage { return nil },
		GatewayURL: "http://127.0.0.1:7680", Logger: slog.New(slog.DiscardHandler),
	})
	r.keeper.observe = r.Observe
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// leftovers are what the keeper runs and the ports that are given, "" when nothing is left.
func (r *rig) leftovers() string {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	r.ports.mu.Lock()
	defer r.ports.mu.Unlock()
	if len(r.keeper.specs) == 0 && len(r.ports.given) == 0 {
		return ""
	}
	return fmt.Sprint(r.keeper.specs, r.ports.given)
}

// release stores a new release of a service, made on first use.
func (r *rig) release(t *testing.T, name string, change func(*configs.Manifest)) store.Release {
	t.Helper()
	ctx := t.Context()
	if _, err := r.Store.Service(ctx, name); err != nil {
		if _, err := r.Store.CreateService(ctx, store.Service{Name: name, Replicas: 1, Source: store.Source{Kind: "dir", URL: "/src"}}); err != nil {
			t.Fatal(err)
		}
	}
	m := configs.DefaultManifest()
	m.Name = name
	m.Health.Interval = configs.Duration(100 * time.Millisecond)
	m.Health.StartPeriod = configs.Duration(300 * time.Millisecond)
	if change != nil {
		change(m)
	}
	data, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	rel, err := r.Store.CreateRelease(ctx, store.Release{
		Service: name, Commit: strings.Repeat("ab", 20), Manifest: data, Dir: "/releases/" + name, Argv: []string{"run"}})
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// deploy brings a release live the way a deploy does.
func (r *rig) deploy(t *testing.T, name string, n int) store.Release {
	t.Helper()
	ctx := t.Context()
	rel := r.release(t, name, nil)
	rows, err := r.Launch(ctx, name, rel.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	ids := idsOf(rows)
	if err := r.AwaitHealthy(ctx, ids, nil); err != nil {
		t.Fatal(err)
	}
	old, err := r.Switch(ctx, name, rel.ID, ids)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(ctx, idsOf(old)); err != nil {
		t.Fatal(err)
	}
	return rel
}

func idsOf(rows []store.Instance) []string {
	ids := make([]string, len(rows))
	for k, row := range rows {
		ids[k] = row.ID
	}
	return ids
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30s: %s", what)
		}
	}
}
