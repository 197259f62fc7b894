package services

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aictl/configs"
	"aictl/store"
)

// wakeJobs has the jobs looked at now.
func (m *Manager) wakeJobs() {
	select {
	case m.jobs <- struct{}{}:
	default:
	}
}

// startJobs keeps schedules and timeouts and stores how runs end, until ctx ends; wait returns when it has ended.
func (m *Manager) startJobs(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				m.storeEnds(context.WithoutCancel(ctx))
				return
			case <-timer.C:
			case <-m.jobs:
			}
			left := m.storeEnds(ctx)
			timer.Reset(min(left, m.lookAtJobs(time.Now())))
		}
	}()
	return func() { <-done }
}

// storeEnds stores how runs have ended, and says when to try again.
func (m *Manager) storeEnds(ctx context.Context) (again time.Duration) {
	m.mu.Lock()
	ended := m.ended
	m.ended = nil
	m.mu.Unlock()
	var failed []endedRun
	for _, run := range ended {
		_, err := m.Store.FinishRun(ctx, run.Run)
		if run.over != nil {
			close(run.over)
			run.over = nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) { // not found: its service is removed
			m.log.Error("the end of a run is not stored", "service", run.Service, "run", run.ID, "err", err)
			failed = append(failed, run)
		}
	}
	if len(failed) == 0 {
		return time.Hour
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = append(failed, m.ended...)
	return clockGlance
}

// lookAtJobs starts what is due, stops what takes too long, and says when to look again.
func (m *Manager) lookAtJobs(now time.Time) (wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wait = time.Hour
	for name, s := range m.services {
		i := s.live()
		if i == nil || !i.cron() || s.wanted != store.WantedRunning || i.status.State == "" {
			s.clock = nil
		} else if next := m.lookAt(name, s, i, now); !next.IsZero() {
			wait = min(wait, clockGlance, max(next.Sub(now), time.Millisecond))
		}
		for _, i := range s.slots {
			if left, timed := i.timeLeft(now); timed && left <= 0 {
				i.run.begun = time.Time{}
				m.late.Go(func() { m.stopLate(m.life, i.ID) })
			} else if timed {
				wait = min(wait, left)
			}
		}
	}
	return wait
}

// lookAt starts the run of a cron service that is due and returns when the next one is. Called with the lock held.
func (m *Manager) lookAt(name string, s *service, i *instance, now time.Time) time.Time {
	if s.clock == nil || s.clock.release != i.Release {
		s.clock = &clock{release: i.Release, times: i.times, since: now}
		if acted, before := m.acted[name]; before {
			s.clock.since = takenUp(acted, now, i.man.CatchUp)
			delete(m.acted, name)
		}
	}
	g := look(s.clock.times.Next, s.clock.since, now)
	s.clock.since, s.clock.next = g.since, g.next
	if c := s.clock; !g.due.IsZero() && !c.busy {
		c.busy = true // one that waits for its turn stands for all that are due meanwhile
		m.late.Go(func() {
			m.runDue(m.life, name, i.ID, g.due)
			m.mu.Lock()
			defer m.mu.Unlock()
			c.busy = false
		})
	}
	return g.next
}

// timeLeft is how long i's run may still take; timed is false when that has no bound or it is being stopped.
func (i *instance) timeLeft(now time.Time) (left time.Duration, timed bool) {
	if i.run == nil || i.run.begun.IsZero() || i.run.Ending != "" || i.man.Timeout <= 0 {
		return 0, false
	}
	return time.Duration(i.man.Timeout) - now.Sub(i.run.begun), true
}

func (m *Manager) stopLate(ctx context.Context, id string) {
	if err := m.stopRun(ctx, id, store.EndingTimeout); err != nil && ctx.Err() == nil {
		m.log.Error("run not stopped after its timeout", "instance", id, "err", err)
	}
}

// runDue runs a cron service that is due, unless its last run is under way and is to be left alone.
func (m *Manager) runDue(ctx context.Context, name, id string, due time.Time) {
	defer m.locks.lock(name)()
	m.mu.Lock()
	i, ok := m.instances[id]
	if !ok || !i.Live || m.entry(name).wanted != store.WantedRunning {
		m.mu.Unlock()
		return
	}
	runs, replace := i.run != nil, i.man.Concurrency == configs.ConcurrencyReplace
	m.mu.Unlock()
	var err error
	switch {
	case runs && !replace:
		err = m.skip(ctx, i, due)
	case runs:
		err = m.stopRun(ctx, id, store.EndingReplace)
	}
	if err == nil && (!runs || replace) {
		_, err = m.launchRun(ctx, id, store.TriggerSchedule, due)
	}
	if err != nil && ctx.Err() == nil {
		m.log.Error("run not started", "service", name, "due", due, "err", err)
	}
}

// skip tells of a run that was due while the last one was under way; the first of them is stored.
func (m *Manager) skip(ctx context.Context, i *instance, due time.Time) error {
	m.mu.Lock()
	run := store.Run{
		Service: i.Service, Release: i.Release, Trigger: store.TriggerSchedule, State: store.RunSkipped, Machine: m.Machine,
		DueAt: due, StartedAt: time.Now(), Reason: "the last run was still under way",
	}
	first := false
	if i.run != nil {
		i.run.skips++
		first = i.run.skips == 1
		run.Reason = fmt.Sprintf("run %d was still under way", i.run.ID)
	}
	m.mu.Unlock()
	if first {
		var err error
		if run, err = m.Store.BeginRun(ctx, run); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tellRun(EventJobSkipped, run)
	return nil
}

// RunNow runs a job at once and returns when it has been started.
func (m *Manager) RunNow(ctx context.Context, name string) (store.Run, error) {
	defer m.locks.lock(name)()
	if _, _, err := m.loadLive(ctx, name); err != nil {
		return store.Run{}, err
	}
	m.mu.Lock()
	i := m.entry(name).live()
	m.mu.Unlock()
	if i == nil || !i.job() {
		return store.Run{}, fmt.Errorf("run %s: %w: it runs all the time; use `aictl start`, or kind: oneshot in its manifest", name, ErrNotJob)
	}
	return m.launchRun(ctx, i.ID, store.TriggerUser, time.Time{})
}

// AwaitRun returns a run of a service once it has ended, or as it is when ctx ends.
func (m *Manager) AwaitRun(ctx context.Context, name string, id int64) (store.Run, error) {
	changed, done := m.follow(name)
	defer done()
	look := time.NewTicker(time.Second) // at an end that could not be stored at once
	defer look.Stop()
	told := false
	for {
		run, err := m.Store.Run(context.WithoutCancel(ctx), id)
		if err == nil && run.Service != name {
			err = fmt.Errorf("run %d is none of %s: %w", id, name, store.ErrNotFound)
		}
		if err != nil || run.Ended() {
			return run, err
		}
		var over <-chan struct{}
		m.mu.Lock()
		if i, ok := m.instances[run.Instance]; ok && i.run != nil && i.run.ID == id {
			over = i.run.over
		} else if ok && !told {
			over = i.stored
		}
		m.mu.Unlock()
		select {
		case <-over:
			told = true
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
			return run, nil
		}
	}
}

// Runs lists the last n runs of a service, the newest first.
func (m *Manager) Runs(ctx context.Context, name string, n int) ([]store.Run, error) {
	if _, err := m.Store.Service(ctx, name); err != nil {
		return nil, fmt.Errorf("service %s: %w", name, err)
	}
	return m.Store.Runs(ctx, name, n)
}
