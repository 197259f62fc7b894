package services

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aictl/configs"
	"aictl/health"
	"aictl/procs"
	"aictl/store"
)

// settle is how long candidates must stay up after the last of them turned healthy.
const settle = 250 * time.Millisecond

// Launch starts n candidates of a release beside whatever runs. They get no requests until Switch. What could not be
// started is taken back. Healthy instances of that release that get requests as a canary or beside the live ones are among them as they
// are: they need no start.
func (m *Manager) Launch(ctx context.Context, name, release string, n int) ([]store.Instance, error) {
	return m.launch(ctx, name, release, n, true)
}

// LaunchNew is Launch without those that get requests already.
func (m *Manager) LaunchNew(ctx context.Context, name, release string, n int) ([]store.Instance, error) {
	return m.launch(ctx, name, release, n, false)
}

func (m *Manager) launch(ctx context.Context, name, release string, n int, adopt bool) ([]store.Instance, error) {
	defer m.locks.lock(name)()
	svc, rel, man, err := m.loadWhole(ctx, name, release)
	if err != nil {
		return nil, err
	}
	m.remember(svc)
	var adopted []store.Instance
	if adopt {
		adopted = m.adoptable(name, release, n)
	}
	rows, err := m.allot(ctx, name, release, n-len(adopted), false, !man.Job())
	if err == nil {
		err = m.apply(ctx, svc, rel, rows, !man.Job())
	}
	if err == nil && (man.Kind == configs.KindOneshot || man.Kind == configs.KindCron && man.RunOnDeploy) {
		for _, row := range rows {
			_, err = m.launchRun(ctx, row.ID, store.TriggerDeploy, time.Time{})
		}
	}
	if err != nil {
		return nil, errors.Join(err, m.discardAll(context.WithoutCancel(ctx), rows))
	}
	return append(adopted, rows...), nil
}

func (m *Manager) load(ctx context.Context, name, release string) (store.Service, store.Release, error) {
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return svc, store.Release{}, fmt.Errorf("service %s: %w", name, err)
	}
	rel, err := m.Store.Release(ctx, name, release)
	if err != nil {
		return svc, rel, fmt.Errorf("release %s of %s: %w", release, name, err)
	}
	return svc, rel, nil
}

// loadWhole is load with the release's manifest.
func (m *Manager) loadWhole(ctx context.Context, name, release string) (svc store.Service, rel store.Release, man configs.Manifest, err error) {
	if svc, rel, err = m.load(ctx, name, release); err == nil {
		man, err = manifestOf(rel)
	}
	return svc, rel, man, err
}

// allot makes n new slots, with a port each unless they need none. On an error the rows made so far are returned with it.
func (m *Manager) allot(ctx context.Context, name, release string, n int, live, ports bool) ([]store.Instance, error) {
	rows, err := m.Store.AddInstances(ctx, name, release, n, live)
	if err != nil {
		return nil, fmt.Errorf("new slots for %s: %w", name, err)
	}
	if ports {
		err = m.lease(ctx, rows)
	}
	return rows, err
}

// lease gives each of rows a port.
func (m *Manager) lease(ctx context.Context, rows []store.Instance) (err error) {
	for k := range rows {
		row := &rows[k]
		if row.Port, err = m.Ports.Acquire(ctx, row.ID); err != nil {
			return err // it names the instance
		}
		if err := m.Store.SetInstancePort(ctx, row.ID, row.Port); err != nil {
			return fmt.Errorf("port for %s: %w", row.ID, err)
		}
	}
	return nil
}

// AwaitHealthy returns once every id is healthy and has stayed so for a moment. Its error says what went wrong with
// the first that failed. progress is told what is being waited for, when that changes.
func (m *Manager) AwaitHealthy(ctx context.Context, ids []string, progress func(string)) error {
	if err := m.awaitUp(ctx, ids, nil, progress); err != nil {
		return err
	}
	return m.settled(ctx, ids)
}

