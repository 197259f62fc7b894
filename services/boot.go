package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"aictl/configs"
	"aictl/gateway"
	"aictl/health"
	"aictl/procs"
	"aictl/store"
)

// Boot makes the keeper run what the store says, and nothing else. Instances that already run unchanged are left
// alone; slots of deploys that never ended are removed. It is called once, after the keeper's first statuses came in.
func (m *Manager) Boot(ctx context.Context) error {
	all, err := m.stored(ctx)
	if err != nil {
		return err
	}
	if err := m.loadRuns(ctx, all); err != nil {
		return fmt.Errorf("read runs: %w", err)
	}
	known := m.bootAll(ctx, all)
	m.closeRuns()
	for _, s := range all {
		if s.svc.Wanted == store.WantedRunning && m.takesTurn(s.svc.Name) {
			m.late.Go(func() { m.bootLate(m.life, s.svc.Name) })
		}
	}
	return m.removeUnknown(ctx, known)
}

// stored is a service with what the store knows of it.
type stored struct {
	svc  store.Service
	rows []store.Instance
	rel  *store.Release // the live one, nil without

	trials trials // of all services
}

// stored reads all services at once: a query for each would take longer than to start them.
func (m *Manager) stored(ctx context.Context) ([]stored, error) {
	services, err := m.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	rows, err := m.Store.Instances(ctx, "", "")
	if err != nil {
		return nil, fmt.Errorf("read instances: %w", err)
	}
	live, err := m.Store.LiveReleases(ctx)
	if err != nil {
		return nil, fmt.Errorf("read releases: %w", err)
	}
	trials, err := m.storedTrials(ctx)
	if err != nil {
		return nil, fmt.Errorf("read canaries and shadows: %w", err)
	}
	rowsOf := map[string][]store.Instance{}
	for _, row := range rows {
		rowsOf[row.Service] = append(rowsOf[row.Service], row)
	}
	all := make([]stored, len(services))
	for k, svc := range services {
		all[k] = stored{svc: svc, rows: rowsOf[svc.Name], trials: trials}
		if rel, ok := live[svc.Name]; ok {
			all[k].rel = &rel
		}
	}
	return all, nil
}

const (
	// bootWidth is how many batches are taken up at a time: the next one's ports are looked at while the keeper starts one.
	bootWidth = 4
	// bootBatch is how many services are handed to the keeper together.
	bootBatch = 16
)

// bootAll takes up the services and returns the ids of their instances.
func (m *Manager) bootAll(ctx context.Context, all []stored) map[string]bool {
	known := map[string]bool{}
	for _, s := range all {
		for _, row := range s.rows {
			if row.Live || s.trials.keeps(row) {
				known[row.ID] = true
			}
		}
	}
	var boots errgroup.Group
	boots.SetLimit(bootWidth)
	for batch := range slices.Chunk(all, bootBatch) {
		boots.Go(func() error { return m.bootSome(ctx, batch) })
	}
	if err := boots.Wait(); err != nil {
		m.log.Warn("not every service could be taken up", "first", err)
	}
	return known
}

// bootSome takes up a few services: one call starts those that are to run, another registers the rest. The first error
// is returned, all of them are in the log.
func (m *Manager) bootSome(ctx context.Context, batch []stored) error {
	var first error
	failed := func(name string, err error) {
		if err == nil {
			return
		}
		m.log.Error("service not started", "service", name, "err", err)
		if first == nil {
			first = err
		}
	}
	specs := map[bool][]procs.Spec{} // by whether they are to be started
	for _, s := range batch {
		defer m.locks.lock(s.svc.Name)()
		start, err := m.takeUp(ctx, s)
		if failed(s.svc.Name, err); err == nil {
			specs[start] = append(append(specs[start], m.liveSpecs(s.svc.Name)...), m.trialSpecs(s.svc.Name)...)
		}
	}
	for start, some := range specs {
		// Applied rather than started: what failed before this daemon came keeps its backoff.
		results, err := m.Keeper.ApplyAll(ctx, some, procs.ApplyOptions{Start: start})
		for _, r := range results {
			failed(r.ID, m.results([]procs.Result{r}, nil))
		}
		if err != nil {
			failed(some[0].ID, fmt.Errorf("hand %d instances to the keeper: %w", len(some), err))
		}
	}
	return first
}

