package procs

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ChildSpec is the daemon. Its output is the keeper's own.
type ChildSpec struct {
	Argv  []string
	Dir   string
	Env   []string
	Grace time.Duration // between SIGTERM and SIGKILL; 30s when 0
	// Refused is the exit code that says: starting me again would not help. A keeper without instances then ends with
	// ErrRefused; one with instances keeps them and goes on trying. 0 for none.
	Refused int
	// Own says that Argv[0] is the keeper's own program. It is then this very file that is run, whatever lies at the
	// path by now: keeper and daemon change together, by an upgrade.
	Own bool
}

// childID begins the id of every process of the daemon; no instance can have such a one.
const childID = ".daemon"

const (
	childStable      = 3 * time.Second // up for this long, the next start is immediate
	childBackoff     = 50 * time.Millisecond
	childSlowest     = 5 * time.Second
	childGrace       = 30 * time.Second
	childKillPatient = 5 * time.Second
	// childQuick is how often in a row a daemon that said that it serves, and ended within childStable, is started
	// again at once.
	childQuick = 20
)

// child keeps one process running: not an instance, since nothing may depend on it. While a program is replaced there
// are two, see handover_daemon.go.
type child struct {
	host      *host
	spec      ChildSpec
	listeners *listenerSet
	tell      func(lines ...string) // tells the service manager
	upgrades  chan *upgrade
	said      sayings

	// What follows belongs to run.
	current *daemonProcess // nil while there is none
	rest    <-chan time.Time
	pause   time.Duration
	quick   int
	revert  *upgrade // the program to go back to, first of all

	owned    sync.WaitGroup // drains
	letGo    chan struct{}  // closed: what drains is the next keeper's
	mu       sync.Mutex
	draining []*daemonProcess
}

// daemonProcess is one process of the daemon.
type daemonProcess struct {
	*process
	id, nonce string
	exits     chan Exit
	began     time.Time
	words     *words
	told      bool     // the service manager knows that it serves
	trail     *os.File // what a candidate printed before it served
}

func newChild(h *host, spec ChildSpec, listeners *listenerSet) *child {
	spec.Grace = orDefault(spec.Grace, childGrace)
	spec.Dir = orDefault(spec.Dir, h.runDir)
	spec.Env = without(spec.Env, slices.Concat(managerVariables, []string{envHandover, envHandoverFault, envStandby})...)
	return &child{
		host: h, spec: spec, listeners: listeners, tell: func(...string) {}, pause: childBackoff,
		upgrades: make(chan *upgrade), letGo: make(chan struct{}), said: sayings{by: make(map[int]*words)},
	}
}

// without is env without the named variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(names, name)
	})
}

// run keeps the child running until ctx ends, then ends it; or until an upgrade has replaced it, which is returned, and
// its process goes on. idle reports that the keeper runs nothing else.
func (c *child) run(ctx context.Context, idle func() bool) (done *upgrade, refused error) {
	defer c.owned.Wait()
	c.goBack(ctx)
	for ctx.Err() == nil {
		if c.current == nil && c.rest == nil {
			c.begin()
			continue
		}
		select {
		case <-c.current.newlyReady():
			c.current.told = true
			c.host.log.Info("daemon ready", "pid", c.current.pid)
			c.tell("READY=1", "STATUS=serving")
		case exit := <-c.current.ended():
			if err := c.bury(c.current, exit); c.refused(err) && idle() {
				return nil, ErrRefused
			}
		case <-c.rest:
			c.rest = nil
		case up := <-c.upgrades:
			if c.change(ctx, up) {
				close(c.letGo)
				return up, nil
			}
		case <-ctx.Done():
		}
	}
	if c.current != nil {
		c.end(c.current)
	}
	return nil, nil
}

// begin starts the daemon, or a rest when that does not work.
func (c *child) begin() {
	p, err := c.spawn(c.spec.Argv[0], c.spec.Own, nil)
	if err != nil {
		c.host.log.Error("daemon not started, trying again after a pause", "err", err, "pause", c.pause)
		c.pauseNow()
		return
	}
	c.current = p
}

func (c *child) pauseNow() {
	c.rest = time.After(c.pause)
	c.pause = min(2*c.pause, childSlowest)
}