// awaitUp waits until every id runs and is healthy. Restarts that an instance had before do not count against it.
func (m *Manager) awaitUp(ctx context.Context, ids []string, before map[string]int, progress func(string)) error {
	changed, done := m.follow(servicesOf(ids)...)
	defer done()
	var last string
	for {
		waiting, err := m.candidates(ids, before)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			return nil
		}
		if s := strings.Join(waiting, ", "); s != last && progress != nil {
			last = s
			progress(s)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s: %w", ErrNotHealthy, strings.Join(waiting, ", "), context.Cause(ctx))
		}
	}
}

// settled watches healthy candidates for a moment: a process that dies right after its first good probe must not go live.
func (m *Manager) settled(ctx context.Context, ids []string) error {
	timer := time.NewTimer(settle)
	defer timer.Stop()
	changed, done := m.follow(servicesOf(ids)...)
	defer done()
	for {
		waiting, err := m.candidates(ids, nil)
		if err != nil {
			return err
		}
		if len(waiting) > 0 {
			return fmt.Errorf("%w: it was healthy once, then: %s", ErrNotHealthy, strings.Join(waiting, ", "))
		}
		select {
		case <-timer.C:
			return nil
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// candidates says what is still waited for, or why waiting is over.
func (m *Manager) candidates(ids []string, before map[string]int) (waiting []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		i, ok := m.instances[id]
		if !ok {
			return nil, fmt.Errorf("%w: %s was removed meanwhile", ErrNotHealthy, id)
		}
		if i.job() {
			runs, why := i.progress()
			if why != "" {
				return nil, fmt.Errorf("%w: %s %s", ErrNotHealthy, id, why)
			}
			if runs {
				waiting = append(waiting, id+" runs")
			}
			continue
		}
		if why := i.failed(before[id]); why != "" {
			return nil, fmt.Errorf("%w: %s %s", ErrNotHealthy, id, why)
		}
		if i.status.State != procs.StateRunning {
			waiting = append(waiting, id+" "+i.waitsFor())
		}
	}
	return waiting, nil
}

// failed says why an instance that was started by wish, and had restarts before, did not come up; "" while it still may.
// Any exit since then counts: a service that needs several attempts to come up is not one to switch to.
func (i *instance) failed(before int) string {
	s := i.status
	ended := s.Restarts > before || s.State == procs.StateBackoff || s.State == procs.StateFatal ||
		s.State == procs.StateStopped && s.LastExit != nil
	switch {
	case i.verdict == health.Unhealthy:
		return "is unhealthy: " + i.reason
	case ended && s.LastExit != nil:
		return describe(*s.LastExit)
	case ended:
		return "could not be started: " + s.Reason
	}
	return ""
}

// progress says whether the run of a job is waited for, or why it has failed. The first attempt that fails counts. A
// live cron service is not waited for: its runs are not the starts of it.
func (i *instance) progress() (runs bool, failed string) {
	switch {
	case i.cron() && i.Live:
		return false, ""
	case i.run != nil && i.status.State == procs.StateBackoff && i.status.LastExit == nil:
		return false, "could not be started: " + i.status.Reason
	case i.run != nil && i.status.LastExit != nil && (i.status.Restarts > 0 || i.status.State == procs.StateBackoff):
		return false, describe(*i.status.LastExit)
	case i.run != nil:
		return true, ""
	case i.outcome != nil && i.outcome.State != store.RunSucceeded:
		return false, i.outcome.Reason
	}
	return false, ""
}

func describe(e procs.Exit) string {
	how := fmt.Sprintf("exited with code %d", e.Code)
	switch {
	case e.Unknown:
		how = "exited"
	case e.OOM:
		how = "was " + e.OutOfMemory()
	case e.Signal != "":
		how = "was ended by signal " + e.Signal
	}
	if e.Uptime > 0 {
		how += fmt.Sprintf(" after %s", round(e.Uptime))
	}
	return how
}

func (i *instance) waitsFor() string {
	switch {
	case i.status.PID == 0:
		return "is being started"
	case i.policy == nil:
		return "is starting"
	case i.reason != "":
		return "waits for " + i.policy.Path + " (" + i.reason + ")"
	}
	return "waits for " + i.policy.Path
}

// Launched is when this daemon took up an instance, the zero time when there is none. Its log may go back further: to
// earlier instances that had the same slot.
func (m *Manager) Launched(id string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := m.instances[id]; ok {
		return i.since
	}
	return time.Time{}
}

// Switch makes a release live: its candidates get all new requests from one moment to the next. It returns the
// instances that were live before, and those of the canary, which ends, still running, for Retire. A candidate that is not healthy any more is an error.
func (m *Manager) Switch(ctx context.Context, name, release string, ids []string) ([]store.Instance, error) {
	defer m.locks.lock(name)()
	if waiting, err := m.candidates(ids, nil); err != nil {
		return nil, err
	} else if len(waiting) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotHealthy, strings.Join(waiting, ", "))
	}
	if err := m.setLive(ctx, name, release, m.adopted(ids)); err != nil {
		return nil, fmt.Errorf("make %s live: %w", release, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var old []store.Instance
	s := m.entry(name)
	for _, i := range s.slots {
		if slices.Contains(ids, i.ID) {
			i.Live, i.Purpose = true, store.PurposeNone
		} else if i.Live {
			i.Live = false
			old = append(old, i.Instance)
		}
	}
	old = append(old, m.endTrials(s, release)...)
	s.wanted, s.release, s.held = store.WantedRunning, release, false
	m.publish(name)
	return old, nil
}

// setLive makes a release the live one of a service, which from now on is wanted.
func (m *Manager) setLive(ctx context.Context, name, release string, adopted []int) error {
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return err
	}
	if err := m.Store.SetRelease(ctx, name, release, svc.Release, adopted...); err != nil {
		return err
	}
	return m.Store.SetWanted(ctx, name, store.WantedRunning)
}

// adopted are the slots of those of some instances that got requests before they were live.
func (m *Manager) adopted(ids []string) (slots []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if i, ok := m.instances[id]; ok && (i.Purpose == store.PurposeCanary || i.Purpose == store.PurposeRolling) {
			slots = append(slots, i.Slot)
		}
	}
	return slots
}

