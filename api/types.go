package api

import (
	"encoding/json"
	"time"
)

// SchemaVersion is the version of every JSON document's shape. Keys may be added under one version; a key that
// goes or changes its meaning takes a new one.
const SchemaVersion = 1

// ServiceList is the document of `GET /api/v1/services` and of `aictl status -o json`.
type ServiceList struct {
	SchemaVersion int       `json:"schemaVersion" enum:"1"`
	Services      []Service `json:"services"`
	ConfigRefused string    `json:"config_refused,omitempty" doc:"What is wrong with the settings file; the settings before it go on"`
}

// ServiceDocument is the document of `GET /api/v1/services/{name}`; its service carries its detail.
type ServiceDocument struct {
	SchemaVersion int     `json:"schemaVersion" enum:"1"`
	Service       Service `json:"service"`
}

// Service is one service as it is right now. Detail is present only where it was asked for.
type Service struct {
	Name          string         `json:"name" doc:"Unique name" example:"ocr"`
	State         string         `json:"state" enum:"stopped,starting,running,unhealthy,backoff,stopping,fatal" doc:"The worst state among its live instances"`
	Health        string         `json:"health" doc:"healthy, unhealthy, starting, none (no check configured), or empty when stopped"`
	Replicas      int            `json:"replicas" doc:"Wanted number of instances"`
	Ready         int            `json:"ready" doc:"Instances the gateway sends requests to"`
	Release       ReleaseRef     `json:"release" doc:"The live release; empty strings before the first live deploy"`
	URL           string         `json:"url" doc:"Address at the gateway"`
	Reason        string         `json:"reason,omitempty" doc:"Why it is not healthy and running, for people; absent when there is nothing to tell"`
	Instances     []Instance     `json:"instances"`
	DeploysPaused string         `json:"deploys_paused,omitempty" doc:"Why no push deploys it for now; absent when pushes may"`
	Kind          string         `json:"kind" enum:"service,oneshot,cron" doc:"How it runs: all the time, to its end at every start, to its end by the clock"`
	Wanted        string         `json:"wanted,omitempty" enum:"running,stopped" doc:"Of a oneshot or cron service: what the user asked it to be"`
	Schedule      string         `json:"schedule,omitempty" doc:"Of a cron service"`
	Timezone      string         `json:"timezone,omitempty" doc:"Of the schedule; absent for the machine's own"`
	NextRun       time.Time      `json:"next_run,omitzero" doc:"Of a cron service that is wanted"`
	Run           *Run           `json:"run,omitempty" doc:"The run that is under way, of a oneshot or cron service"`
	LastRun       *Run           `json:"last_run,omitempty" doc:"The last run of the live release that ended, skipped ones aside"`
	Detail        *ServiceDetail `json:"detail,omitempty" doc:"Only in GET /services/{name} and with detail=true"`
}

// ReleaseRef names a release.
type ReleaseRef struct {
	ID     string `json:"id" example:"r12-1a2b3c4d"`
	Commit string `json:"commit" doc:"Full commit SHA"`
}

