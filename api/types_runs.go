package api

import "time"

// Run is one run of a service of kind oneshot or cron.
type Run struct {
	ID              int64     `json:"id"`
	Service         string    `json:"service"`
	Release         string    `json:"release"`
	Instance        string    `json:"instance" doc:"Empty for one that was skipped"`
	Trigger         string    `json:"trigger" enum:"schedule,user,boot,deploy" doc:"What made it run"`
	State           string    `json:"state" enum:"running,succeeded,failed,stopped,skipped,unknown"`
	DueAt           time.Time `json:"due_at,omitzero" doc:"By the schedule; absent for other triggers"`
	StartedAt       time.Time `json:"started_at"`
	EndedAt         time.Time `json:"ended_at,omitzero" doc:"Absent while it runs"`
	DurationSeconds float64   `json:"duration_seconds" doc:"Up to now while it runs"`
	Attempts        int       `json:"attempts" doc:"Processes that were started for it; 0 while that is not known"`
	ExitCode        *int      `json:"exit_code,omitempty" doc:"Absent when it runs, a signal ended it, or nobody saw"`
	Signal          string    `json:"signal,omitempty" doc:"The signal that ended it, without SIG"`
	Reason          string    `json:"reason,omitempty" doc:"For people"`
}

// Ended reports whether the run is over.
func (r Run) Ended() bool { return r.State != "running" }

// RunList answers GET /services/{name}/runs.
type RunList struct {
	SchemaVersion int    `json:"schemaVersion"`
	Service       string `json:"service"`
	Runs          []Run  `json:"runs" doc:"Newest first"`
}

// RunDocument answers the calls about one run.
type RunDocument struct {
	SchemaVersion int `json:"schemaVersion"`
	Run           Run `json:"run"`
}
