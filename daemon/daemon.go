package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"aictl/api"
	"aictl/autodeploy"
	"aictl/configs"
	"aictl/deploy"
	"aictl/deploy/envs"
	"aictl/forges"
	"aictl/gateway"
	"aictl/gitea"
	"aictl/gitea/lfs"
	"aictl/hosting"
	"aictl/ports"
	"aictl/previews"
	"aictl/procs"
	"aictl/recorder"
	"aictl/recorder/intents"
	"aictl/registry"
	"aictl/replay"
	"aictl/reports"
	"aictl/services"
	"aictl/sinks"
	"aictl/store"
	"aictl/store/records"
)

// Config is what a Daemon is made of. Listeners must have "api" and "gateway"; "socket" is the trusted unix socket of
// the API. The keeper must be serving on its socket in the data directory.
type Config struct {
	Settings  configs.Settings
	Listeners map[string]net.Listener
	Version   string
	Commit    string
	Logger    *slog.Logger
	Relog     func(configs.LogSettings) // makes Logger follow changed settings; may be nil
	Leave     <-chan os.Signal          // when it comes, another daemon takes over; may be nil
}

// Daemon is everything but the keeper. Build it with New, run it once with Run.
type Daemon struct {
	cfg Config
	dir Layout
	log *slog.Logger

	store    *store.Store
	archive  *records.Archive
	journal  *intents.Journal // of accepted requests
	recorder *recorder.Recorder
	gateway  *gateway.Gateway
	keeper   *link
	services *services.Manager
	deployer *deploy.Deployer
	builds   *envs.Builder
	replays  *replay.Engine
	verifier verifier
	registry *registry.Registry
	upkeep   *upkeep
	deploys  *deployNews
	api      *api.Server
	ports    *ports.Allocator
	settings *reloader
	sinks    *sinks.Sinks
	keys     *keyring
	forges   *forges.Book
	hosting  *hosting.Host
	pushes   *autodeploy.Engine
	reports  *reports.Outbox
	previews *previews.Engine
	mirrors  *gitea.Mirrors
	lfs      *lfs.Store
	apiTLS   *certificate  // nil: plain HTTP
	tls      *certificate  // of the gateway; likewise
	sweepNow chan struct{} // the retention has changed
}