// mortal are the purposes of instances that a deploy may end.
var mortal = []store.Purpose{store.PurposeNone, store.PurposeCandidate, store.PurposeRolling}

// Retire ends instances: drained, stopped, forgotten, in parallel. Those of a canary or a shadow stay: a deploy that was
// to make them live and failed does not end them.
func (m *Manager) Retire(ctx context.Context, ids []string) error {
	var rows []store.Instance
	m.mu.Lock()
	for _, id := range ids {
		if i, ok := m.instances[id]; !ok || slices.Contains(mortal, i.Purpose) {
			rows = append(rows, store.Instance{ID: id})
		}
	}
	m.mu.Unlock()
	return m.discardAll(ctx, rows)
}

func (m *Manager) discardAll(ctx context.Context, rows []store.Instance) error {
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	for k, row := range rows {
		wg.Go(func() { errs[k] = m.discard(ctx, row.ID) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// StopLive stops the live instances without forgetting them, for a deploy that cannot run two releases at once.
func (m *Manager) StopLive(ctx context.Context, name string) ([]string, error) {
	defer m.locks.lock(name)()
	if err := m.endCanary(ctx, name, "a deploy needs its room"); err != nil {
		return nil, err
	}
	ids := m.liveIDs(name)
	m.hold(name, true)
	m.drainAll(ctx, ids)
	return ids, m.results(m.Keeper.StopAll(ctx, ids, true))
}

// hold takes a service's live instances out of the gateway, or gives them back.
func (m *Manager) hold(name string, held bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(name).held = held
	m.publish(name)
}

// StartLive starts the live instances again, after a failed deploy.
func (m *Manager) StartLive(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	m.hold(name, false)
	if m.liveJob(name) != nil {
		return nil // stopping it has ended no more than a run
	}
	return m.results(m.Keeper.StartAll(ctx, m.liveIDs(name)))
}
