package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aictl/configs"
	"aictl/deploy/envs"
	"aictl/store"
)

// Defaults of Deps.
const (
	defaultSlots = 2
	defaultKeep  = 5
	// defaultHistory are deploys kept per service, with their logs.
	defaultHistory = 200
)

// maxRunning bounds the deploys under way at a time, those included that only wait for health.
const maxRunning = 64

// Deps is what a Deployer works with. Slots bounds the deploys that fetch and build at a time, Keep the releases
// kept per service; zero values are the defaults. Lines returns the last n log lines of an instance.
type Deps struct {
	Store   *store.Store
	Fleet   Fleet
	Sources Sources
	Envs    *envs.Builder
	Lines   func(instance string, n int) []string
	// Order says what is wrong with starting a service after others; its error fails the deploy. May be nil.
	Order func(ctx context.Context, service string, after []string) (warnings []string, err error)
	// Enforce says what this machine cannot do of what a manifest asks for its processes: warnings for limits it does not hold
	// them to, an error for what keeps them from starting. May be nil.
	Enforce func(ctx context.Context, m configs.Manifest) (warnings []string, err error)
	// Room says why there is no room on the disk for a deploy; asked before anything is fetched. May be nil.
	Room func(ctx context.Context) error
	// Gate judges a deploy's candidates after they are healthy and before they are live, when the deploy asks for it; its error
	// ends the deploy, and the old release keeps serving. May be nil: then no deploy can ask for it.
	Gate func(ctx context.Context, in GateInput) (detail string, err error)
	// Canary makes healthy candidates the service's canary, with this percentage of the requests. May be nil: then no deploy can ask for it.
	Canary func(ctx context.Context, service, release string, ids []string, weight float64, actor string) error
	// Pause keeps pushes from deploying a service by themselves, as a rollback wants it. May be nil.
	Pause func(ctx context.Context, service, why, actor string) error
	// Trial leads canaries for the strategy of that name. May be nil: then a manifest that asks for it cannot be deployed.
	Trial Trial
	// Contract keeps what a candidate's interface is and compares it with that of the live release; its error fails the deploy. May be nil.
	Contract func(ctx context.Context, in ContractInput) (detail string, err error)
	Notify   func(Event)  // gets every change of state of a deploy and its steps; must not wait. May be nil
	HTTP     *http.Client // asks instances for their interface
	Logger   *slog.Logger
	Dirs     Dirs
	Slots    int
	Keep     int
	History  int // deploys kept per service with their logs, beyond those whose release is kept
	Limits   Limits
	Now      func() time.Time
}

// Limits bound the steps of a deploy in time; a zero field is its default. Waiting for another deploy does not count.
type Limits struct {
	Fetch, Checkout, Environment, Hook, Start, Verify, Switch, Drain time.Duration
}

// StepLimits gives the steps that do the user's work, from fetching to the release hook, this much time each.
func StepLimits(most time.Duration) Limits {
	return Limits{Fetch: most, Checkout: most, Environment: most, Hook: most}
}

func (l *Limits) fill() {
	for _, f := range []struct {
		d    *time.Duration
		auto time.Duration
	}{
		{&l.Fetch, 30 * time.Minute}, {&l.Checkout, 15 * time.Minute}, {&l.Environment, 45 * time.Minute},
		{&l.Hook, 30 * time.Minute}, {&l.Start, 2 * time.Minute}, {&l.Verify, 30 * time.Minute}, {&l.Switch, time.Minute}, {&l.Drain, 5 * time.Minute},
	} {
		if *f.d <= 0 {
			*f.d = f.auto
		}
	}
}

// Deployer queues deploys and carries them out. Its methods are safe for concurrent use.
type Deployer struct {
	Deps
	log   *slog.Logger
	hub   *hub
	build *slots
	wake  chan struct{}

	mu        sync.Mutex
	jobs      map[int64]context.CancelCauseFunc // the running deploys
	committed map[int64]bool                    // running deploys that Cancel is too late for
	// promotions are the canaries that running deploys lead, by service.
	promotions map[string]*promotion
	ended      chan struct{} // closed and replaced whenever a deploy ends

	tuned atomic.Pointer[tuning]

	files  sync.Mutex      // held while releases are put in place or cleaned up
	inWork map[string]bool // folders of releases that deploys under way use; guarded by files
}

