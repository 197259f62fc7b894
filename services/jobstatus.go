package services

import (
	"fmt"
	"time"

	"aictl/procs"
	"aictl/store"
)

// JobView is what status shows of a service that ends.
type JobView struct {
	Schedule string
	Timezone string
	Next     time.Time  // zero when there is none
	Run      *store.Run // under way, nil when none is
	Last     *store.Run // the last of its release that ended, skipped ones aside
}

// noRequests is the reason that callers of a job are told.
func (i *instance) noRequests() string {
	return "is a " + string(i.man.Kind) + " service: it serves no requests"
}

// jobSummary is the state of a job that is wanted, or whose run is under way, and what there is to say about it.
func (s *service) jobSummary(i *instance) (procs.State, string) {
	if i.run != nil {
		switch state := i.state(); state {
		case procs.StateRunning, procs.StateStarting:
			return state, ""
		case procs.StateStopped, procs.StateFatal: // its run begins, or its end is about to be heard of
			return procs.StateStarting, ""
		default:
			return state, i.why()
		}
	}
	if i.cron() {
		reason := "scheduled"
		if s.clock != nil && !s.clock.next.IsZero() {
			reason = "scheduled for " + s.clock.next.Format("2006-01-02 15:04:05 MST")
		}
		if i.outcome != nil && i.outcome.State != store.RunSucceeded {
			reason += "; the last run " + ending(*i.outcome)
		}
		return procs.StateStopped, reason
	}
	switch {
	case i.outcome == nil:
		return procs.StateStopped, "has not run since the machine was started"
	case i.outcome.State == store.RunSucceeded:
		return procs.StateStopped, fmt.Sprintf("done: exit code 0 after %s at %s",
			round(i.outcome.EndedAt.Sub(i.outcome.StartedAt)), shownTime(i.outcome.EndedAt))
	case i.outcome.State == store.RunStopped:
		return procs.StateStopped, "its last run was stopped"
	}
	return procs.StateFatal, "its run " + ending(*i.outcome)
}

// ending is how a run has ended, for people.
func ending(r store.Run) string {
	switch r.State {
	case store.RunFailed:
		return "failed: " + r.Reason
	case store.RunStopped:
		return "was stopped"
	}
	return "ended unseen"
}

// jobView is what is known of a job. Called with the lock held.
func (m *Manager) jobView(s *service, i *instance) *JobView {
	v := &JobView{Schedule: i.man.Schedule, Timezone: i.man.Timezone}
	if s.clock != nil && s.wanted == store.WantedRunning {
		v.Next = s.clock.next
	}
	if i.run != nil {
		run := i.run.Run
		v.Run = &run
	}
	if last, ok := m.last[lastKey(i.Service, i.Release)]; ok {
		v.Last = &last
	}
	return v
}
