package services

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aictl/procs"
	"aictl/store"
)

// Start makes a service wanted and starts its live instances, after the services that it is to be started after and
// that are started, too; a fatal one gets a fresh count. It returns when all of
// them run and are healthy, or one has failed.
func (m *Manager) Start(ctx context.Context, name string) error {
	if err := m.awaitTurn(ctx, name, false); err != nil {
		return err
	}
	if err := m.spawn(ctx, name); err != nil {
		return err
	}
	return m.up(ctx, name)
}

// up waits for the live instances of a service without holding its lock, so that it can be stopped meanwhile. One that
// ran all along may have been restarted at some time before.
func (m *Manager) up(ctx context.Context, name string) error {
	ids := m.liveIDs(name)
	err := m.awaitUp(ctx, ids, m.restarts(ids), nil)
	if err != nil && errors.Is(err, ErrNotHealthy) && ctx.Err() == nil {
		return fmt.Errorf("%w; see `aictl logs %s`", err, name)
	}
	return err
}

func (m *Manager) restarts(ids []string) map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := make(map[string]int, len(ids))
	for _, id := range ids {
		if i, ok := m.instances[id]; ok {
			n[id] = i.status.Restarts
		}
	}
	return n
}

// spawn starts the live instances of a service and returns once the keeper has spawned them.
func (m *Manager) spawn(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	svc, rel, err := m.loadLive(ctx, name)
	if err != nil {
		return err
	}
	if err := m.want(ctx, name, store.WantedRunning); err != nil {
		return err
	}
	if err := m.rebase(ctx, svc, rel); err != nil {
		return err
	}
	if svc.Wanted != store.WantedRunning {
		m.tellService(EventServiceStarted, name, nil)
	}
	if i := m.liveJob(name); i != nil {
		return m.startJob(ctx, i, store.TriggerUser)
	}
	return m.results(m.Keeper.StartAll(ctx, m.runIDs(name)))
}

// rebase moves instances that do not run, and whose port a stranger has taken meanwhile, to another port.
func (m *Manager) rebase(ctx context.Context, svc store.Service, rel store.Release) error {
	for _, row := range m.liveRows(svc.Name) {
		if _, err := m.move(ctx, svc, rel, row); err != nil {
			return err
		}
	}
	return nil
}

// move gives an instance another port when a stranger listens on its own. One that runs stays where it is.
func (m *Manager) move(ctx context.Context, svc store.Service, rel store.Release, row store.Instance) (moved bool, err error) {
	m.mu.Lock()
	i, ok := m.instances[row.ID]
	stays := !ok || i.status.PID != 0 || i.job()
	m.mu.Unlock()
	if stays {
		return false, nil
	}
	port, err := m.Ports.Acquire(ctx, row.ID)
	if err != nil {
		return false, err // it names the instance
	}
	if port == row.Port {
		return false, nil
	}
	m.log.Warn("port is held by a stranger, moved", "instance", row.ID, "from", row.Port, "to", port)
	row.Port = port
	if err := m.Store.SetInstancePort(ctx, row.ID, port); err != nil {
		return false, fmt.Errorf("port for %s: %w", row.ID, err)
	}
	return true, m.apply(ctx, svc, rel, []store.Instance{row}, false)
}

// sidestep starts an instance of a service's live release, canary or shadow that failed because a stranger has its port on another one: it would fail for ever.
func (m *Manager) sidestep(ctx context.Context, id string) error {
	name, _, _ := strings.Cut(id, "/")
	defer m.locks.lock(name)()
	rows := slices.DeleteFunc(append(m.liveRows(name), m.trialRows(name)...), func(row store.Instance) bool { return row.ID != id })
	if len(rows) == 0 {
		return nil
	}
	svc, rel, err := m.load(ctx, name, rows[0].Release)
	if err != nil || svc.Wanted != store.WantedRunning {
		return err
	}
	moved, err := m.move(ctx, svc, rel, rows[0])
	if err != nil || !moved {
		return err
	}
	return m.results(m.Keeper.StartAll(ctx, []string{id}))
}

func (m *Manager) loadLive(ctx context.Context, name string) (store.Service, store.Release, error) {
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return svc, store.Release{}, fmt.Errorf("service %s: %w", name, err)
	}
	if svc.Release == "" {
		return svc, store.Release{}, fmt.Errorf("%s: %w: deploy it with `aictl deploy`", name, ErrNoRelease)
	}
	return m.load(ctx, name, svc.Release)
}

// Stop takes a service out of the gateway, lets its requests end and stops its instances in parallel.
func (m *Manager) Stop(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if err := m.want(ctx, name, store.WantedStopped); err != nil {
		return err
	}
	ids := m.runIDs(name)
	m.askRun(ctx, store.EndingStop, ids...)
	m.drainAll(ctx, ids)
	err = m.results(m.Keeper.StopAll(ctx, ids, true))
	if err == nil && svc.Wanted == store.WantedRunning {
		m.tellService(EventServiceStopped, name, nil)
	}
	return err
}

