package procs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"aictl/procs/internal/cgroups"
	"aictl/procs/internal/kernel"
)

// KeeperConfig is what a Keeper is made of. Only RunDir must be given.
type KeeperConfig struct {
	RunDir    string                  // holds the lock, the socket, state files and FIFOs; made with mode 0700
	Logger    *slog.Logger            // slog.Default when nil
	Listeners map[string]net.Listener // handed to the child and kept open; the keeper takes them over
	// Listen opens more listeners of that kind, once the lock is held.
	Listen  func() (map[string]net.Listener, error)
	Child   *ChildSpec // the daemon; nil for a keeper without one
	Version string     // told to clients
	// Subreaper makes the keeper adopt and reap orphans. The program must then start no child by other means.
	Subreaper bool
	// Cgroups puts every instance into a cgroup v2 of its own where one can be had.
	Cgroups bool
	Manager ServiceManager // told when the keeper is ready, stops, and lives
	// Trial are the arguments with which a program prints its Trial and ends; without them programs are not tried.
	Trial []string
	// Handover is what an earlier program of this process left, instead of Listeners and Listen. It stays the caller's.
	Handover *Handover

	Now  func() time.Time // time.Now when nil
	Rand func() float64   // in [0,1); for the jitter of backoffs
}

// Keeper is the parent of all instances and of the daemon.
type Keeper struct {
	host      *host
	lock      *os.File
	socket    net.Listener
	child     *child
	listeners *listenerSet
	manager   ServiceManager
	version   string
	startedAt time.Time
	stop      context.CancelFunc // set by Run
	stopping  chan struct{}      // closed when Run begins to end
	trial     []string
	news      upgradeNews
	handover  *Handover // what Run began with
	next      *Handover // what Run left to the next program

	mu        sync.RWMutex
	instances map[string]*instance
	closing   bool
}

// NewKeeper takes the lock on the run directory and opens the socket. ErrLocked means that another keeper has it.
func NewKeeper(cfg KeeperConfig) (k *Keeper, err error) {
	if cfg.RunDir, err = filepath.Abs(cfg.RunDir); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.RunDir, filepath.Join(cfg.RunDir, "fifo"), filepath.Join(cfg.RunDir, "instances")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the keeper's directory: %w", err)
		}
	}
	k = &Keeper{
		manager: cfg.Manager, version: cfg.Version, instances: make(map[string]*instance), stopping: make(chan struct{}),
		trial: cfg.Trial, handover: cfg.Handover,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
			k = nil
		}
	}()
	if err = k.open(cfg); err != nil {
		return k, err
	}
	if cfg.Child != nil {
		k.child = newChild(k.host, *cfg.Child, k.listeners)
		k.child.tell = k.tell
	}
	return k, nil
}

// open opens what the keeper works with, or takes it over.
func (k *Keeper) open(cfg KeeperConfig) (err error) {
	if cfg.Handover != nil {
		return k.inherit(cfg)
	}
	if k.lock, err = takeLock(filepath.Join(cfg.RunDir, "keeper.lock")); err != nil {
		return err
	}
	if k.host, err = newHost(cfg); err != nil {
		return err
	}
	k.startedAt = k.host.now()
	if k.listeners, err = k.host.succeed(cfg); err != nil {
		return err
	}
	k.socket, err = listenUnix(filepath.Join(cfg.RunDir, SocketName))
	return err
}

