package services

import (
	"context"
	"fmt"
	"time"

	"aictl/configs"
	"aictl/store"
)

// loadRuns reads what is known of jobs before their instances are taken up.
func (m *Manager) loadRuns(ctx context.Context, all []stored) error {
	open, err := m.Store.OpenRuns(ctx)
	if err != nil {
		return err
	}
	last, err := m.Store.LastRuns(ctx)
	if err != nil {
		return err
	}
	acted, err := m.Store.LastDues(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, run := range open {
		m.open[run.Instance] = run
	}
	for _, run := range last {
		if run.Ended() {
			m.last[lastKey(run.Service, run.Release)] = run
		}
	}
	for _, s := range all {
		svc := s.svc
		if svc.Wanted != store.WantedRunning {
			continue
		}
		m.acted[svc.Name] = svc.UpdatedAt // before, it was stopped or another release
		if acted[svc.Name].After(svc.UpdatedAt) {
			m.acted[svc.Name] = acted[svc.Name]
		}
	}
	return nil
}

// takeUpRun gives an instance the run that a daemon before this one began, or how its last one ended. Called with the
// lock held.
func (m *Manager) takeUpRun(i *instance) {
	if run, ok := m.open[i.ID]; ok {
		delete(m.open, i.ID)
		i.run = &activeRun{Run: run, known: true, begun: run.StartedAt, over: make(chan struct{})}
		return
	}
	if last, ok := m.last[lastKey(i.Service, i.Release)]; ok && last.Machine == m.Machine {
		i.outcome = &last
	}
}

// closeRuns ends the runs that nothing is left of: their instances are gone, or unknown to the keeper.
func (m *Manager) closeRuns() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	lost := func(r store.Run) store.Run {
		r.State, r.EndedAt, r.Reason = store.RunUnknown, now, "nobody saw how it ended"
		return asWished(r, 0)
	}
	for id, run := range m.open {
		m.ended = append(m.ended, endedRun{Run: lost(run)})
		delete(m.open, id)
	}
	for _, i := range m.instances {
		if i.run == nil {
			continue
		}
		if i.status.State == "" {
			m.endRun(i, lost(i.run.Run))
			continue
		}
		m.settle(i)
	}
	m.wakeJobs()
}

// boots reports whether i is to run because the machine was started: a oneshot that has not run since.
func (i *instance) boots() bool {
	return i.man.Kind == configs.KindOneshot && i.run == nil && i.outcome == nil && i.status.PID == 0
}

// bootJob runs a oneshot that has not run since the machine was started. Called with the service's lock held.
func (m *Manager) bootJob(ctx context.Context, name string) error {
	m.mu.Lock()
	i := m.entry(name).live()
	due := i != nil && i.boots()
	m.mu.Unlock()
	if !due {
		return nil
	}
	if _, err := m.launchRun(ctx, i.ID, store.TriggerBoot, time.Time{}); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// startJob runs a oneshot that does not run. A cron service waits for its time. Called with the service's lock held.
func (m *Manager) startJob(ctx context.Context, i *instance, trigger string) error {
	m.mu.Lock()
	runs := i.run != nil
	m.mu.Unlock()
	if runs || i.cron() {
		return nil
	}
	_, err := m.launchRun(ctx, i.ID, trigger, time.Time{})
	return err
}

// restartJob ends a run that is under way and begins another; a oneshot runs in any case.
func (m *Manager) restartJob(ctx context.Context, i *instance) error {
	m.mu.Lock()
	runs := i.run != nil
	m.mu.Unlock()
	if err := m.stopRun(ctx, i.ID, store.EndingStop); err != nil {
		return err
	}
	if i.cron() && !runs {
		return nil
	}
	_, err := m.launchRun(ctx, i.ID, store.TriggerUser, time.Time{})
	return err
}

// letRun gives a run of a release that another has followed the time until ctx ends. It does not wait for one that is
// stopped by wish, nor for that of a candidate.
func (m *Manager) letRun(ctx context.Context, id string) {
	m.mu.Lock()
	i, ok := m.instances[id]
	if !ok || i.run == nil || i.run.Ending != "" || i.run.Trigger == store.TriggerDeploy || m.entry(i.Service).wanted != store.WantedRunning {
		m.mu.Unlock()
		return
	}
	over := i.run.over
	m.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// liveJob is the live instance of a job, nil for a service that runs all the time.
func (m *Manager) liveJob(name string) *instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.entry(name).live(); i != nil && i.job() {
		return i
	}
	return nil
}
