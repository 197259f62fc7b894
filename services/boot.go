package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
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
	all, err := m.Store.Services(ctx, "", 0)
	if err != nil {
		return fmt.Errorf("read services: %w", err)
	}
	known := m.bootAll(ctx, all)
	for _, svc := range all {
		if svc.Wanted == store.WantedRunning && m.takesTurn(svc.Name) {
			m.late.Go(func() { m.bootLate(m.life, svc.Name) })
		}
	}
	return m.removeUnknown(ctx, known)
}

// bootWidth is how many services are taken up at a time: each waits for the database and the keeper in turn.
const bootWidth = 8

// bootAll takes up the services and returns the ids of their instances.
func (m *Manager) bootAll(ctx context.Context, all []store.Service) map[string]bool {
	var mu sync.Mutex
	known := map[string]bool{}
	var boots errgroup.Group
	boots.SetLimit(bootWidth)
	for _, svc := range all {
		boots.Go(func() error {
			ids, err := m.bootService(ctx, svc)
			if err != nil {
				m.log.Error("service not started", "service", svc.Name, "err", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				known[id] = true
			}
			return err
		})
	}
	if err := boots.Wait(); err != nil {
		m.log.Warn("not every service could be taken up", "first", err)
	}
	return known
}

// takesTurn reports whether a service that does not run is to be started after others.
func (m *Manager) takesTurn(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.services[name].live()
	return i != nil && len(i.after) > 0 && i.status.PID == 0
}

func (m *Manager) bootService(ctx context.Context, svc store.Service) ([]string, error) {
	defer m.locks.lock(svc.Name)()
	m.remember(svc)
	rows, err := m.Store.Instances(ctx, svc.Name, "")
	if err != nil {
		return nil, fmt.Errorf("read instances: %w", err)
	}
	var live []store.Instance
	for _, row := range rows {
		if row.Live {
			live = append(live, row)
			continue
		}
		m.log.Info("removing a slot left by an unfinished deploy", "instance", row.ID)
		if err := m.discard(ctx, row.ID); err != nil {
			return nil, err
		}
	}
	ids := make([]string, 0, len(live))
	for _, row := range live {
		ids = append(ids, row.ID)
	}
	if svc.Release == "" || len(live) == 0 {
		return ids, nil
	}
	rel, err := m.Store.Release(ctx, svc.Name, svc.Release)
	if err != nil {
		return ids, fmt.Errorf("read release %s: %w", svc.Release, err)
	}
	runs := !slices.ContainsFunc(live, func(row store.Instance) bool { return !m.runs(row.ID) })
	err = m.apply(ctx, svc, rel, live, runs && svc.Wanted == store.WantedRunning)
	if err != nil || runs || svc.Wanted != store.WantedRunning {
		return ids, err
	}
	if m.takesTurn(svc.Name) {
		return ids, nil
	}
	if err := m.rebase(ctx, svc, rel); err != nil {
		return ids, err
	}
	// Applied again rather than started: what failed before this daemon came keeps its backoff.
	return ids, m.apply(ctx, svc, rel, m.liveRows(svc.Name), true)
}

// runs reports whether the keeper has told of a process of an instance.
func (m *Manager) runs(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[id].PID != 0
}

// bootLate starts a service once it is its turn, unless it is not wanted any more.
func (m *Manager) bootLate(ctx context.Context, name string) {
	err := m.awaitTurn(ctx, name)
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
	if err := m.rebase(ctx, svc, rel); err != nil {
		return err
	}
	return m.apply(ctx, svc, rel, m.liveRows(name), true)
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
	man, err := manifestOf(rel)
	if err != nil {
		return err
	}
	specs := make([]procs.Spec, 0, len(rows))
	m.mu.Lock()
	for _, row := range rows {
		spec := compose(svc, rel, man, row, m.Dirs)
		specs = append(specs, spec)
		m.register(row, spec, man)
	}
	m.publish(svc.Name)
	m.mu.Unlock()
	if err := m.results(m.Keeper.ApplyAll(ctx, specs, procs.ApplyOptions{Start: start})); err != nil {
		return fmt.Errorf("hand %s to the keeper: %w", svc.Name, err)
	}
	return nil
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
		route:  gateway.Target{Instance: row.ID, Release: row.Release, Addr: net.JoinHostPort(host, strconv.Itoa(row.Port))},
		record: gateway.Route{Record: man.Record}, hooks: man.Hooks.On, after: man.After,
	}
	if !man.Health.Disabled {
		i.policy = policyOf(man.Health)
	}
	m.instances[row.ID] = i
	m.entry(row.Service).insert(i)
	if s, ok := m.seen[row.ID]; ok {
		m.take(i, s)
	}
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
		i.Live, i.asked = false, i.status.PID != 0
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
	if err := m.Store.DeleteInstance(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("forget %s: %w", id, err)
	}
	if err := m.Ports.Release(ctx, id); err != nil {
		return fmt.Errorf("give back the port of %s: %w", id, err)
	}
	return nil
}

// forget drops an instance from watch. Called with the lock held.
func (m *Manager) forget(id string) {
	m.prober.Forget(id)
	if i, ok := m.instances[id]; ok {
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
	if err := m.Router.Drain(ctx, id); err != nil {
		m.log.Warn("requests cut by the end of the drain time", "instance", id, "err", err)
	}
}
