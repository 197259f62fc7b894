package api

import (
	"time"

	"aictl/replay"
)

// DeployRequest asks for a deploy of a source. The caller has already told what kind of source it is.
type DeployRequest struct {
	Source   Source            `json:"source"`
	Name     string            `json:"name,omitempty" doc:"Service name; empty takes the manifest's, else the repository's"`
	Env      map[string]string `json:"env,omitempty" doc:"Environment overrides, kept with the service"`
	Replicas *int              `json:"replicas,omitempty" minimum:"0" maximum:"1000" doc:"Pins the replica count"`
	Trigger  string            `json:"trigger,omitempty" enum:"api,cli,panel" default:"api" doc:"What asked"`
	Reason   string            `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
	Canary   *float64          `json:"canary,omitempty" exclusiveMinimum:"0" maximum:"100" doc:"The new release becomes the service's canary with this percentage of the requests, instead of the live release"`
	Verify   *VerifyRequest    `json:"verify,omitempty" doc:"Instead of what the manifest says under verify"`
}

// VerifyRequest asks that the candidate answers recorded requests as the live release does, before it goes live. Fields
// that are left out are the manifest's.
type VerifyRequest struct {
	Replay  *int     `json:"replay,omitempty" minimum:"0" maximum:"1000000" doc:"The last so many recorded requests; 0 verifies nothing"`
	MaxDiff *float64 `json:"max_diff,omitempty" minimum:"0" maximum:"1" doc:"The share of answers that may differ"`
	Live    *bool    `json:"live,omitempty" doc:"Ask the live release again instead of taking its recorded answers"`
	Path    string   `json:"path,omitempty" maxLength:"1000" doc:"Glob over the requests' paths"`
	Methods []string `json:"methods,omitempty" maxItems:"20"`
}

// RollbackRequest asks for an earlier release to be live again; an empty To is the one that was live before.
type RollbackRequest struct {
	To      string `json:"to,omitempty" maxLength:"100" doc:"Release id or number, or its commit: all of its SHA or at least 7 digits; empty is the previous one"`
	Reason  string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
	Trigger string `json:"trigger,omitempty" enum:"api,cli,panel" default:"api" doc:"What asked"`
}

// DeployList is the document of `GET /api/v1/deploys`, newest first. Next is empty on the last page.
type DeployList struct {
	SchemaVersion int      `json:"schemaVersion" enum:"1"`
	Deploys       []Deploy `json:"deploys"`
	Next          string   `json:"next" doc:"Cursor of the next page; empty on the last one"`
}

// DeployDocument is the document of one deploy.
type DeployDocument struct {
	SchemaVersion int            `json:"schemaVersion" enum:"1"`
	Deploy        Deploy         `json:"deploy"`
	Steps         []Step         `json:"steps"`
	Tail          []string       `json:"tail" doc:"Last lines of the deploy's log"`
	Verified      *replay.Report `json:"verified,omitempty" doc:"What the verification found"`
	Status        *StatusReport  `json:"status,omitempty" doc:"The commit status by which a Gitea is told; absent for a source on none"`
}

// Deploy is one attempt to turn a commit into the live release.
type Deploy struct {
	ID              int64     `json:"id"`
	Service         string    `json:"service"`
	Kind            string    `json:"kind" enum:"deploy,rollback"`
	State           string    `json:"state" enum:"queued,running,live,failed,superseded,cancelled,interrupted"`
	Source          Source    `json:"source"`
	Commit          string    `json:"commit" doc:"Full SHA; empty until it is resolved"`
	Release         string    `json:"release" doc:"Empty until it is created"`
	FailedStep      string    `json:"failed_step"`
	Error           string    `json:"error"`
	Warnings        []string  `json:"warnings"`
	Actor           string    `json:"actor" doc:"Who asked"`
	Trigger         string    `json:"trigger" doc:"What asked: cli, api, webhook, reconcile …"`
	Reason          string    `json:"reason" doc:"Why, for people; may be empty"`
	Origin          string    `json:"origin" doc:"From where: a delivery's id, a caller's address; may be empty"`
	Subject         string    `json:"subject" doc:"First line of the commit's message; empty until it is resolved"`
	CreatedAt       time.Time `json:"created_at"`
	StartedAt       time.Time `json:"started_at,omitzero"`
	FinishedAt      time.Time `json:"finished_at,omitzero"`
	DurationSeconds float64   `json:"duration_seconds" doc:"Start to finish, or to now while it runs"`
}

// Ended reports whether the deploy's state is final.
func (d Deploy) Ended() bool { return d.State != "queued" && d.State != "running" }

// Step is one part of a deploy.
type Step struct {
	Seq        int       `json:"seq"`
	Name       string    `json:"name" example:"environment"`
	State      string    `json:"state" enum:"running,done,failed,skipped"`
	Detail     string    `json:"detail" doc:"One line for people"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// The types of DeployEvent.
const (
	EventStep = "step" // Step changed
	EventLog  = "log"  // Line was written to the deploy's log
	EventEnd  = "end"  // Deploy is final; nothing follows
)

// DeployEvent is one line of a deploy's event stream. The stream starts with the steps so far and ends with one
// event of type "end"; a stream that stops without it was cut off.
type DeployEvent struct {
	Type   string    `json:"type" enum:"step,log,end"`
	Time   time.Time `json:"time"`
	Step   *Step     `json:"step,omitempty"`
	Name   string    `json:"name,omitempty" doc:"For log: the step that wrote the line"`
	Line   string    `json:"line,omitempty"`
	Deploy *Deploy   `json:"deploy,omitempty"`
}

// DeploysQuery selects deploys. A zero Limit takes the server's default.
type DeploysQuery struct {
	Service string
	Limit   int
	Cursor  string
}