// ServiceDetail is what is known of a service beyond its state.
type ServiceDetail struct {
	Wanted         string    `json:"wanted" enum:"running,stopped" doc:"What the user asked it to be"`
	Reason         string    `json:"reason" doc:"Why it is not healthy and running, for people"`
	Source         Source    `json:"source"`
	Groups         []string  `json:"groups"`
	EnvNames       []string  `json:"env_names" doc:"Names of the environment overrides; the values are secret"`
	ReplicasPinned bool      `json:"replicas_pinned" doc:"Scaled by hand: the manifest's replicas do not apply"`
	Previous       string    `json:"previous" doc:"Release that was live before"`
	Requests       int64     `json:"requests" doc:"Through the gateway, since the daemon has started"`
	Errors         int64     `json:"errors" doc:"Of these, answered with 500 or above, or not at all"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Instance is one running copy of a release. Detail is present only where the service's is.
type Instance struct {
	ID            string          `json:"id" example:"ocr/1"`
	PID           int             `json:"pid" doc:"0 when no process runs"`
	Port          int             `json:"port"`
	State         string          `json:"state" enum:"stopped,starting,running,unhealthy,backoff,stopping,fatal"`
	Health        string          `json:"health"`
	Restarts      int             `json:"restarts" doc:"Since it was last started by wish"`
	UptimeSeconds float64         `json:"uptime_seconds"`
	MemoryBytes   int64           `json:"memory_bytes" doc:"Resident set of the process group"`
	CPUPercent    float64         `json:"cpu_percent" doc:"Of one core, over the last sampling interval"`
	Processes     int             `json:"processes,omitempty" doc:"Of the instance, threads not counted; only where usage was asked for"`
	Purpose       string          `json:"purpose,omitempty" enum:"candidate,canary,shadow" doc:"Of one that is not live and belongs to no deploy"`
	OpenFiles     int             `json:"open_files,omitempty" doc:"Of all its processes; only where usage was asked for"`
	Detail        *InstanceDetail `json:"detail,omitempty"`
}

// InstanceDetail is what is known of an instance beyond its state.
type InstanceDetail struct {
	Release   string    `json:"release"`
	Live      bool      `json:"live" doc:"False for a candidate of a deploy and for one on its way out"`
	Reason    string    `json:"reason" doc:"Why it is in this state, for people"`
	LogLost   int64     `json:"log_lost_bytes" doc:"Output that could not be written (disk full)"`
	StartedAt time.Time `json:"started_at,omitzero" doc:"Of the running process"`
	NextStart time.Time `json:"next_start,omitzero" doc:"In backoff: when it is started again"`
	LastExit  *Exit     `json:"last_exit,omitempty"`
}

// Exit says how a process ended.
type Exit struct {
	At            time.Time `json:"at"`
	Code          int       `json:"code"`
	Signal        string    `json:"signal" doc:"Name without SIG when a signal ended it"`
	Unknown       bool      `json:"unknown" doc:"True when the keeper could not learn it"`
	OOM           bool      `json:"oom" doc:"True when the kernel killed it because the instance was at its memory limit"`
	MemoryLimit   int64     `json:"memory_limit,omitempty" doc:"That limit, in bytes"`
	UptimeSeconds float64   `json:"uptime_seconds"`
}

// Source is where a service's code comes from.
type Source struct {
	Kind   string `json:"kind" enum:"git,gitea,hosted,dir" doc:"git: any git URL; gitea: owner/repo on the connected forge; hosted: the name of a repository that aictl hosts; dir: a directory on the server"`
	URL    string `json:"url" minLength:"1" doc:"Clone URL, owner/repo, or absolute directory"`
	Ref    string `json:"ref,omitempty" doc:"Branch, tag or SHA; empty is the default branch"`
	Subdir string `json:"subdir,omitempty" doc:"Overrides the manifest's subdir"`
}

// ReleaseList is the document of `GET /api/v1/services/{name}/releases`, newest first.
type ReleaseList struct {
	SchemaVersion int       `json:"schemaVersion" enum:"1"`
	Service       string    `json:"service"`
	Releases      []Release `json:"releases"`
}

// Release is one immutable build of a service.
type Release struct {
	ID        string          `json:"id"`
	Commit    string          `json:"commit"`
	Live      bool            `json:"live"`
	Previous  bool            `json:"previous" doc:"Was live before; where a plain rollback goes"`
	EnvKey    string          `json:"env_key" doc:"Content key of its environment; empty when it has none"`
	Argv      []string        `json:"argv"`
	Manifest  json.RawMessage `json:"manifest,omitempty" doc:"The manifest with every default filled in"`
	CreatedAt time.Time       `json:"created_at"`
}

// The actions of ActionRequest.
const (
	ActionStart   = "start"
	ActionStop    = "stop"
	ActionRestart = "restart"
	ActionRemove  = "remove"
	ActionSignal  = "signal"
	ActionScale   = "scale"
)

// ActionRequest asks for one action on every service that the patterns match.
type ActionRequest struct {
	Action   string   `json:"action" enum:"start,stop,restart,remove,signal,scale"`
	Patterns []string `json:"patterns" minItems:"1" maxItems:"1000" doc:"Service names, globs, or @group"`
	Signal   string   `json:"signal,omitempty" doc:"For signal: name with or without SIG, such as HUP"`
	Replicas *int     `json:"replicas,omitempty" minimum:"0" maximum:"1000" doc:"For scale"`
}

// ActionResults is the document of `POST /api/v1/actions`: one result per service, sorted by name.
type ActionResults struct {
	SchemaVersion int            `json:"schemaVersion" enum:"1"`
	Action        string         `json:"action"`
	Results       []ActionResult `json:"results"`
}

// ActionResult is what an action did to one service. Code and Message are empty when it is OK.
type ActionResult struct {
	Service         string  `json:"service"`
	OK              bool    `json:"ok"`
	Code            string  `json:"code,omitempty" doc:"Stable error code, as in problem documents"`
	Message         string  `json:"message,omitempty"`
	DurationSeconds float64 `json:"duration_seconds"`
}

// Version is the document of `GET /api/v1/version`: what runs, and where it listens.
type Version struct {
	SchemaVersion  int       `json:"schemaVersion" enum:"1"`
	Version        string    `json:"version"`
	Commit         string    `json:"commit"`
	Go             string    `json:"go"`
	PID            int       `json:"pid" doc:"Of the daemon"`
	StartedAt      time.Time `json:"started_at"`
	DataDir        string    `json:"data_dir"`
	API            string    `json:"api" doc:"URL of the API"`
	Gateway        string    `json:"gateway" doc:"URL of the gateway"`
	KeeperProtocol int       `json:"keeper_protocol"`
}

// Health is the document of `GET /healthz` when the daemon is well; otherwise the answer is a 503 problem.
type Health struct {
	SchemaVersion int    `json:"schemaVersion" enum:"1"`
	Status        string `json:"status" enum:"ok"`
}

// LogLine is one line of an instance's output; logs are streamed as one JSON object per line. Bytes that are not
// UTF-8 are replaced by U+FFFD.
type LogLine struct {
	Time      time.Time `json:"time" doc:"When the line's end was seen"`
	Service   string    `json:"service"`
	Instance  string    `json:"instance"`
	Stream    string    `json:"stream" enum:"stdout,stderr"`
	Text      string    `json:"text"`
	Truncated bool      `json:"truncated,omitempty" doc:"The line was longer than text"`
}
