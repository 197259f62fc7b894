package api

import "time"

// Comparison is the document of `GET /api/v1/deploys/diff`: what lies between two versions of a service.
type Comparison struct {
	SchemaVersion int                 `json:"schemaVersion" enum:"1"`
	Service       string              `json:"service"`
	From          ComparedVersion     `json:"from"`
	To            ComparedVersion     `json:"to"`
	Added         []ComparedCommit    `json:"added" doc:"Commits in to and not in from, newest first"`
	Removed       []ComparedCommit    `json:"removed" doc:"Commits in from and not in to"`
	More          bool                `json:"more" doc:"There are more commits than are listed"`
	Manifest      []PreviewChange     `json:"manifest"`
	Dependencies  []DependencyCompare `json:"dependencies"`
	Notes         []string            `json:"notes" doc:"What could not be compared, and why"`
}

// ComparedVersion is one side of a comparison.
type ComparedVersion struct {
	Deploy  int64     `json:"deploy" doc:"0 when it is not named by a deploy"`
	Release string    `json:"release" doc:"Empty for a commit without a kept release"`
	Commit  string    `json:"commit"`
	Subject string    `json:"subject" doc:"First line of the commit's message"`
	At      time.Time `json:"at,omitzero" doc:"Of the deploy or release, else of the commit"`
}

// ComparedCommit is a commit between two versions.
type ComparedCommit struct {
	Commit  string    `json:"commit"`
	Subject string    `json:"subject"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
}

// DependencyCompare is a package that is not what it was.
type DependencyCompare struct {
	File string `json:"file" doc:"The requirements or lock file that names it"`
	Name string `json:"name"`
	Old  string `json:"old" doc:"Its version, or what is asked of it; empty for a new one"`
	New  string `json:"new" doc:"Empty for one that is gone"`
}

// DeployLog is the document of `GET /api/v1/deploys/{id}/log`.
type DeployLog struct {
	SchemaVersion int      `json:"schemaVersion" enum:"1"`
	Deploy        int64    `json:"deploy"`
	State         string   `json:"state" enum:"queued,running,live,failed,superseded,cancelled,interrupted"`
	Lines         []string `json:"lines" doc:"The last lines of the log, oldest first"`
}
