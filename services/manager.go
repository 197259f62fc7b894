// Package services makes the wanted state of every service true: it composes what the keeper runs, turns health
// probes into verdicts and routes, and carries out start, stop, restart, scale and remove.
package services

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"aictl/configs"
	"aictl/configs/schedule"
	"aictl/gateway"
	"aictl/health"
	"aictl/procs"
	"aictl/store"
)

// Errors that callers branch on.
var (
	// ErrNoRelease is returned for a service that was never deployed with success.
	ErrNoRelease = errors.New("no release to run")
	// ErrNotHealthy is wrapped by what AwaitHealthy returns.
	ErrNotHealthy = errors.New("not healthy")
)

// Keeper runs instances; *procs.Client is one.
type Keeper interface {
	ApplyAll(ctx context.Context, specs []procs.Spec, opt procs.ApplyOptions) ([]procs.Result, error)
	StartAll(ctx context.Context, ids []string) ([]procs.Result, error)
	StopAll(ctx context.Context, ids []string, wait bool) ([]procs.Result, error)
	RestartWait(ctx context.Context, id, reason string) (procs.Status, error)
	RestartUnhealthy(ctx context.Context, id, reason string) (procs.Status, error)
	RemoveAll(ctx context.Context, ids []string) ([]procs.Result, error)
	SignalGroup(ctx context.Context, id, signal string) error
	Verdict(ctx context.Context, v procs.Verdict) error
}

// Router sends requests to instances; *gateway.Gateway is one.
type Router interface {
	SetRoute(gateway.Route) error
	RemoveRoute(service string)
	Drain(ctx context.Context, instance string) error
}

// Ports gives every instance a port of its own; *ports.Allocator is one.
type Ports interface {
	Acquire(ctx context.Context, owner string) (int, error)
	Release(ctx context.Context, owner string) error
}

// Deps is what a Manager works with. GatewayURL is the address printed in front of /ai/<service>.
type Deps struct {
	Store      *store.Store
	Keeper     Keeper
	Router     Router
	Ports      Ports
	Usage      func([]procs.Status) map[string]procs.Usage
	OpenFiles  func([]procs.Status) map[string]int // by instance; may be nil
	Dirs       Dirs
	GatewayURL string
	Logger     *slog.Logger
	Machine    string // names the present start of the machine; found out when empty
}

// drainTime bounds how long an instance that left the gateway may finish its requests.
const drainTime = 30 * time.Second

// Manager makes wanted states true. Its methods are safe for concurrent use; those on one service take turns.
type Manager struct {
	Deps
	log    *slog.Logger
	prober *health.Prober
	locks  keyed
	told   chan health.Report
	failed chan string   // instances that have just failed
	jobs   chan struct{} // something about jobs is to be looked at
	done   chan struct{} // closed when Run ends: nobody hears verdicts any more

	mu        sync.Mutex
	instances map[string]*instance
	services  map[string]*service
	seen      map[string]procs.Status // the keeper's word on every instance, also on unknown ones
	gone      map[string]uint64       // removed instances: the number of the keeper's last word on them
	news      news
	cpu       map[string]cpuSample
	coming    map[string]int // services that are about to be started, and by how many
	events    Events
	hooks     *hooks
	open      map[string]store.Run // by instance: runs of daemons before this one, until their instances are taken up
	last      map[string]store.Run // by service and release: the last run that ended
	acted     map[string]time.Time // by service: up to when daemons before this one kept its schedule
	ended     []endedRun           // to be stored

	late sync.WaitGroup // services that are started when it is their turn
	life context.Context
	end  context.CancelFunc // ends life
}

// service is what routing needs to know of a service.
type service struct {
	wanted  store.Wanted
	release string
	waits   []string  // what it is to be started after and waits for
	waited  time.Time // when it had waited last
	held    bool      // a deploy has stopped the live instances to start others
	clock   *clock    // of a cron service that is wanted
	canary  *store.Canary
	shadow  *store.Shadow // asked for by hand; the manifest may ask for one, too
	// canaryUp is whether the canary got requests when it was last looked at.
	canaryUp bool
	slots    []*instance // by slot
}

