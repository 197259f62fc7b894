package api

import "time"

// StatusReport is the commit status by which a Gitea is told of a deploy.
type StatusReport struct {
	Gitea      string    `json:"gitea" doc:"Address of the Gitea"`
	Repository string    `json:"repository"`
	Commit     string    `json:"commit" doc:"Full SHA"`
	Context    string    `json:"context" doc:"Under which it is told: aictl/<service>"`
	State      string    `json:"state" enum:"pending,success,failure,error"`
	Progress   string    `json:"progress" enum:"waiting,told,given_up" doc:"waiting: for its first or next try; given_up: after a day, or what the Gitea refused for good"`
	Tries      int       `json:"tries" doc:"Of this state"`
	Error      string    `json:"error" doc:"Of the last try; empty when it went well, or there was none"`
	UpdatedAt  time.Time `json:"updated_at"`
	NextAt     time.Time `json:"next_at,omitzero" doc:"No try before it"`
}