// takeUp puts the live instances of a service under watch, on ports that they can have, and says whether they are to be
// started now.
func (m *Manager) takeUp(ctx context.Context, s stored) (start bool, err error) {
	m.remember(s.svc)
	var live []store.Instance
	for _, row := range s.rows {
		if row.Live {
			live = append(live, row)
			continue
		}
		if s.trials.keeps(row) {
			continue
		}
		m.log.Info("removing a slot left by an unfinished deploy or trial", "instance", row.ID)
		if err := m.discard(ctx, row.ID); err != nil {
			return false, err
		}
	}
	if err := m.takeUpTrials(ctx, s); err != nil {
		return false, err
	}
	switch {
	case s.svc.Release == "" || len(live) == 0:
		return false, nil
	case s.rel == nil:
		return false, fmt.Errorf("read release %s: %w", s.svc.Release, store.ErrNotFound)
	}
	if _, err := m.enlist(s.svc, *s.rel, live); err != nil {
		return false, err
	}
	if m.liveJob(s.svc.Name) != nil {
		return false, nil // what runs is left alone; whether to run is not for the keeper to say
	}
	runs := !slices.ContainsFunc(live, func(row store.Instance) bool { return !m.runs(row.ID) })
	if s.svc.Wanted != store.WantedRunning || !runs && m.takesTurn(s.svc.Name) {
		return false, nil
	}
	return true, m.rebase(ctx, s.svc, *s.rel)
}

// takesTurn reports whether a service that does not run is to be started after others, or is a oneshot that is to run.
func (m *Manager) takesTurn(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.services[name].live()
	if i != nil && i.job() {
		return i.boots()
	}
	return i != nil && len(i.man.After) > 0 && i.status.PID == 0
}

// runs reports whether the keeper has told of a process of an instance.
func (m *Manager) runs(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[id].PID != 0
}

// bootLate starts a service once it is its turn, unless it is not wanted any more.
func (m *Manager) bootLate(ctx context.Context, name string) {
	err := m.awaitTurn(ctx, name, true)
	if err == nil {
		err = m.bootStart(ctx, name)
	}
	if err != nil && ctx.Err() == nil {
		m.log.Error("service not started", "service", name, "err", err)
	}
}

func (m *Manager) bootStart(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	svc, rel, err := m.loadLive(ctx, name)
	if errors.Is(err, store.ErrNotFound) || err == nil && svc.Wanted != store.WantedRunning {
		return nil
	}
	if err != nil {
		return err
	}
	if m.liveJob(name) != nil {
		return m.bootJob(ctx, name)
	}
	if err := m.rebase(ctx, svc, rel); err != nil {
		return err
	}
	if err := m.apply(ctx, svc, rel, m.liveRows(name), true); err != nil {
		return err
	}
	return m.results(m.Keeper.StartAll(ctx, m.trialIDs(name, lasting...)))
}

// removeUnknown takes from the keeper what no service owns.
func (m *Manager) removeUnknown(ctx context.Context, known map[string]bool) error {
	m.mu.Lock()
	var strangers []string
	for id := range m.seen {
		if !known[id] {
			strangers = append(strangers, id)
		}
	}
	m.mu.Unlock()
	if len(strangers) == 0 {
		return nil
	}
	slices.Sort(strangers)
	m.log.Info("removing instances that belong to no service", "instances", strangers)
	return m.takeAway(ctx, strangers)
}

// remember notes what routing needs of a service.
func (m *Manager) remember(svc store.Service) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.entry(svc.Name)
	s.wanted, s.release = svc.Wanted, svc.Release
	m.publish(svc.Name)
}

// entry is the service of that name, made when it is new. Called with the lock held.
func (m *Manager) entry(name string) *service {
	s, ok := m.services[name]
	if !ok {
		s = &service{wanted: store.WantedStopped}
		m.services[name] = s
	}
	return s
}

// apply registers instances of one release and hands them to the keeper, started or stopped.
func (m *Manager) apply(ctx context.Context, svc store.Service, rel store.Release, rows []store.Instance, start bool) error {
	specs, err := m.enlist(svc, rel, rows)
	if err != nil {
		return err
	}
	if err := m.results(m.Keeper.ApplyAll(ctx, specs, procs.ApplyOptions{Start: start})); err != nil {
		return fmt.Errorf("hand %s to the keeper: %w", svc.Name, err)
	}
	return nil
}