// serving reports whether the service's instances may get requests at all.
func (s *service) serving() bool { return s.wanted == store.WantedRunning && !s.held }

// insert puts i in its place, instead of the one that had its slot.
func (s *service) insert(i *instance) {
	at, found := slices.BinarySearchFunc(s.slots, i.Slot, func(x *instance, slot int) int { return x.Slot - slot })
	if found {
		s.slots[at] = i
		return
	}
	s.slots = slices.Insert(s.slots, at, i)
}

// instance is one slot with all that is known of it.
type instance struct {
	store.Instance
	spec    procs.Spec
	policy  *health.Policy // nil without health checks
	route   gateway.Target
	status  procs.Status
	verdict health.Verdict
	reason  string
	since   time.Time // when this daemon took it up
	asked   bool      // its process was asked to end, so that another takes its place
	man     configs.Manifest
	times   schedule.Schedule // of a cron service
	run     *activeRun        // of a job, nil when it does not run
	outcome *store.Run        // how its last run ended, nil when it has not run in this start of the machine
	stored  <-chan struct{}   // closed once that is stored
}

// serves reports whether the gateway may send requests to i as to any live instance.
func (i *instance) serves() bool { return (i.Live || i.Purpose == store.PurposeRolling) && i.up() }

// up reports whether i could take requests.
func (i *instance) up() bool {
	return !i.job() && i.status.State == procs.StateRunning && i.verdict != health.Unhealthy
}

// New returns a manager; Run must be running for it to notice anything.
func New(d Deps) *Manager {
	if d.Machine == "" {
		d.Machine = thisStart()
	}
	m := &Manager{
		jobs: make(chan struct{}, 1), open: map[string]store.Run{}, last: map[string]store.Run{}, acted: map[string]time.Time{},
		Deps: d, log: d.Logger, told: make(chan health.Report, 256), failed: make(chan string, 256), done: make(chan struct{}),
		instances: map[string]*instance{}, services: map[string]*service{}, seen: map[string]procs.Status{}, gone: map[string]uint64{},
		news: news{}, cpu: map[string]cpuSample{}, hooks: newHooks(d.Logger), coming: map[string]int{},
	}
	m.life, m.end = context.WithCancel(context.Background())
	m.prober = health.NewProber(m.hear)
	return m
}

// Run carries verdicts to the keeper until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	defer m.prober.Close()
	defer close(m.done)
	defer m.hooks.start(ctx)()
	defer m.late.Wait()
	defer m.end()
	defer m.startJobs(ctx)()
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-m.failed:
			if err := m.sidestep(ctx, id); err != nil && ctx.Err() == nil {
				m.log.Warn("port not checked", "instance", id, "err", err)
			}
		case r := <-m.told:
			if err := m.tell(ctx, r); err != nil && ctx.Err() == nil && !passed(err) {
				m.log.Warn("verdict not delivered", "instance", r.ID, "err", err)
			}
		}
	}
}

// tell brings a verdict to the keeper. An unhealthy instance is restarted by its policy.
func (m *Manager) tell(ctx context.Context, r health.Report) error {
	v := procs.Verdict{ID: r.ID, PID: r.PID, Healthy: r.Verdict == health.Healthy, Reason: r.Reason}
	if err := m.Keeper.Verdict(ctx, v); err != nil || v.Healthy {
		return err
	}
	_, err := m.Keeper.RestartUnhealthy(ctx, r.ID, "unhealthy: "+r.Reason)
	return err
}

// passed tells errors about a process that is gone by now: its verdict does not matter any more.
func passed(err error) bool {
	return errors.Is(err, procs.ErrUnknownInstance) || errors.Is(err, procs.ErrStale) || errors.Is(err, procs.ErrNotRunning)
}