func newHost(cfg KeeperConfig) (*host, error) {
	h := &host{
		runDir: cfg.RunDir, mark: directoryMark(cfg.RunDir), log: cfg.Logger, now: cfg.Now, random: cfg.Rand,
		subreaper: cfg.Subreaper, children: newChildren(), pipes: newPipeBudget(), feed: newFeed(),
		slots: make(chan struct{}, runtime.GOMAXPROCS(0)+2),
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.random == nil {
		h.random = rand.Float64
	}
	var err error
	if h.bootID, err = kernel.BootID(); err != nil {
		return nil, err
	}
	if h.null, err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	if cfg.Cgroups {
		if h.mount, h.groups, err = openGroups("aictl-" + h.mark); err != nil {
			h.log.Info("no cgroups: process trees are walked instead", "reason", err)
		} else if h.groups.Lacking != nil {
			h.log.Info("controllers are not handed down: some limits are not enforced", "reason", h.groups.Lacking)
		}
	}
	if cfg.Subreaper {
		err = kernel.BecomeSubreaper()
		return h, err
	}
	return h, nil
}

func openGroups(name string) (cgroups.Mount, *cgroups.Tree, error) {
	mount, err := cgroups.FindMount()
	if err != nil {
		return mount, nil, err
	}
	tree, err := mount.Tree(name)
	return mount, tree, err
}

// Run takes back what an earlier keeper left running, serves, and starts the child. It returns when ctx has ended or
// a client asked for it, and everything is stopped: the child first, then all instances at once. It also returns, with
// all of them running, when an upgrade has come so far that another program takes this process over: see Next.
func (k *Keeper) Run(ctx context.Context) error {
	ctx, k.stop = context.WithCancel(ctx)
	defer k.stop()
	background, endBackground := context.WithCancel(context.WithoutCancel(ctx))
	var owned sync.WaitGroup
	owned.Go(func() { k.host.feed.trimWhenQuiet(background) })
	k.goOn(ctx) // before orphans are reaped: whose they are is not known yet
	if k.host.subreaper {
		owned.Go(func() { k.host.reapOrphans(background) })
	}
	if k.handover == nil {
		if err := k.takeBack(); err != nil {
			k.host.log.Error("take back what an earlier keeper left", "err", err)
		}
	}
	server := newServer(k)
	owned.Go(func() { server.serve(k.socket) })
	if k.manager.Watchdog > 0 {
		owned.Go(func() { k.feedWatchdog(background) })
	}
	told := context.AfterFunc(ctx, func() { k.tell("STOPPING=1", "STATUS=stopping the daemon and all services") })
	defer told()
	up, err := k.supervise(ctx)
	close(k.stopping)
	if up != nil && ctx.Err() == nil {
		err = k.handOver(server, up)
	} else {
		err = errors.Join(err, k.stopAll(), k.socket.Close(), removeIfThere(k.Socket()))
		server.close(nil)
	}
	endBackground()
	owned.Wait()
	return errors.Join(err, k.Close())
}

// supervise runs the daemon until ctx has ended, or an upgrade has replaced it.
func (k *Keeper) supervise(ctx context.Context) (*upgrade, error) {
	if k.child == nil {
		k.tell("READY=1", "STATUS=serving")
		<-ctx.Done()
		return nil, nil
	}
	if k.child.current == nil {
		k.tell("STATUS=starting the daemon")
	}
	return k.child.run(ctx, func() bool { return len(k.statuses()) == 0 })
}

// stopAll ends every instance at once and removes its traces.
func (k *Keeper) stopAll() error {
	k.host.stopping.Store(true)
	k.mu.Lock()
	k.closing = true
	all := make([]*instance, 0, len(k.instances))
	for _, i := range k.instances {
		all = append(all, i)
	}
	k.mu.Unlock()
	for _, i := range all {
		i.post(message{event: Remove{}})
	}
	for _, i := range all {
		<-i.done
	}
	return k.host.removeGroups()
}

// removeGroups removes the cgroups, those of instances nobody knows any more included.
func (h *host) removeGroups() error {
	if h.groups == nil {
		return nil
	}
	names, err := h.groups.Groups()
	for _, name := range names {
		err = errors.Join(err, h.groups.Group(name).Remove())
	}
	return errors.Join(err, h.groups.Remove())
}

// Close lets go of everything without stopping an instance; Run does it, too. It is for a Keeper that never ran.
func (k *Keeper) Close() error {
	k.mu.Lock()
	all := k.instances
	k.instances = nil
	k.mu.Unlock()
	for _, i := range all {
		if !isClosed(i.done) {
			close(i.quit)
			<-i.done
		}
	}
	var faults []error
	if k.socket != nil {
		if err := k.socket.Close(); !errors.Is(err, net.ErrClosed) {
			faults = append(faults, err)
		}
	}
	if k.listeners != nil {
		faults = append(faults, k.listeners.close())
	}
	if k.host != nil && k.host.null != nil {
		faults = append(faults, k.host.null.Close())
	}
	if k.lock != nil {
		faults = append(faults, k.lock.Close())
	}
	return errors.Join(faults...)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Socket is the path clients dial.
func (k *Keeper) Socket() string { return filepath.Join(k.host.runDir, SocketName) }