// New returns a deployer; nothing is deployed before Run.
func New(d Deps) *Deployer {
	if d.Slots <= 0 {
		d.Slots = defaultSlots
	}
	if d.Keep <= 0 {
		d.Keep = defaultKeep
	}
	if d.History <= 0 {
		d.History = defaultHistory
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.HTTP == nil {
		d.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	if d.Lines == nil {
		d.Lines = func(string, int) []string { return nil }
	}
	d.Limits.fill()
	events := newHub()
	events.notify = d.Notify
	return &Deployer{
		Deps: d, log: d.Logger, hub: events, build: newSlots(d.Slots), wake: make(chan struct{}, 1),
		jobs: map[int64]context.CancelCauseFunc{}, committed: map[int64]bool{}, ended: make(chan struct{}),
		inWork: map[string]bool{}, promotions: map[string]*promotion{},
	}
}

// wishes are the parts of a request that a deploy's row does not hold.
type wishes struct {
	Named    bool              `json:"named"`            // the user chose the name
	Pinned   bool              `json:"pinned,omitempty"` // the row's commit is the one to deploy
	Env      map[string]string `json:"env,omitempty"`
	Replicas *int              `json:"replicas,omitempty"`
	Verify   *Verify           `json:"verify,omitempty"`
	Canary   *float64          `json:"canary,omitempty"`
	Resume   bool              `json:"resume,omitempty"` // the row's release is built and serves in part
}

// wishesOf reads what a deploy was asked for beyond its row.
func (d *Deployer) wishesOf(ctx context.Context, id int64) (w wishes, err error) {
	set, err := d.Store.Setting(ctx, wishKey(id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return w, nil
	case err == nil:
		err = json.Unmarshal([]byte(set.Value), &w)
	}
	if err != nil {
		err = fmt.Errorf("read what deploy %d was asked for: %w", id, err)
	}
	return w, err
}

func wishKey(id int64) string { return fmt.Sprintf("internal.deploy.%d", id) }

// Submit queues a deploy and returns its row. A deploy of the same service that has not begun yet is superseded.
// A name that another source's service has is store.ErrConflict.
func (d *Deployer) Submit(ctx context.Context, req Request) (store.Deploy, error) {
	src, err := checkRequest(&req)
	if err == nil {
		err = req.Verify.check()
	}
	if err == nil && req.Canary != nil {
		err = d.canaryFault(*req.Canary)
	}
	if err == nil && req.Verify != nil && d.Gate == nil {
		err = ErrNoGate
	}
	if err != nil {
		return store.Deploy{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.inherit(ctx, &req); err != nil {
		return store.Deploy{}, err
	}
	name, named, err := d.nameFor(ctx, req.Name, src)
	if err != nil {
		return store.Deploy{}, err
	}
	row := store.Deploy{
		Service: name, Kind: KindDeploy, Source: src, Commit: req.Commit, Actor: req.Actor, Trigger: req.Trigger, Reason: req.Reason, Origin: req.Origin,
	}
	return d.enqueue(ctx, row, wishes{Named: named, Pinned: req.Commit != "", Env: req.Env, Replicas: req.Replicas, Verify: req.Verify, Canary: req.Canary})
}

// fullSHA is a commit that needs no resolving.
var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// checkRequest refuses what can be known to be wrong before anything is fetched.
func checkRequest(req *Request) (store.Source, error) {
	src := req.Source
	if req.Ref != "" {
		src.Ref = req.Ref
	}
	if req.Subdir != "" {
		src.Subdir = req.Subdir
	}
	switch src.Kind {
	case SourceGit, SourceGitea, SourceDir, SourceHosted:
	default:
		return src, fmt.Errorf("%w: its kind is %q, not git, gitea, hosted or dir", ErrSource, src.Kind)
	}
	if src.URL == "" {
		return src, fmt.Errorf("%w: it has no address; %s", ErrSource, advice)
	}
	if req.Name != "" && !configs.ValidName(req.Name) {
		return src, fmt.Errorf("%w: %q cannot be a service's name: use up to 63 of a-z, 0-9 and -, with no - at either end", ErrSource, req.Name)
	}
	if req.Commit != "" && !fullSHA.MatchString(req.Commit) {
		return src, fmt.Errorf("%w: %q is not a full commit SHA of 40 hexadecimal digits", ErrSource, req.Commit)
	}
	if err := localDir(src.Subdir); err != nil {
		return src, fmt.Errorf("%w: subdir: %w", ErrSource, err)
	}
	if req.Replicas != nil && *req.Replicas < 0 {
		return src, fmt.Errorf("%w: %d replicas", ErrSource, *req.Replicas)
	}
	return src, nil
}

// sameSource reports whether two sources are one but for the ref.
func sameSource(a, b store.Source) bool {
	return a.Kind == b.Kind && a.URL == b.URL && clean(a.Subdir) == clean(b.Subdir)
}

// nameFor finds the service that a source is deployed as: the one asked for, the one it is already, or the name the
// source suggests until the manifest is read. Called with the lock held.
func (d *Deployer) nameFor(ctx context.Context, asked string, src store.Source) (name string, named bool, err error) {
	if asked == "" {
		all, err := d.Store.Services(ctx, "", 0)
		if err != nil {
			return "", false, err
		}
		for _, s := range all {
			if d.same(ctx, s.Source, src) {
				return s.Name, true, nil
			}
		}
	}
	name, named = asked, asked != ""
	if !named {
		name = serviceName(src.URL)
		if s := clean(src.Subdir); s != "." {
			name = serviceName(s)
		}
	}
	if err := d.free(ctx, name, src); err != nil {
		return "", false, err
	}
	active, err := d.Store.Deploys(ctx, store.DeployFilter{Service: name, States: []store.DeployState{store.DeployQueued, store.DeployRunning}})
	if err != nil {
		return "", false, err
	}
	for _, a := range active {
		if a.Kind == KindDeploy && !d.same(ctx, a.Source, src) {
			return "", false, taken(name, a.Source)
		}
	}
	return name, named, nil
}

// free checks that a name is nobody's or this source's.
func (d *Deployer) free(ctx context.Context, name string, src store.Source) error {
	svc, err := d.Store.Service(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && !d.same(ctx, svc.Source, src) {
		return taken(name, svc.Source)
	}
	return err
}

func taken(name string, by store.Source) error {
	where := shown(by.URL)
	if s := clean(by.Subdir); s != "." {
		where += " (" + s + ")"
	}
	return fmt.Errorf("deploy as %s: %w: a service of that name is deployed from %s; choose another with --name, or remove it first", name, store.ErrConflict, where)
}

// enqueue stores a deploy and wakes the queue. Called with the lock held, which the queue's claim takes too: a deploy
// never runs without its wishes.
func (d *Deployer) enqueue(ctx context.Context, row store.Deploy, w wishes) (store.Deploy, error) {
	row, replaced, err := d.Store.EnqueueDeploy(ctx, row)
	if err != nil {
		return row, err
	}
	if w.Named || w.Pinned || len(w.Env) > 0 || w.Replicas != nil || w.Verify != nil || w.Canary != nil || w.Resume {
		text, err := json.Marshal(w)
		if err == nil {
			err = d.Store.SetSetting(ctx, wishKey(row.ID), string(text), true, row.Actor)
		}
		if err != nil {
			_, ferr := d.Store.FinishDeploy(context.WithoutCancel(ctx), row.ID, store.DeployFailed, "", err.Error())
			return row, errors.Join(err, ferr)
		}
	}
	if err := d.forgetEarlier(ctx, row); err != nil {
		d.log.Warn("wishes of a deploy not removed", "service", row.Service, "err", err)
	}
	d.hub.open(row.ID)
	d.hub.publish(Event{Deploy: row.ID, State: string(store.DeployQueued), At: d.Now()})
	for _, old := range replaced {
		d.announce(old)
	}
	d.nudge()
	return row, nil
}

// announce tells the end of a deploy whose row says so. Who hears of it finds nothing of the deploy left.
func (d *Deployer) announce(row store.Deploy) {
	if !d.unbornRow(context.Background(), row) {
		d.forgetWishes(context.Background(), row.ID)
	}
	d.hub.publish(Event{Deploy: row.ID, State: string(row.State), Detail: row.Error, At: d.Now()})
	d.hub.close(row.ID)
}

func (d *Deployer) forgetWishes(ctx context.Context, id int64) {
	if err := d.Store.UnsetSetting(ctx, wishKey(id), "aictl"); err != nil && !errors.Is(err, store.ErrNotFound) {
		d.log.Warn("wishes of a deploy not removed", "deploy", id, "err", err)
	}
}

// nudge makes the queue look.
func (d *Deployer) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Cancel ends a deploy: a queued one at once, a running one by killing what it runs, unless it has already switched.
// One that has ended is store.ErrConflict. It returns before a running deploy has ended.
func (d *Deployer) Cancel(ctx context.Context, id int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cancel, ok := d.jobs[id]; ok {
		cancel(ErrCancelled)
		return nil
	}
	if d.committed[id] {
		return fmt.Errorf("deploy %d has switched already; use `aictl rollback`: %w", id, store.ErrConflict)
	}
	row, err := d.Store.FinishDeploy(ctx, id, store.DeployCancelled, "", ErrCancelled.Error())
	if err != nil {
		return err
	}
	d.announce(row)
	d.signalEnd()
	d.nudge()
	return nil
}

// Subscribe returns the last lines of an active deploy's log and then its events. The channel is closed when the
// deploy has ended, or when the subscriber was far too slow; a slow one loses lines first. stop ends it.
func (d *Deployer) Subscribe(id int64) (events <-chan Event, stop func()) {
	d.mu.Lock() // between a row and its events there is nothing to miss
	defer d.mu.Unlock()
	return d.hub.subscribe(id)
}

// Abandon cancels every deploy of a service and returns when none is under way.
func (d *Deployer) Abandon(ctx context.Context, service string) error {
	for {
		d.mu.Lock()
		ended := d.ended
		d.mu.Unlock()
		open, err := d.Store.Deploys(ctx, store.DeployFilter{Service: service, States: []store.DeployState{store.DeployQueued, store.DeployRunning}})
		if err != nil {
			return fmt.Errorf("deploys of %s: %w", service, err)
		}
		if len(open) == 0 {
			return nil
		}
		for _, row := range open {
			if err := d.Cancel(ctx, row.ID); err != nil && !errors.Is(err, store.ErrConflict) {
				return fmt.Errorf("cancel deploy %d: %w", row.ID, err)
			}
		}
		if !slices.ContainsFunc(open, func(row store.Deploy) bool { return row.State == store.DeployRunning }) {
			continue
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
