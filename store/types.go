// Package store keeps aictl's durable nouns in SQLite: one file per aggregate, numbered migrations.
package store

import (
	"errors"
	"time"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	// ErrNewerSchema is returned by Open for a database written by a newer aictl.
	ErrNewerSchema = errors.New("database was written by a newer aictl")
)

// Wanted is what the user asked a service to be.
type Wanted string

// The wanted states of a service.
const (
	WantedRunning Wanted = "running"
	WantedStopped Wanted = "stopped"
)

// Service is a named algorithm service.
type Service struct {
	Name     string
	Source   Source
	Wanted   Wanted
	Replicas int
	// ReplicasPinned is set once a user scaled by hand: the manifest's replicas no longer apply.
	ReplicasPinned bool
	Groups         []string
	Env            map[string]string // overrides by the user; encrypted at rest
	Release        string            // id of the live release, "" before the first live deploy
	Previous       string            // id of the release that was live before
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Source is where a service's code comes from.
type Source struct {
	Kind   string // "git" (URL), "gitea" (owner/repo) or "dir" (local directory, snapshotted)
	URL    string // clone URL, owner/repo, or absolute directory
	Ref    string // branch, tag or SHA asked for; "" is the default branch
	Subdir string // overrides the manifest's subdir
}

// Release is one immutable build of a service. IDs read "r12-1a2b3c4d": a number per service and the short SHA.
type Release struct {
	ID        string
	Service   string
	Commit    string // full SHA
	Manifest  []byte // JSON of configs.Manifest
	Dir       string // absolute; the checkout's root (the manifest's subdir lies below it)
	EnvKey    string // content key of the environment; "" when it has none
	Argv      []string
	CreatedAt time.Time
}

// DeployState is where a deploy is.
type DeployState string

// The states of a deploy.
const (
	DeployQueued      DeployState = "queued"
	DeployRunning     DeployState = "running"
	DeployLive        DeployState = "live"
	DeployFailed      DeployState = "failed"
	DeploySuperseded  DeployState = "superseded"
	DeployCancelled   DeployState = "cancelled"
	DeployInterrupted DeployState = "interrupted"
)

// Ended reports whether the state is final.
func (s DeployState) Ended() bool { return s != DeployQueued && s != DeployRunning }

// Deploy is one attempt to turn a commit into the live release. It survives its service's removal.
type Deploy struct {
	ID         int64
	Service    string
	Kind       string // "deploy" or "rollback"
	Source     Source
	Commit     string // full SHA once resolved
	Release    string // id once created
	State      DeployState
	FailedStep string
	Error      string
	Warnings   []string
	Actor      string // who asked
	Trigger    string // "cli", "api", "webhook", "reconcile" …
	Reason     string // why, for people: "push to main"; may be empty
	Origin     string // from where: a delivery's id, a caller's address; may be empty
	Subject    string // first line of the commit's message once it is resolved
	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
}

// StepState is where a deploy's step is.
type StepState string

// The states of a step.
const (
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped"
)

// Step is one part of a deploy: fetch, checkout, manifest, environment, hook, start, health, switch, drain.
type Step struct {
	Deploy     int64
	Seq        int
	Name       string
	State      StepState
	Detail     string // one line for people: "reused 3f2a…", "8001"
	StartedAt  time.Time
	FinishedAt time.Time
}

// Instance is a slot that should exist: ID is "service/slot". What it does right now the keeper knows.
type Instance struct {
	ID      string
	Service string
	Slot    int
	Release string
	Port    int
	// Live instances belong to the service's live release; the others are candidates or on their way out.
	Live    bool
	Purpose Purpose // of one that is not live
}

// PortLease is one row of the ports ledger.
type PortLease struct {
	Port  int
	Owner string // instance id
	At    time.Time
}
