package procs

import "time"

// Verdict is the daemon's judgement of one process. It is refused with ErrStale when the instance runs another
// process by now. StartedAt (from Status) may be zero; with it, even a recycled pid is told apart.
type Verdict struct {
	ID        string    `json:"id"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at,omitzero"`
	Healthy   bool      `json:"healthy"`
	Reason    string    `json:"reason,omitempty"` // for people, when not healthy
}

func (v *Verdict) event() Event {
	if v.Healthy {
		return Healthy{}
	}
	return Unhealthy{Reason: v.Reason}
}
