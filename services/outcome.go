package services

import (
	"fmt"
	"time"

	"aictl/procs"
	"aictl/store"
)

// outcome says by the keeper's word how a run has ended; over is false while a process of it runs or is to come.
func outcome(r store.Run, s procs.Status, timeout time.Duration, now time.Time) (ended store.Run, over bool) {
	if s.PID != 0 || s.State != procs.StateStopped && s.State != procs.StateFatal {
		return r, false
	}
	exit := s.LastExit
	if exit != nil && exit.At.Before(r.StartedAt) {
		exit = nil // of an earlier run
	}
	r.EndedAt, r.State = now, store.RunUnknown
	if exit == nil {
		r.Reason = "nobody saw it run"
		if s.State == procs.StateFatal {
			r.State, r.Reason = store.RunFailed, "could not be started: "+s.Reason
		}
		return asWished(r, timeout), true
	}
	r.EndedAt, r.Attempts = exit.At, s.Restarts+1
	if exit.Unknown {
		r.Reason = "nobody saw how it ended"
		return asWished(r, timeout), true
	}
	r.Signal = exit.Signal
	if exit.Signal == "" {
		code := exit.Code
		r.Code = &code
	}
	r.State, r.Reason = store.RunFailed, describe(*exit)
	if exit.Signal == "" && exit.Code == 0 {
		r.State = store.RunSucceeded
	}
	return asWished(r, timeout), true
}

// asWished is how a run counts that was asked to end, whatever its process made of that.
func asWished(r store.Run, timeout time.Duration) store.Run {
	switch r.Ending {
	case store.EndingTimeout:
		r.State, r.Reason = store.RunFailed, "stopped: it took longer than its timeout"
		if timeout > 0 {
			r.Reason += fmt.Sprintf(" of %s", timeout)
		}
	case store.EndingStop:
		r.State, r.Reason = store.RunStopped, "stopped by wish"
	case store.EndingReplace:
		r.State, r.Reason = store.RunStopped, "stopped: its next run was due"
	}
	return r
}

// eventOf is what is told of a run's end. An end that nobody saw is no success.
func eventOf(state store.RunState) EventKind {
	switch state {
	case store.RunSucceeded:
		return EventJobSucceeded
	case store.RunStopped:
		return EventJobStopped
	case store.RunSkipped:
		return EventJobSkipped
	}
	return EventJobFailed
}
