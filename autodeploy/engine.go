package autodeploy

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// Order is a deploy that a change asks for.
type Order struct {
	Service string
	Source  store.Source
	Commit  string // full SHA
	Actor   string
	Trigger string
	Reason  string // for people: "push to main"
	Origin  string // the delivery's id, or an address
	After   int64  // deploy of Deps.Unborn that it comes after; Service may be another then. 0: none
}

// Repository is what is asked of a repository.
type Repository interface {
	// Fetch brings the mirror up to date; nothing is transferred when it already holds the full SHA ref.
	Fetch(ctx context.Context, ref string) error
	// Describe returns what a commit that was fetched says of itself.
	Describe(ctx context.Context, sha string) (gitea.Commit, error)
	// Changed lists the files that differ between two commits that were fetched.
	Changed(ctx context.Context, before, after string) ([]string, error)
	// Log lists at most n commits that lead to one that was fetched and not to another; more says that there are others.
	Log(ctx context.Context, from, to string, n int) (list []gitea.Commit, more bool, err error)
	// Tips asks the repository itself what its branches and tags are now.
	Tips(ctx context.Context) (gitea.Tips, error)
}

// Deps is what an Engine works with.
type Deps struct {
	Store *store.Store
	// Submit queues a deploy.
	Submit func(ctx context.Context, o Order) (store.Deploy, error)
	// Open opens the repository of a service.
	Open func(ctx context.Context, src store.Source) (Repository, error)
	// Forges lists the connected Giteas, the default one first. May be nil.
	Forges func(ctx context.Context) ([]gitea.Connection, error)
	// Secrets are those that deliveries to /hooks/KIND may be signed with.
	Secrets func(ctx context.Context, kind string) ([]Secret, error)
	// HookBase is the address under which a forge reaches this daemon, without a trailing slash. nil: hooks cannot be made.
	HookBase func(ctx context.Context, forge string) (string, error)
	// Pull is told of pull requests, and says for people what it did. May be nil.
	Pull func(ctx context.Context, c Change) (outcome string, err error)
	// Others are services that something else deploys, such as previews; no change deploys them. May be nil.
	Others func(ctx context.Context) (map[string]bool, error)
	// Unborn lists deploys of sources that no service is deployed from yet: a push deploys those, too. May be nil.
	Unborn func(ctx context.Context) ([]store.Deploy, error)
	Logger *slog.Logger
	Now    func() time.Time
	// Every is the pause between two looks at the repositories; 0 is a minute.
	Every time.Duration
	// TestTime is how long a test delivery is waited for; 0 is 15 s.
	TestTime time.Duration
}

// Engine turns changes into deploys. Its methods are safe for concurrent use.
type Engine struct {
	Deps
	log      *slog.Logger
	refused  *refusals
	reading  chan struct{} // a token for every body that is read
	wake     chan struct{} // deliveries wait
	look     chan struct{} // the repositories are to be looked at
	turns    turns         // by service
	troubles troubles
}

// New returns an engine. It takes deliveries at once; they are worked off by Run.
func New(d Deps) *Engine {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Every <= 0 {
		d.Every = time.Minute
	}
	if d.Forges == nil {
		d.Forges = func(context.Context) ([]gitea.Connection, error) { return nil, nil }
	}
	return &Engine{
		Deps: d, log: d.Logger, refused: &refusals{log: d.Logger, logged: map[int]time.Time{}},
		reading: make(chan struct{}, readers), wake: make(chan struct{}, 1), look: make(chan struct{}, 1),
		troubles: troubles{of: map[string]Trouble{}},
	}
}

// Run works deliveries off and looks at the repositories, at once and every minute, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { e.work(ctx) })
	both.Go(func() { e.watch(ctx) })
	both.Wait()
	return nil
}

// nudge has waiting deliveries worked off.
func (e *Engine) nudge() { poke(e.wake) }

// Look has the repositories looked at now instead of within the next minute.
func (e *Engine) Look() { poke(e.look) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Refusals lists the deliveries that were refused since a moment and are still remembered, newest first.
func (e *Engine) Refusals(since time.Time) []Refusal { return e.refused.since(since) }

// sectionOf is what the live release's manifest says of deploys; before the first release it is the default.
func (e *Engine) sectionOf(ctx context.Context, svc store.Service) (configs.DeploySection, error) {
	if svc.Release == "" {
		return configs.DefaultManifest().Deploy, nil
	}
	rel, err := e.Store.Release(ctx, svc.Name, svc.Release)
	if err != nil {
		return configs.DeploySection{}, err
	}
	m, err := rel.ReadManifest()
	if err != nil {
		return configs.DeploySection{}, err
	}
	return m.Deploy, nil
}

// turns lets one goroutine at a time decide about a service.
type turns struct{ of sync.Map }

// take waits for a service's turn; give ends it.
func (t *turns) take(ctx context.Context, service string) (give func(), err error) {
	v, _ := t.of.LoadOrStore(service, make(chan struct{}, 1))
	turn, _ := v.(chan struct{})
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
