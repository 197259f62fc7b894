package services

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"aictl/configs"
	"aictl/store"
)

// Errors of jobs that callers branch on.
var (
	// ErrNotJob is returned for what only a service that ends can do.
	ErrNotJob = errors.New("it is no job")
	// ErrRuns is returned when a run is asked for while the last is under way.
	ErrRuns = errors.New("a run is under way")
	// ErrNotDone is returned for a service that is to be started after a oneshot that has failed.
	ErrNotDone = errors.New("what it is to be started after has to succeed first")
	// ErrOneAtATime is returned when several instances of a job are asked for.
	ErrOneAtATime = errors.New("a job runs once at a time")
)

// activeRun is a run that is under way.
type activeRun struct {
	store.Run
	from  uint64    // the keeper's words from this one on are about it
	known bool      // from is known
	begun time.Time // when this daemon began it or took it up
	skips int       // runs that were due meanwhile
	over  chan struct{}
}

// endedRun is a run whose end is not stored yet.
type endedRun struct {
	store.Run
	over chan struct{} // nil once it is closed
}

// job reports whether i is of a service that ends.
func (i *instance) job() bool { return i.man.Job() }

// cron reports whether i runs by a schedule.
func (i *instance) cron() bool { return i.man.Kind == configs.KindCron }

// done reports whether the last run of i in this start of the machine has succeeded.
func (i *instance) done() bool {
	return i.run == nil && i.outcome != nil && i.outcome.State == store.RunSucceeded
}

// launchRun runs an instance of a job, which must not run. Called with the service's lock held.
func (m *Manager) launchRun(ctx context.Context, id, trigger string, due time.Time) (store.Run, error) {
	run, err := m.beginRun(ctx, id, trigger, due)
	if err != nil {
		return run, err
	}
	// Not to be cut off: what the keeper has begun to start is under way.
	all, err := m.Keeper.StartAll(context.WithoutCancel(ctx), []string{id})
	if err = m.results(all, err); err != nil {
		err = fmt.Errorf("start %s: %w", id, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.instances[id]
	if !ok || i.run == nil || i.run.ID != run.ID {
		return run, err
	}
	if err != nil {
		failed := i.run.Run
		failed.State, failed.EndedAt, failed.Reason = store.RunFailed, time.Now(), err.Error()
		m.endRun(i, failed)
		return failed, err
	}
	i.run.from, i.run.known = all[0].Status.Seq, true
	m.settle(i)
	return run, nil
}

// beginRun stores a run before it is started, so that none that has begun is ever forgotten.
func (m *Manager) beginRun(ctx context.Context, id, trigger string, due time.Time) (store.Run, error) {
	m.mu.Lock()
	i, ok := m.instances[id]
	if !ok {
		m.mu.Unlock()
		return store.Run{}, fmt.Errorf("%s was removed meanwhile: %w", id, store.ErrNotFound)
	}
	if i.run != nil {
		defer m.mu.Unlock()
		return store.Run{}, fmt.Errorf("%s: %w: run %d since %s", id, ErrRuns, i.run.ID, shownTime(i.run.StartedAt))
	}
	stored := i.stored
	m.mu.Unlock()
	if stored != nil {
		select {
		case <-stored:
		case <-ctx.Done():
			return store.Run{}, context.Cause(ctx)
		}
	}
	now := time.Now()
	run, err := m.Store.BeginRun(ctx, store.Run{
		Service: i.Service, Release: i.Release, Instance: id, Trigger: trigger, State: store.RunRunning,
		Machine: m.Machine, DueAt: due, StartedAt: now,
	})
	if err != nil {
		return run, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i.run, i.outcome = &activeRun{Run: run, begun: now, over: make(chan struct{})}, nil
	m.tellRun(EventJobStarted, run)
	m.publish(i.Service)
	m.wakeJobs()
	return run, nil
}

// settle ends i's run when the keeper's word says that it is over. Called with the lock held.
func (m *Manager) settle(i *instance) {
	if i.run == nil || !i.run.known || i.status.Seq < i.run.from {
		return
	}
	if ended, over := outcome(i.run.Run, i.status, time.Duration(i.man.Timeout), time.Now()); over {
		m.endRun(i, ended)
	}
}

// endRun notes the end of i's run and has it stored. Called with the lock held.
func (m *Manager) endRun(i *instance, ended store.Run) {
	i.stored = i.run.over
	m.ended = append(m.ended, endedRun{ended, i.run.over})
	i.run, i.outcome = nil, &ended
	m.last[lastKey(i.Service, i.Release)] = ended
	m.tellRun(eventOf(ended.State), ended)
	m.publish(i.Service)
	m.wakeJobs()
}

// tellRun publishes an event about a run. Called with the lock held.
func (m *Manager) tellRun(kind EventKind, r store.Run) {
	ev := Event{Kind: kind, Service: r.Service, Instance: r.Instance, Release: r.Release, Reason: r.Reason}
	ev.Fields = map[string]string{"run": strconv.FormatInt(r.ID, 10), "trigger": r.Trigger}
	if r.Code != nil {
		ev.Fields["code"] = strconv.Itoa(*r.Code)
	}
	if r.Signal != "" {
		ev.Fields["signal"] = r.Signal
	}
	if !r.EndedAt.IsZero() && r.State != store.RunSkipped {
		ev.Fields["seconds"] = strconv.FormatFloat(r.EndedAt.Sub(r.StartedAt).Seconds(), 'f', 3, 64)
	}
	m.emit(ev)
}

// askRun stores why the runs of instances are asked to end, before they are.
func (m *Manager) askRun(ctx context.Context, ending string, ids ...string) {
	for _, id := range ids {
		m.mu.Lock()
		i, ok := m.instances[id]
		if !ok || i.run == nil || i.run.Ending != "" {
			m.mu.Unlock()
			continue
		}
		i.run.Ending = ending
		run := i.run.ID
		m.mu.Unlock()
		if err := m.Store.MarkRun(ctx, run, ending); err != nil && !errors.Is(err, store.ErrNotFound) {
			m.log.Warn("why a run is stopped is not stored", "run", run, "err", err)
		}
	}
}

// stopRun ends the run of an instance and returns once that is stored.
func (m *Manager) stopRun(ctx context.Context, id, ending string) error {
	m.mu.Lock()
	i, ok := m.instances[id]
	if !ok || i.run == nil {
		m.mu.Unlock()
		return nil
	}
	over := i.run.over
	m.mu.Unlock()
	m.askRun(ctx, ending, id)
	if err := m.results(m.Keeper.StopAll(ctx, []string{id}, true)); err != nil {
		return fmt.Errorf("stop the run of %s: %w", id, err)
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lastKey is the key of the last run of a release.
func lastKey(service, release string) string { return service + "@" + release }

func shownTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