// spawn starts a process of the daemon: a candidate prints into its trail and waits to be told to go on. own says that
// the keeper's own file is meant, whatever lies at its path.
func (c *child) spawn(program string, own bool, trail *os.File) (*daemonProcess, error) {
	p := &daemonProcess{id: c.freeID(), nonce: c.host.newNonce(), exits: make(chan Exit, 1), trail: trail}
	cmd := command{
		id: p.id, argv: append([]string{program}, c.spec.Argv[1:]...), dir: c.spec.Dir,
		env: append(slices.Clone(c.spec.Env), c.listeners.env()), nonce: p.nonce, stdout: 1, stderr: 2, extra: c.listeners.fds,
		self: own && pinned,
	}
	if trail != nil {
		cmd.env = append(cmd.env, envStandby+"="+strconv.Itoa(firstInherited+len(cmd.extra)))
		cmd.extra = append(slices.Clone(cmd.extra), 1, 2)
		cmd.stdout, cmd.stderr = int(trail.Fd()), int(trail.Fd())
	}
	var err error
	if p.process, err = c.host.spawn(cmd); err != nil {
		return nil, err
	}
	c.host.log.Info("daemon started", "pid", p.pid)
	c.watch(p)
	return p, nil
}

// watch begins to wait for the process's words and its end.
func (c *child) watch(p *daemonProcess) {
	p.began = p.startedAt
	p.words = c.said.of(p.pid)
	p.watch(func(exit Exit) { p.exits <- exit })
}

// freeID is an id that none of the daemon's processes has: each has a tree of its own.
func (c *child) freeID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := func(id string) bool {
		return c.current != nil && c.current.id == id || slices.ContainsFunc(c.draining, func(p *daemonProcess) bool { return p.id == id })
	}
	id := childID
	for n := 2; used(id); n++ {
		id = childID + "-" + strconv.Itoa(n)
	}
	return id
}

// newlyReady comes when the process has said that it serves and nobody was told yet; never for none.
func (p *daemonProcess) newlyReady() <-chan struct{} {
	if p == nil || p.told {
		return nil
	}
	return p.words.ready.ch
}

// ended tells how the process has ended; never for none.
func (p *daemonProcess) ended() <-chan Exit {
	if p == nil {
		return nil
	}
	return p.exits
}

// bury ends what the dead daemon left, builds of a deploy for one, and decides when the next one starts: at once when this one served.
func (c *child) bury(p *daemonProcess, exit Exit) error {
	c.current = nil
	err := errors.Join(errChildEnded{exit}, c.clear(p))
	up := c.host.now().Sub(p.began)
	served := p.words.ready.past()
	c.tell("STATUS=the daemon has ended and is started again; services go on")
	if up >= childStable {
		c.pause, c.quick = childBackoff, 0
	} else if served {
		c.quick++
	}
	if up >= childStable || served && c.quick <= childQuick {
		c.host.log.Warn("daemon ended, starting it again", "err", err, "up", up)
		return err
	}
	c.host.log.Error("daemon ended at once, starting it again after a pause", "err", err, "pause", c.pause)
	c.pauseNow()
	return err
}

func (c *child) refused(err error) bool {
	var ended errChildEnded
	return c.spec.Refused != 0 && errors.As(err, &ended) && ended.exit.Signal == "" && ended.exit.Code == c.spec.Refused
}

// errChildEnded says how the child ended.
type errChildEnded struct{ exit Exit }

func (e errChildEnded) Error() string { return describeExit(e.exit) }

// end tells the process to stop and returns when nothing of it is left.
func (c *child) end(p *daemonProcess) {
	if err := p.pidfd.Signal(syscall.SIGTERM); err != nil {
		c.host.log.Warn("tell the daemon to stop", "err", err)
	}
	grace := time.NewTimer(c.spec.Grace)
	defer grace.Stop()
	select {
	case <-p.exits:
	case <-grace.C:
		c.host.log.Warn("daemon did not stop in time, killing it", "pid", p.pid, "grace", c.spec.Grace)
		c.kill(p)
	}
	c.finish(p)
}

// kill ends the process at once.
func (c *child) kill(p *daemonProcess) {
	if err := p.kill(); err != nil {
		c.host.log.Warn("kill the daemon", "err", err)
	}
	<-p.exits
}

// finish is clear for those who have nobody to tell.
func (c *child) finish(p *daemonProcess) {
	if err := c.clear(p); err != nil {
		c.host.log.Warn("clear up after the daemon", "err", err)
	}
}

// clear kills what the dead process left and forgets it.
func (c *child) clear(p *daemonProcess) error {
	s := newSweep(p.process, true)
	if !s.once() {
		swept := make(chan struct{})
		s.start(func() { close(swept) }, c.host.log)
		select {
		case <-swept:
		case <-time.After(childKillPatient):
			s.cancel()
		}
	}
	c.said.forget(p.pid)
	err := errors.Join(p.release(), p.tree.remove())
	if p.trail != nil {
		err = errors.Join(err, p.trail.Close())
	}
	return err
}
