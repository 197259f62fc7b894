package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"aictl/deploy"
	"aictl/gateway"
	"aictl/interchange"
	"aictl/replay"
	"aictl/services"
	"aictl/sinks"
	"aictl/store"
	"aictl/store/records"
)

// Services shows and acts on services. Unknown names are store.ErrNotFound.
type Services interface {
	// Status shows the services that any pattern matches, all without patterns, sorted by name.
	Status(ctx context.Context, patterns []string) ([]services.View, error)
	// CountFiles fills in how many files the instances of views have open.
	CountFiles(views []services.View)
	// Resolve turns patterns (names, globs, @group) into names, each once, sorted.
	Resolve(ctx context.Context, patterns []string) ([]string, error)
	// Expect says that services are about to be started together; done takes it back.
	Expect(names []string) (done func())
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
	Remove(ctx context.Context, name string) error
	Scale(ctx context.Context, name string, n int) error
	Signal(ctx context.Context, name, signal string) error
	Runs
	Trials
}

// Deploys queues deploys and tells about the ones that run; *deploy.Deployer is one.
type Deploys interface {
	// Submit queues a deploy and returns its row.
	Submit(ctx context.Context, req deploy.Request) (store.Deploy, error)
	// Preview says what a deploy would change.
	Preview(ctx context.Context, req deploy.Request) (deploy.Preview, error)
	// Rollback queues a deploy of an earlier release.
	Rollback(ctx context.Context, req deploy.RollbackRequest) (store.Deploy, error)
	// Compare says what lies between two versions: ids of deploys, releases or commits.
	Compare(ctx context.Context, service, from, to string) (deploy.Comparison, error)
	// Cancel asks a deploy to stop; one that has ended is store.ErrConflict.
	Cancel(ctx context.Context, id int64) error
	// Subscribe returns the events of one deploy from now on. The channel is closed once the deploy has ended or
	// the subscriber was too slow; stop ends the subscription.
	Subscribe(id int64) (events <-chan deploy.Event, stop func())
	// Tail returns the last n lines of a deploy's log.
	Tail(ctx context.Context, id int64, n int) ([]string, error)
}

// History is the durable side of deploys; *store.Store is one.
type History interface {
	Deploy(ctx context.Context, id int64) (store.Deploy, error)
	Deploys(ctx context.Context, f store.DeployFilter) ([]store.Deploy, error) // newest first
	Steps(ctx context.Context, id int64) ([]store.Step, error)
	Service(ctx context.Context, name string) (store.Service, error)
	// Releases lists n releases (0 is all), newest first, from the one before the given id.
	Releases(ctx context.Context, service, before string, n int) ([]store.Release, error)
}

// Logs reads instance logs.
type Logs interface {
	// Read calls fn for every line in the order of time until all is read, fn fails, or ctx ends.
	// Unknown services must be told before the first line.
	Read(ctx context.Context, sel LogSelection, fn func(LogLine) error) error
}

// LogSelection is a checked LogsQuery.
type LogSelection struct {
	Services []string // names, globs or @group; at least one
	Instance string   // "" is every instance
	Lines    int      // the last n lines; -1 is all
	Since    time.Time
	Grep     *regexp.Regexp // nil selects every line
	Stream   string         // "stdout", "stderr" or "" for both
	Follow   bool
}

// Records reads recorded exchanges; *records.Archive is one.
type Records interface {
	List(ctx context.Context, f records.Filter) (records.Page, error)
	Get(ctx context.Context, id string) (records.Exchange, error)
	Stats(ctx context.Context, f records.Filter, by records.GroupBy) (records.Stats, error)
	Labels(ctx context.Context, id string) (current []records.Label, history []records.LabelChange, err error)
	SetLabel(ctx context.Context, ids []string, e records.LabelEdit) (n int, err error)
	RemoveLabel(ctx context.Context, id, name, by string, at time.Time) error
	SQL(ctx context.Context, q records.Query) (records.QueryResult, error)
	// Each visits whole records in constant memory.
	Each(ctx context.Context, f records.Filter, visit func(*records.Exchange) error) (warnings []string, err error)
}

// Recorder accounts for every exchange, as a whole and service by service; *recorder.Recorder is one.
type Recorder interface {
	Ledger() records.Ledger
	Ledgers() map[string]records.Ledger
}

// Replays sends recorded requests again and compares answers; *replay.Engine is one. Progress comes from any goroutine.
type Replays interface {
	Replay(ctx context.Context, req replay.Request, progress func(replay.Progress)) (replay.Summary, error)
	Diff(ctx context.Context, req replay.DiffRequest, progress func(replay.Progress)) (replay.Report, error)
}

