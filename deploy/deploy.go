// Package deploy turns a commit into the live release of a service, or changes nothing: queue, fetch, checkout,
// manifest, environment, release hook, start, health gate, switch, drain, rollback and clean-up.
package deploy

import (
	"context"
	"errors"
	"time"

	"aictl/gitea"
	"aictl/store"
)

// Errors that callers branch on.
var (
	// ErrCancelled ends a deploy whose Cancel was asked for.
	ErrCancelled = errors.New("cancelled")
	// ErrNoSuchRelease is returned for a rollback to a release that is not kept; it wraps store.ErrNotFound.
	ErrNoSuchRelease = errors.New("no such release")
	// ErrSource is returned for a source that cannot be understood.
	ErrSource = errors.New("bad source")
	// ErrVersion is returned for what cannot be compared with another version of its service.
	ErrVersion = errors.New("nothing to compare")
)

// The kinds of a deploy.
const (
	KindDeploy   = "deploy"
	KindRollback = "rollback"
)

// TriggerRestart is the trigger of a deploy that takes the place of one that the daemon's end interrupted.
const TriggerRestart = "restart"

// The steps of a deploy, in the order of a blue-green deploy. A recreate deploy drains before it starts.
const (
	StepFetch       = "fetch"
	StepCheckout    = "checkout"
	StepManifest    = "manifest"
	StepEnvironment = "environment"
	StepHook        = "hook"
	StepStart       = "start"
	StepHealth      = "health"
	StepInterface   = "interface"
	StepVerify      = "verify" // only in a deploy that asks for it
	StepSwitch      = "switch"
	StepCanary      = "canary"  // instead of the switch, in a deploy that asks for it
	StepRolling     = "rolling" // before the switch, with that strategy
	StepDrain       = "drain"
)

// Request asks for a deploy. Ref and Subdir, when set, override the source's. Env and Replicas are kept with the
// service: Env is merged into what it has, a non-nil Replicas pins the count.
type Request struct {
	Source   store.Source
	Name     string // "" takes the manifest's name, else the repository's
	Ref      string
	Subdir   string
	Env      map[string]string
	Replicas *int
	Verify   *Verify  // what Deps.Gate is to make sure of before the switch; nil: nothing
	Canary   *float64 // this percentage of the requests goes to the new release, which does not become live; nil: it does
	Commit   string   // full SHA to deploy, whatever Ref has become since; "" resolves Ref
	Actor    string
	Trigger  string
	Reason   string // why, for people
	Origin   string // from where: a delivery's id, a caller's address
	After    int64  // deploy of Unborn whose name, variables and replicas are taken; 0: none
}

// Event is one thing that happened in a deploy: a step's change (Step, State, Detail), a line of its log (Step,
// Line), or, with an empty Step, the deploy's own state. The last event of a deploy is its final state.
type Event struct {
	Deploy int64
	Step   string
	Seq    int // of the step
	State  string
	Detail string
	Line   string
	At     time.Time
}

// Fleet runs instances. Candidates are instances of a release that is not live yet.
type Fleet interface {
	// Launch starts n candidates of a release and returns them with their ports.
	Launch(ctx context.Context, service, release string, n int) ([]store.Instance, error)
	// AwaitHealthy returns when every instance passed its health check; its error says why one did not.
	AwaitHealthy(ctx context.Context, ids []string, progress func(string)) error
	// Switch makes the candidates live in one step and returns the instances that were live before.
	Switch(ctx context.Context, service, release string, ids []string) ([]store.Instance, error)
	// Retire drains, stops and forgets instances. Unknown ones are no error.
	Retire(ctx context.Context, ids []string) error
	// StopLive stops the live instances and returns their ids; StartLive starts them again.
	StopLive(ctx context.Context, service string) ([]string, error)
	StartLive(ctx context.Context, service string) error
	Replacing
}

// Repository is one source opened for reading.
type Repository interface {
	// Fetch brings the repository up to date; nothing is transferred when it already holds the full SHA ref.
	Fetch(ctx context.Context, ref string) error
	// Resolve returns the full SHA of a branch, tag or SHA; "" is the default branch.
	Resolve(ctx context.Context, ref string) (string, error)
	// Checkout writes the commit's tree to dir, which must not exist; on failure nothing is left.
	Checkout(ctx context.Context, sha, dir string, progress func(string)) error
	// Describe returns what a commit that was fetched says of itself.
	Describe(ctx context.Context, sha string) (gitea.Commit, error)
	// Warnings are for the user: what will not be included.
	Warnings() []string
	// Secrets are the credentials in use, to be masked in logs.
	Secrets() []string
}

// Sources opens the repository behind a source.
type Sources interface {
	Open(ctx context.Context, src store.Source) (Repository, error)
}

// Dirs are the folders of the data directory that deploys write. All must be on one file system.
type Dirs struct {
	Releases string // <service>/<release>/
	Envs     string // <key>/
	Logs     string // deploys/<id>.log
}