// hear takes a probe's report: routing acts on it at once, the keeper is told by Run.
func (m *Manager) hear(r health.Report) {
	r.Reason += m.elsewhere(r)
	m.mu.Lock()
	i, ok := m.instances[r.ID]
	if !ok || i.status.PID != r.PID {
		m.mu.Unlock()
		return
	}
	was := i.verdict
	i.verdict, i.reason = r.Verdict, r.Reason
	m.judged(i, was, r)
	m.publish(i.Service)
	m.mu.Unlock()
	if was != r.Verdict && r.Verdict != health.Starting {
		m.log.Info("instance "+string(r.Verdict), "instance", r.ID, "reason", r.Reason)
	}
	if r.Verdict == health.Starting {
		return
	}
	select {
	case m.told <- r:
	case <-m.done:
	}
}

// Observe takes the keeper's word on one instance: its news in the keeper's order, and answers to calls, which may
// overtake them.
func (m *Manager) Observe(s procs.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	removed := s.State == procs.StateRemoved
	last, known := m.seen[s.ID]
	switch {
	case removed && s.Seq == 0: // found missing by the client, after it had lost track
		s.Seq = last.Seq
	case s.Seq < last.Seq:
		return // an answer to a call overtook it
	case !known && s.Seq <= m.gone[s.ID] && m.gone[s.ID] > 0:
		return // the instance is gone since; one that takes its slot has words of its own
	}
	m.changes(last, s)
	if removed {
		delete(m.seen, s.ID)
		m.gone[s.ID] = max(s.Seq, m.gone[s.ID])
		return
	}
	m.seen[s.ID] = s
	delete(m.gone, s.ID)
	if i, ok := m.instances[s.ID]; ok {
		m.take(i, s)
	}
}

// take applies the keeper's word to i. Called with the lock held.
func (m *Manager) take(i *instance, s procs.Status) {
	if s.PID != i.status.PID {
		i.verdict, i.reason = "", ""
	}
	was := i.status.State
	i.status = s
	if s.State != was && (s.State == procs.StateBackoff || s.State == procs.StateFatal) {
		select {
		case m.failed <- i.ID:
		default: // so many fail at once that a port is not the reason
		}
	}
	alive := s.PID != 0 && (s.State == procs.StateStarting || s.State == procs.StateRunning || s.State == procs.StateUnhealthy)
	if alive && i.policy != nil {
		m.prober.Watch(health.Target{ID: i.ID, PID: s.PID, Addr: i.route.Addr, Policy: *i.policy})
	} else {
		m.prober.Forget(i.ID)
	}
	m.settle(i)
	m.publish(i.Service)
}

// publish makes the gateway's route of a service what the instances' states say. Called with the lock held.
func (m *Manager) publish(name string) {
	m.news.tell(name)
	svc, ok := m.services[name]
	if !ok {
		m.Router.RemoveRoute(name)
		return
	}
	route := gateway.Route{Service: name}
	for _, i := range svc.slots {
		if i.Live {
			route.Record, route.Gateway = i.man.Record, i.man.Gateway
		}
		if svc.serving() && i.serves() {
			route.Targets = append(route.Targets, i.route)
		}
	}
	if len(route.Targets) == 0 {
		var state procs.State
		state, route.Reason = svc.summary()
		route.Coming = svc.wanted == store.WantedRunning && state != procs.StateStopped && state != procs.StateFatal
	}
	if i := svc.live(); i != nil && i.job() {
		route.Reason, route.Never, route.Record.Mode = i.noRequests(), true, "off"
		m.wakeJobs()
	}
	route.Canary, route.Shadow = m.canaryRoute(svc), svc.shadowRoute()
	if err := m.Router.SetRoute(route); err != nil {
		m.log.Warn("recording without bodies", "service", name, "err", err)
	}
}

// keyed is one lock per name.
type keyed struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex
}

// lock takes the lock of name and returns its release.
func (k *keyed) lock(name string) func() {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[string]*sync.Mutex{}
	}
	l, ok := k.locks[name]
	if !ok {
		l = new(sync.Mutex)
		k.locks[name] = l
	}
	k.mu.Unlock()
	l.Lock()
	return l.Unlock
}