// Info tells what runs. Healthy returns nil, or what keeps the daemon from doing its work.
type Info interface {
	Version() Version
	Healthy(ctx context.Context) error
}

// Deps is what a Server works with. Every field but those that say what nil means is needed.
type Deps struct {
	Services  Services
	Deploys   Deploys
	History   History
	Logs      Logs
	Records   Records
	Custody   Custody
	Recorder  Recorder
	Ingest    interchange.Store // where posted records go
	Events    Events
	Info      Info
	Config    Config
	Hooks     func() services.HookCounts        // how hooks ended; nil: no counts
	Retention func() time.Duration              // how long records are kept; nil, and 0: for ever
	Traffic   func() map[string]gateway.Traffic // by service; nil: no counts
	Gateway   Counters                          // of canaries and shadows; nil: no counts
	Replays   Replays
	Verified  func(deploy int64) (*replay.Report, error) // what the verification of a deploy found; nil: none is
	// Reported is the commit status by which a Gitea is told of a deploy; nil: none is told.
	Reported func(ctx context.Context, deploy int64) (*StatusReport, error)
	// Keys are the API keys of services; nil: none can be made.
	Keys Keys
	// Limits is what the gateway's rules did, by service; nil: no counts.
	Limits func() map[string]gateway.Limits

	Sinks Sinks // nil: none
	// Builds are the environments that releases run in, and EnvUses the releases that they are kept for; nil: there are none.
	Builds  Environments
	EnvUses func(ctx context.Context) ([]store.EnvUse, error)
	// Algorithms is the registry; nil: nothing is in it.
	Algorithms Algorithms
	// Upkeep is the disk below the data directory; nil: nobody looks after it.
	Upkeep Upkeep
	// Forges are the connected Giteas; nil: none, and none can be connected.
	Forges Forges
	// Pushes cause deploys; nil: they do not.
	Pushes  Pushes
	Hosting Hosting // of repositories of its own; nil: there are none
	// Webhooks answers everything below /hooks/ and tells its callers apart by itself; Git answers everything below /git/ for
	// callers that have the token, also as the password of HTTP Basic. Both bound the bodies they read. nil: nothing is there.
	Webhooks http.Handler
	Git      http.Handler
	Token    string           // bearer token of callers that do not come through the unix socket
	Kinds    []Kind           // errors of packages that api does not know
	Logger   *slog.Logger     // nil: slog.Default
	Now      func() time.Time // nil: time.Now
}

func (d *Deps) check() error {
	var errs []error
	need := func(ok bool, name string) {
		if !ok {
			errs = append(errs, errors.New("api: Deps."+name+" is missing"))
		}
	}
	need(d.Services != nil, "Services")
	need(d.Deploys != nil, "Deploys")
	need(d.History != nil, "History")
	need(d.Logs != nil, "Logs")
	need(d.Records != nil, "Records")
	need(d.Custody != nil, "Custody")
	need(d.Recorder != nil, "Recorder")
	need(d.Ingest != nil, "Ingest")
	need(d.Replays != nil, "Replays")
	need(d.Events != nil, "Events")
	need(d.Info != nil, "Info")
	need(d.Config != nil, "Config")
	need(d.Token != "", "Token")
	if d.Hooks == nil {
		d.Hooks = func() services.HookCounts { return services.HookCounts{} }
	}
	if d.Retention == nil {
		d.Retention = func() time.Duration { return 0 }
	}
	if d.Traffic == nil {
		d.Traffic = func() map[string]gateway.Traffic { return nil }
	}
	if d.Keys == nil {
		d.Keys = noKeys{}
	}
	if d.Limits == nil {
		d.Limits = func() map[string]gateway.Limits { return nil }
	}
	if d.Gateway == nil {
		d.Gateway = nothingCounted{}
	}
	if d.Sinks == nil {
		d.Sinks = &sinks.Sinks{}
	}
	if d.Builds == nil {
		d.Builds = noEnvironments{}
	}
	if d.EnvUses == nil {
		d.EnvUses = func(context.Context) ([]store.EnvUse, error) { return nil, nil }
	}
	if d.Forges == nil {
		d.Forges = noForges{}
	}
	if d.Pushes == nil {
		d.Pushes = noPushes{}
	}
	if d.Hosting == nil {
		d.Hosting = noHosting{}
	}
	if d.Upkeep == nil {
		d.Upkeep = noUpkeep{}
	}
	if d.Algorithms == nil {
		d.Algorithms = noAlgorithms{}
	}
	if d.Reported == nil {
		d.Reported = func(context.Context, int64) (*StatusReport, error) { return nil, nil }
	}
	if d.Verified == nil {
		d.Verified = func(int64) (*replay.Report, error) { return nil, nil }
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return errors.Join(errs...)
}