// enlist puts instances of one release under watch and says what the keeper is to run for them.
func (m *Manager) enlist(svc store.Service, rel store.Release, rows []store.Instance) ([]procs.Spec, error) {
	man, err := manifestOf(rel)
	if err != nil {
		return nil, err
	}
	specs := make([]procs.Spec, 0, len(rows))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range rows {
		spec := compose(svc, rel, man, row, m.Dirs)
		specs = append(specs, spec)
		m.register(row, spec, man)
	}
	m.publish(svc.Name)
	return specs, nil
}

// results notes the statuses that a call about many brought back and joins its errors.
func (m *Manager) results(all []procs.Result, err error) error {
	errs := []error{err}
	for _, r := range all {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.ID, r.Err))
		} else if r.Status.ID != "" {
			m.Observe(r.Status)
		}
	}
	return errors.Join(errs...)
}

// takeAway stops instances and has the keeper forget them; one it does not know is as good as gone.
func (m *Manager) takeAway(ctx context.Context, ids []string) error {
	all, err := m.Keeper.RemoveAll(ctx, ids)
	all = slices.DeleteFunc(all, func(r procs.Result) bool { return errors.Is(r.Err, procs.ErrUnknownInstance) })
	return m.results(all, err)
}

// register puts one instance under watch. Called with the lock held.
func (m *Manager) register(row store.Instance, spec procs.Spec, man configs.Manifest) {
	i := &instance{
		Instance: row, spec: spec, since: time.Now(),
		route: targetOf(row),
		man:   man,
	}
	if !man.Health.Disabled {
		i.policy = policyOf(man.Health)
	}
	if i.cron() {
		var err error
		if i.times, err = man.Times(); err != nil { // such as a time zone that this machine does not know
			m.log.Error("schedule not understood, it does not run", "service", row.Service, "err", err)
		}
	}
	if old, ok := m.instances[row.ID]; ok && old.job() {
		i.run, i.outcome, i.stored = old.run, old.outcome, old.stored
	} else if i.job() {
		m.takeUpRun(i)
	}
	m.instances[row.ID] = i
	m.entry(row.Service).insert(i)
	if s, ok := m.seen[row.ID]; ok {
		m.take(i, s)
	}
}

func targetOf(row store.Instance) gateway.Target {
	return gateway.Target{Instance: row.ID, Release: row.Release, Addr: net.JoinHostPort(host, strconv.Itoa(row.Port))}
}

func policyOf(h configs.Health) *health.Policy {
	return &health.Policy{
		Path: h.Path, Interval: time.Duration(h.Interval), Timeout: time.Duration(h.Timeout),
		StartPeriod: time.Duration(h.StartPeriod), Failures: h.Failures,
	}
}

// discard ends one slot for good: out of the gateway, drained, stopped, its port given back, its row gone.
func (m *Manager) discard(ctx context.Context, id string) error {
	m.mu.Lock()
	if i, ok := m.instances[id]; ok {
		i.Live, i.Purpose, i.asked = false, store.PurposeNone, i.status.PID != 0
		m.publish(i.Service)
	}
	m.mu.Unlock()
	m.drain(ctx, id)
	if err := m.takeAway(ctx, []string{id}); err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	m.mu.Lock()
	m.forget(id)
	m.mu.Unlock()
	// The port first: a row that is left is discarded by the next boot, a lease without a row would be left for good.
	if err := m.Ports.Release(ctx, id); err != nil {
		return fmt.Errorf("give back the port of %s: %w", id, err)
	}
	if err := m.Store.DeleteInstance(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("forget %s: %w", id, err)
	}
	return nil
}

// forget drops an instance from watch. Called with the lock held.
func (m *Manager) forget(id string) {
	m.prober.Forget(id)
	if i, ok := m.instances[id]; ok {
		if i.run != nil {
			gone := i.run.Run
			gone.State, gone.EndedAt, gone.Reason = store.RunStopped, time.Now(), "its instance was removed"
			m.endRun(i, gone)
		}
		s := m.entry(i.Service)
		s.slots = slices.DeleteFunc(s.slots, func(x *instance) bool { return x == i })
	}
	delete(m.instances, id)
	delete(m.seen, id)
	delete(m.cpu, id)
}

func (m *Manager) drain(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	m.letRun(ctx, id)
	if err := m.Router.Drain(ctx, id); err != nil {
		m.log.Warn("requests cut by the end of the drain time", "instance", id, "err", err)
	}
}
