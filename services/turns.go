package services

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aictl/procs"
	"aictl/store"
)

// uncheckedStart is how long a service without health checks is waited for.
const uncheckedStart = 10 * time.Second

// Expect says that services are about to be started, so that those that are to be started after them wait. done takes
// it back.
func (m *Manager) Expect(names []string) (done func()) {
	m.expect(names, 1)
	return func() { m.expect(names, -1) }
}

func (m *Manager) expect(names []string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		if m.coming[name] += n; m.coming[name] <= 0 {
			delete(m.coming, name)
		}
	}
}

// CheckOrder says what is wrong with starting a service after others: names that are no services are warnings, a
// cycle is an error.
func (m *Manager) CheckOrder(ctx context.Context, name string, after []string) (warnings []string, err error) {
	if len(after) == 0 {
		return nil, nil
	}
	graph, err := m.storedGraph(ctx)
	if err != nil {
		return nil, err
	}
	graph[name] = after
	for _, dep := range after {
		_, known := graph[dep]
		if w := m.inVain(dep, known); w != "" {
			warnings = append(warnings, w)
		}
	}
	_, cycles := order(graph)
	for _, cycle := range cycles {
		if slices.Contains(cycle, name) {
			return warnings, fmt.Errorf("after: services cannot wait for each other: %s; take one of the names out", shownCycle(cycle))
		}
	}
	return warnings, nil
}

// inVain says why a service that others are to be started after is not waited for, "" when it is.
func (m *Manager) inVain(dep string, known bool) string {
	if !known {
		return fmt.Sprintf("after: there is no service %s yet; until there is, it is not waited for", dep)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.services[dep]
	switch i := s.live(); {
	case i == nil:
		return "" // not deployed yet
	case i.cron():
		return fmt.Sprintf("after: %s is a cron service: nobody waits for the runs of a schedule; take it out", dep)
	case s.wanted == store.WantedStopped:
		return fmt.Sprintf("after: %s is stopped; until it is started, it is not waited for", dep)
	}
	return ""
}

// storedGraph is what every service's live release is to be started after.
func (m *Manager) storedGraph(ctx context.Context) (map[string][]string, error) {
	all, err := m.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	live, err := m.Store.LiveReleases(ctx)
	if err != nil {
		return nil, fmt.Errorf("read releases: %w", err)
	}
	graph := map[string][]string{}
	for _, svc := range all {
		graph[svc.Name] = nil
		rel, ok := live[svc.Name]
		if !ok {
			continue
		}
		man, err := manifestOf(rel)
		if err != nil {
			return nil, err
		}
		graph[svc.Name] = man.After
	}
	return graph, nil
}

// turn returns what a service must wait for before it starts: nothing when it runs already. Called with the lock held.
func (m *Manager) turn(name string) []string {
	first := m.services[name].live()
	if first == nil || len(first.man.After) == 0 || first.status.PID != 0 {
		return nil
	}
	graph := map[string][]string{}
	for name, s := range m.services {
		graph[name] = nil
		if i := s.live(); i != nil {
			graph[name] = i.man.After
		}
	}
	waits, cycles := order(graph)
	for _, cycle := range cycles {
		if slices.Contains(cycle, name) {
			m.log.Warn("services are to wait for each other; one of them does not", "cycle", shownCycle(cycle))
		}
	}
	return waits[name]
}

// live is the first live instance of s, nil without one.
func (s *service) live() *instance {
	if s == nil {
		return nil
	}
	for _, i := range s.slots {
		if i.Live {
			return i
		}
	}
	return nil
}

// awaitTurn returns when everything that a service is to be started after is healthy or not worth waiting for: not
// wanted, given up, or not up within its start period. A oneshot has to succeed: that it has failed is an error unless the
// caller is patient. Meanwhile the service's state says what it waits for.
func (m *Manager) awaitTurn(ctx context.Context, name string, patient bool) error {
	begun := time.Now()
	m.mu.Lock()
	deps := m.turn(name)
	m.mu.Unlock()
	if len(deps) == 0 {
		return nil
	}
	defer m.waits(name, nil)
	changed, done := m.follow(deps...)
	defer done()
	for {
		open, left, blocked := m.outstanding(deps, begun, time.Now())
		if len(open) == 0 {
			return nil
		}
		if blocked != "" && !patient {
			return fmt.Errorf("%s: %w: %s; run it again with `aictl run`, or stop it to start without it", name, ErrNotDone, blocked)
		}
		m.waits(name, open)
		timer := time.NewTimer(left)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%s waits for %s: %w", name, strings.Join(open, ", "), context.Cause(ctx))
		}
		timer.Stop()
	}
}

// waits notes what a service waits for; nothing ends it.
func (m *Manager) waits(name string, deps []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.services[name]
	if !ok || slices.Equal(s.waits, deps) {
		return
	}
	s.waits = deps
	if deps == nil {
		s.waited = time.Now()
	}
	m.publish(name)
}

// outstanding are those of deps that are worth waiting for still, and how long at most until that changes by itself.
// blocked names the first that has failed and has to succeed.
func (m *Manager) outstanding(deps []string, begun, now time.Time) (open []string, left time.Duration, blocked string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left = time.Minute
	for _, dep := range deps {
		s, ok := m.services[dep]
		if !ok || s.wanted != store.WantedRunning && m.coming[dep] == 0 {
			continue
		}
		if i := s.live(); i != nil && i.job() {
			waits, failed := i.awaited(begun, now, m.coming[dep] > 0)
			if waits || failed {
				open = append(open, dep)
				left = min(left, uncheckedStart)
			}
			if failed && blocked == "" {
				blocked = dep + " " + ending(*i.outcome)
			}
			continue
		}
		patience := s.patience(begun, now)
		if patience <= 0 {
			continue
		}
		open = append(open, dep)
		left = min(left, patience)
	}
	return open, left, blocked
}

// awaited says whether a service that began to wait for i at that time waits for a success of it, or would in vain. An
// end from before counts unless i is about to run again. Nobody waits for the runs of a schedule.
func (i *instance) awaited(begun, now time.Time, coming bool) (waits, failed bool) {
	switch {
	case i.cron():
		return false, false
	case i.run != nil || i.outcome == nil:
		return true, false
	case coming && i.outcome.EndedAt.Before(begun) && now.Sub(begun) < uncheckedStart:
		return true, false
	}
	return false, !i.done()
}

// patience is how much longer a service is waited for by one that began to wait at that time: not at all once one of
// its instances serves or all have given up, else until its start period is over. It begins anew with every process,
// and does not run while the service waits itself.
func (s *service) patience(begun, now time.Time) time.Duration {
	if len(s.waits) > 0 {
		return time.Minute
	}
	left := time.Duration(0)
	for _, i := range s.slots {
		if !i.Live || i.status.State == procs.StateFatal {
			continue
		}
		if i.serves() {
			return 0
		}
		period, from := uncheckedStart, begun
		if i.policy != nil {
			period = i.policy.StartPeriod
		}
		for _, t := range []time.Time{s.waited, i.status.StartedAt} {
			if t.After(from) {
				from = t
			}
		}
		left = max(left, from.Add(period).Sub(now))
	}
	return left
}
