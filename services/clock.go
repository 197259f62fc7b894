package services

import (
	"time"

	"aictl/configs/schedule"
)

// Bounds of how schedules follow the machine's clock.
const (
	// clockGlance is how long a clock that was set stays unnoticed at most.
	clockGlance = 15 * time.Second
	// setBack is how far a clock may be set back without what ran since running again.
	setBack = 3 * time.Hour
	// daemonGap is how long a daemon may take to follow another without missing a run.
	daemonGap = time.Minute
)

// clock is the schedule of one cron service that is wanted.
type clock struct {
	release string
	times   schedule.Schedule
	since   time.Time // up to then it is decided what runs
	next    time.Time
	busy    bool // a run that is due is being started or skipped
}

// glance is what a look at the clock decides.
type glance struct {
	due   time.Time // the latest time that is due, zero when none is
	since time.Time // up to then it is decided
	next  time.Time // zero when there is none
}

// look decides what is due at now when everything up to since was decided before. However many times lie between, one
// run makes up for them.
func look(next func(time.Time) time.Time, since, now time.Time) glance {
	if now.Before(since) && since.Sub(now) <= setBack {
		return glance{since: since, next: next(since)}
	}
	g := glance{since: now, next: next(now)}
	if now.Before(since) {
		return g
	}
	due := next(since)
	if due.IsZero() || due.After(now) {
		return g
	}
	g.due = due
	for range 1000 { // after a long time the exact one does not matter
		if due = next(due); due.IsZero() || due.After(now) {
			return g
		}
		g.due = due
	}
	g.due = now
	return g
}

// takenUp is since when a daemon that has just begun decides about a schedule, which its predecessor acted upon last
// at that time.
func takenUp(acted, now time.Time, catchUp bool) time.Time {
	if catchUp {
		return acted
	}
	if recent := now.Add(-daemonGap); acted.Before(recent) {
		return recent
	}
	return acted
}