// want stores the wanted state and lets routing know it.
func (m *Manager) want(ctx context.Context, name string, w store.Wanted) error {
	if err := m.Store.SetWanted(ctx, name, w); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(name).wanted = w
	m.publish(name)
	return nil
}

func (m *Manager) drainAll(ctx context.Context, ids []string) {
	done := make(chan struct{})
	for _, id := range ids {
		go func() {
			m.drain(ctx, id)
			done <- struct{}{}
		}()
	}
	for range ids {
		<-done
	}
}

// Restart restarts the live instances one after another, each healthy again before the next, so that a service with
// replicas keeps serving. A stopped service is started.
func (m *Manager) Restart(ctx context.Context, name string) error {
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if svc.Wanted == store.WantedStopped || svc.Release == "" {
		return m.Start(ctx, name)
	}
	for _, id := range m.liveIDs(name) {
		if err := m.restartOne(ctx, name, id); err != nil {
			return err
		}
		if err := m.up(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) restartOne(ctx context.Context, name, id string) error {
	defer m.locks.lock(name)()
	if i := m.liveJob(name); i != nil {
		return m.restartJob(ctx, i)
	}
	m.ask(id)
	s, err := m.Keeper.RestartWait(ctx, id, "asked by the user")
	if err != nil {
		return fmt.Errorf("restart %s: %w", id, err)
	}
	m.Observe(s)
	return nil
}

// Scale sets the number of instances of a service by hand; the manifest's replicas no longer apply to it.
func (m *Manager) Scale(ctx context.Context, name string, n int) error {
	defer m.locks.lock(name)()
	svc, rel, err := m.loadLive(ctx, name)
	if err != nil {
		return err
	}
	if i := m.liveJob(name); i != nil && n != 1 {
		return fmt.Errorf("scale %s to %d: %w: it is a %s service; to keep it from running, use `aictl stop`", name, n, ErrOneAtATime, i.man.Kind)
	}
	if ids := m.liveIDs(name); n < len(ids) {
		err = m.Retire(ctx, ids[n:])
	} else {
		err = m.grow(ctx, svc, rel, n-len(ids))
	}
	if err != nil {
		return fmt.Errorf("scale %s: %w", name, err)
	}
	if err := m.Store.SetReplicas(ctx, name, n, true); err != nil {
		return err
	}
	m.tellService(EventServiceScaled, name, map[string]string{"replicas": strconv.Itoa(n), "before": strconv.Itoa(svc.Replicas)})
	return nil
}

// grow adds n live instances. What could not be started is taken back.
func (m *Manager) grow(ctx context.Context, svc store.Service, rel store.Release, n int) error {
	rows, err := m.allot(ctx, svc.Name, rel.ID, n, true, true)
	if err == nil {
		err = m.apply(ctx, svc, rel, rows, svc.Wanted == store.WantedRunning)
	}
	if err != nil {
		return errors.Join(err, m.discardAll(context.WithoutCancel(ctx), rows))
	}
	return nil
}

// Remove stops a service and forgets it. Its records stay.
func (m *Manager) Remove(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	rows, err := m.Store.Instances(ctx, name, "")
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if err := m.want(ctx, name, store.WantedStopped); err != nil {
		return err
	}
	if err := m.discardAll(ctx, rows); err != nil {
		return err
	}
	if err := m.Store.DeleteService(ctx, name); err != nil {
		return fmt.Errorf("forget %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.services, name)
	m.publish(name)
	m.emit(Event{Kind: EventServiceRemoved, Service: name})
	return nil
}

// Signal sends a signal to every running live instance's process group.
func (m *Manager) Signal(ctx context.Context, name, signal string) error {
	if _, err := m.Store.Service(ctx, name); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	var errs []error
	for _, id := range m.liveIDs(name) {
		if err := m.Keeper.SignalGroup(ctx, id, signal); err != nil {
			errs = append(errs, fmt.Errorf("signal %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// liveIDs are the live instances of a service by slot.
func (m *Manager) liveIDs(name string) []string {
	return ofLive(m, name, func(i *instance) string { return i.ID })
}

// liveRows are the live instances of a service by slot, as they are stored.
func (m *Manager) liveRows(name string) []store.Instance {
	return ofLive(m, name, func(i *instance) store.Instance { return i.Instance })
}

// liveSpecs are what the keeper is to run for the live instances of a service.
func (m *Manager) liveSpecs(name string) []procs.Spec {
	return ofLive(m, name, func(i *instance) procs.Spec { return i.spec })
}

// ofLive picks something of each live instance of a service, by slot.
func ofLive[T any](m *Manager, name string, pick func(*instance) T) (picked []T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.entry(name).slots {
		if i.Live {
			picked = append(picked, pick(i))
		}
	}
	return picked
}