// New opens the stores, connects to the keeper and wires the parts. Nothing runs before Run.
func New(ctx context.Context, cfg Config) (_ *Daemon, err error) {
	d := &Daemon{cfg: cfg, dir: Layout{cfg.Settings.DataDir}, log: cfg.Logger}
	if d.log == nil {
		d.log = slog.Default()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if err := d.dir.prepare(); err != nil {
		return d, err
	}
	if err := d.openStores(ctx); err != nil {
		return d, err
	}
	if d.keeper, err = dialKeeper(ctx, d.dir.KeeperSocket()); err != nil {
		return d, err
	}
	if err := d.wire(); err != nil {
		return d, err
	}
	return d, nil
}

func (d *Daemon) openStores(ctx context.Context) error {
	key, err := store.LoadOrCreateKey(d.dir.Key())
	if err != nil {
		return err
	}
	if d.store, err = store.Open(ctx, store.Options{Path: d.dir.Database(), Key: key}); err != nil {
		return err
	}
	d.archive, err = records.Open(d.dir.Records(), records.Options{Logger: d.log, Book: d.store})
	return err
}

func (d *Daemon) wire() error {
	s := d.cfg.Settings
	d.journal = intents.Open(d.dir.Intents(), d.log)
	d.recorder = recorder.New(d.archive, recorder.Options{QueueBytes: int64(s.Recorder.QueueBytes), Journal: d.journal, Stored: d.stored, Key: d.digestKey(), Logger: d.log})
	d.gateway = gateway.New(d.recorder, gateway.Options{Logger: d.log})
	d.keys = &keyring{store: d.store, gateway: d.gateway}
	d.apiTLS, d.tls = newCertificate(s.TLS, d.log), newCertificate(s.GatewayTLS, d.log)
	allocator, err := ports.New(ports.Range(s.Ports), d.store, ports.Options{Logger: d.log})
	if err != nil {
		return err
	}
	d.ports, d.sweepNow = allocator, make(chan struct{}, 1)
	lines := instanceLogs{d.dir.Logs()}
	sampler := procs.NewSampler()
	d.services = services.New(services.Deps{
		Store: d.store, Keeper: d.keeper, Router: d.gateway, Ports: allocator, Usage: sampler.Sample, OpenFiles: sampler.OpenFiles, Logger: d.log,
		Dirs:       services.Dirs{Envs: d.dir.Envs(), Logs: d.dir.Logs()},
		GatewayURL: d.gatewayURL(),
	})
	d.deploys = &deployNews{
		news: make(chan deploy.Event, deployBacklog), lookup: d.store.Deploy, tell: d.services.Tell,
		lost: func(ev deploy.Event) {
			d.log.Warn("event of a deploy not told", "deploy", ev.Deploy, "state", ev.State)
		},
	}
	d.replays = d.newReplays()
	d.forges = d.newForges()
	d.mirrors = d.newMirrors()
	d.hosting = d.newHosting()
	d.reports = d.newReports()
	d.previews = d.newPreviews()
	d.verifier = verifier{d.replays, d.dir.Logs()}
	d.upkeep = d.newUpkeep()
	d.registry = registry.New(d.store, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, d.log)
	d.builds = d.newEnvironments(s.Deploy)
	d.deployer = deploy.New(deploy.Deps{
		Gate: d.verifier.verify, Contract: contracts{d.registry, d.store.Preview}.check, Room: d.upkeep.room,
		Store: d.store, Fleet: d.services, Canary: d.services.DeployedCanary, Trial: canaries{d.services, d.gateway}, Pause: d.pausePushes, Notify: d.notifyDeploy, Order: d.services.CheckOrder, Enforce: services.Enforce, Lines: d.lastLines, HTTP: &http.Client{Timeout: 10 * time.Second}, Logger: d.log,
		Sources: &deploy.Origins{Mirrors: d.mirrors, Forges: d.forges.List, Hosted: d.hosting.Find},
		Envs:    d.builds,
		Dirs:    deploy.Dirs{Releases: d.dir.Releases(), Envs: d.dir.Envs(), Logs: d.dir.Logs()},
		Slots:   s.Deploy.BuildSlots, Keep: s.Deploy.KeepReleases, History: s.Deploy.KeepDeploys, Limits: deploy.StepLimits(time.Duration(s.Deploy.StepTimeout)),
	})
	d.pushes = d.newAutodeploy()
	d.trust(s)
	d.sinks = d.newSinks()
	return d.wireAPI(lines)
}

func (d *Daemon) apiURL() string { return urlOf(d.cfg.Listeners[listenAPI].Addr(), d.cfg.Settings.TLS) }

func (d *Daemon) gatewayURL() string {
	return urlOf(d.cfg.Listeners[listenGateway].Addr(), d.cfg.Settings.GatewayTLS)
}

// lastLines are the last n lines that an instance has written since it was launched.
func (d *Daemon) lastLines(instance string, n int) []string {
	return instanceLogs{d.dir.Logs()}.tail(instance, n, d.services.Launched(instance))
}

// Run serves until ctx ends or a part fails, then stops everything in the reverse order of its start.
func (d *Daemon) Run(ctx context.Context) error {
	run := newGroup(ctx)
	defer func() {
		if err := d.close(); err != nil {
			d.log.Error("close", "err", err)
		}
	}()
	// Each stage outlives the ones started after it.
	recording := run.stage()
	recording.start("recorder", d.recorder.Run)
	keeping := run.stage()
	keeping.start("lost records", d.recorder.Recover)
	keeping.start("services", d.services.Run)
	keeping.start("keeper events", d.observe)
	if err := d.boot(ctx); err != nil {
		return errors.Join(err, run.stop())
	}
	serving := run.stage()
	serving.start("gateway", func(ctx context.Context) error {
		return d.gateway.Serve(ctx, d.tls.listen(d.cfg.Listeners[listenGateway]))
	})
	telling := run.stage()
	telling.start("deploy events", d.deploys.run)
	telling.start("reports", d.reports.Run)
	deploying := run.stage()
	deploying.start("deploys", d.deployer.Run)
	deploying.start("pushes", d.pushes.Run)
	deploying.start("previews", d.previews.Run)
	deploying.start("api", d.serveAPI)
	deploying.start("hosting", d.hosting.Run)
	deploying.start("retention", d.retain)
	deploying.start("clean-up", d.upkeep.run)
	deploying.start("sinks", d.sinks.Run)
	deploying.start("settings", d.settings.run)
	deploying.start("certificate of the API", d.apiTLS.watch)
	deploying.start("certificate of the gateway", d.tls.watch)
	if err := errors.Join(procs.TakeOutput(), d.keeper.Ready(ctx)); err != nil {
		return errors.Join(fmt.Errorf("tell the keeper that the daemon serves: %w", err), run.stop())
	}
	d.log.Info("daemon ready", "api", d.apiURL(), "gateway", d.gatewayURL())
	if !run.wait(d.cfg.Leave) {
		d.leave(ctx, serving, deploying, telling, keeping)
	}
	return run.stop()
}

// boot makes the keeper run what the store wants, from what it runs already.
func (d *Daemon) boot(ctx context.Context) error {
	running, err := d.keeper.List(ctx)
	if err != nil {
		return fmt.Errorf("ask the keeper what runs: %w", err)
	}
	for _, status := range running {
		d.services.Observe(status)
	}
	if err := d.keys.refresh(ctx); err != nil {
		return err
	}
	return d.services.Boot(ctx)
}

// observe carries the keeper's news to the services until ctx ends. Losing the keeper is fatal: it is this process's
// parent, and its successor starts a daemon of its own.
func (d *Daemon) observe(ctx context.Context) error {
	err := d.keeper.watch(ctx, d.services.Observe)
	if err != nil {
		d.api.Close() // calls in flight wait for what only the keeper could tell; its successor waits for this process
	}
	return err
}

// close lets go of what New opened.
func (d *Daemon) close() error {
	var errs []error
	if d.keeper != nil {
		errs = append(errs, d.keeper.Close())
	}
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	if d.archive != nil {
		errs = append(errs, d.archive.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	return errors.Join(errs...)
}
