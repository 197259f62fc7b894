package services

import (
	"strconv"
	"time"

	"aictl/health"
	"aictl/procs"
)

// Events are what happened to services and their instances, and what Tell was given.
func (m *Manager) Events() *Events { return &m.events }

// Tell publishes an event that came about elsewhere, such as one of a deploy.
func (m *Manager) Tell(ev Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.emit(ev)
}

// emit publishes an event with the time and the release it lacks, and has the hooks run that want it. Called with the
// lock held.
func (m *Manager) emit(ev Event) {
	if ev.Time.IsZero() {
		ev.Time = time.Now()
	}
	ev.Time = ev.Time.UTC()
	if s, ok := m.services[ev.Service]; ok && ev.Release == "" {
		ev.Release = s.release
	}
	m.hooks.offer(m.events.Publish(ev), m.hooksFor(ev))
}

// hooksFor is the instance whose hooks an event is for: its own, else one of the live release. Called with the lock
// held.
func (m *Manager) hooksFor(ev Event) *instance {
	if ev.Instance != "" {
		return m.instances[ev.Instance]
	}
	if s, ok := m.services[ev.Service]; ok {
		for _, i := range s.slots {
			if i.Live {
				return i
			}
		}
	}
	return nil
}

// tellService publishes an event about a service.
func (m *Manager) tellService(kind EventKind, name string, fields map[string]string) {
	m.Tell(Event{Kind: kind, Service: name, Fields: fields})
}

// changes publishes what the keeper's word says has happened. Called with the lock held.
func (m *Manager) changes(was, is procs.Status) {
	i, ok := m.instances[is.ID]
	if !ok {
		return // not taken up yet: what the keeper had before this daemon came is no news
	}
	svc := m.services[i.Service]
	wished := i.asked || svc == nil || !svc.serving()
	for _, kind := range kindsOf(was, is, wished) {
		ev := Event{Kind: kind, Service: i.Service, Instance: i.ID, Release: i.Instance.Release}
		ev.Reason, ev.Fields = is.Reason, map[string]string{}
		switch kind {
		case EventInstanceStarted:
			ev.Fields["pid"], ev.Fields["port"] = strconv.Itoa(is.PID), strconv.Itoa(i.Port)
			ev.Fields["restarts"] = strconv.Itoa(is.Restarts)
			ev.Reason = ""
			i.asked = false
		case EventInstanceExited:
			ev.Fields["pid"] = strconv.Itoa(was.PID)
			if is.LastExit != nil {
				ev.Reason = describe(*is.LastExit)
				describeExit(ev.Fields, *is.LastExit)
			}
		case EventInstanceBackoff:
			if !is.NextStart.IsZero() {
				ev.Fields["next_start"] = is.NextStart.UTC().Format(time.RFC3339Nano)
			}
		}
		m.emit(ev)
	}
}

func describeExit(fields map[string]string, e procs.Exit) {
	switch {
	case e.Unknown:
		fields["unknown"] = "true"
	case e.Signal != "":
		fields["signal"] = e.Signal
	default:
		fields["code"] = strconv.Itoa(e.Code)
	}
	fields["uptime_seconds"] = strconv.FormatFloat(e.Uptime.Seconds(), 'f', 3, 64)
}

// ask notes that an instance's process is asked to end.
func (m *Manager) ask(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := m.instances[id]; ok {
		i.asked = i.status.PID != 0
	}
}

// kindsOf says what happened between two words of the keeper on one instance, in order. States in between may have
// been left out. wished is set when the process was asked to end by this manager.
func kindsOf(was, is procs.Status, wished bool) []EventKind {
	var kinds []EventKind
	if endedBetween(was, is) {
		if wished || was.State == procs.StateStopping || is.State == procs.StateRemoved {
			kinds = append(kinds, EventInstanceStopped)
		} else {
			kinds = append(kinds, EventInstanceExited)
		}
	}
	if is.PID != 0 && is.PID != was.PID {
		kinds = append(kinds, EventInstanceStarted)
	}
	if is.State != was.State {
		switch is.State {
		case procs.StateBackoff:
			kinds = append(kinds, EventInstanceBackoff)
		case procs.StateFatal:
			kinds = append(kinds, EventInstanceFatal)
		}
	}
	return kinds
}

// endedBetween reports whether a process ended. The keeper tells of an exit first and of the end of the whole tree
// later: only the first counts.
func endedBetween(was, is procs.Status) bool {
	if was.PID == 0 {
		return false
	}
	if is.LastExit != nil && (was.LastExit == nil || !is.LastExit.At.Equal(was.LastExit.At)) {
		return true
	}
	told := was.LastExit != nil && !was.LastExit.At.Before(was.StartedAt)
	return is.PID != was.PID && !told
}

// judged publishes a probe's verdict when it is news: the keeper's state says what was known before this daemon came.
// Called with the lock held, before the keeper is told.
func (m *Manager) judged(i *instance, was health.Verdict, r health.Report) {
	ev := Event{Service: i.Service, Instance: i.ID, Release: i.Instance.Release, Reason: r.Reason}
	switch {
	case was == r.Verdict:
		return
	case r.Verdict == health.Healthy && (was != "" || i.status.State != procs.StateRunning):
		ev.Kind = EventInstanceHealthy
	case r.Verdict == health.Unhealthy && (was != "" || i.status.State != procs.StateUnhealthy):
		ev.Kind = EventInstanceUnhealthy
	default:
		return
	}
	m.emit(ev)
}
