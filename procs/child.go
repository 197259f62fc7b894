package procs

import (
	"context"
	"errors"
	"slices"
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
}

// childID marks the daemon's processes; no instance can have it.
const childID = ".daemon"

const (
	childStable      = 3 * time.Second // up for this long, the next start is immediate
	childBackoff     = 50 * time.Millisecond
	childSlowest     = 5 * time.Second
	childGrace       = 30 * time.Second
	childKillPatient = 5 * time.Second
)

// child keeps one process running: not an instance, since nothing may depend on it.
type child struct {
	host      *host
	spec      ChildSpec
	listeners *listenerSet
	nonce     string
	tell      func(lines ...string) // tells the service manager

	mu       sync.Mutex
	pid      int // of the process that runs now; 0 when none does
	readyPID int // the last that said it serves
}

func newChild(h *host, spec ChildSpec, listeners *listenerSet) *child {
	spec.Grace = orDefault(spec.Grace, childGrace)
	spec.Dir = orDefault(spec.Dir, h.runDir)
	spec.Env = without(spec.Env, managerVariables...)
	return &child{host: h, spec: spec, listeners: listeners, nonce: h.newNonce(), tell: func(...string) {}}
}

// without is env without the named variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(names, name)
	})
}

// begun notes which process is the daemon now; 0 for none.
func (c *child) begun(pid int) { c.note(func() { c.pid = pid }) }

// markReady notes that the process pid serves.
func (c *child) markReady(pid int) { c.note(func() { c.readyPID = pid }) }

// note tells the manager when the daemon has become ready. It may say so before this process knows its pid.
func (c *child) note(change func()) {
	c.mu.Lock()
	before := c.pid != 0 && c.readyPID == c.pid
	change()
	ready := c.pid != 0 && c.readyPID == c.pid
	c.mu.Unlock()
	if ready && !before {
		c.host.log.Info("daemon ready")
		c.tell("READY=1", "STATUS=serving")
	}
}

// run keeps the child running until ctx ends, then ends it. idle reports that the keeper runs nothing else.
func (c *child) run(ctx context.Context, idle func() bool) (refused error) {
	pause := childBackoff
	for ctx.Err() == nil {
		began := c.host.now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			break
		}
		if c.refused(err) && idle() {
			refused = ErrRefused
			break
		}
		c.tell("STATUS=the daemon has ended and is started again; services go on")
		up := c.host.now().Sub(began)
		if up >= childStable {
			pause = childBackoff
			c.host.log.Warn("daemon ended, starting it again", "err", err, "up", up)
			continue
		}
		c.host.log.Error("daemon ended at once, starting it again after a pause", "err", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, childSlowest)
	}
	if err := c.host.newTree(childID, c.nonce).remove(); err != nil {
		c.host.log.Warn("remove the daemon's cgroup", "err", err)
	}
	return refused
}

func (c *child) refused(err error) bool {
	var ended errChildEnded
	return c.spec.Refused != 0 && errors.As(err, &ended) && ended.exit.Signal == "" && ended.exit.Code == c.spec.Refused
}

// errChildEnded says how the child ended.
type errChildEnded struct{ exit Exit }

func (e errChildEnded) Error() string { return describeExit(e.exit) }

// once starts the child and returns after its end and that of every process it started.
func (c *child) once(ctx context.Context) error {
	p, err := c.host.spawn(command{
		id: childID, argv: c.spec.Argv, dir: c.spec.Dir, env: append(c.spec.Env[:len(c.spec.Env):len(c.spec.Env)], c.listeners.env()),
		nonce: c.nonce, stdout: 1, stderr: 2, extra: c.listeners.fds,
	})
	if err != nil {
		return err
	}
	c.begun(p.pid)
	defer c.begun(0)
	c.host.log.Info("daemon started", "pid", p.pid)
	exits := make(chan Exit, 1)
	p.watch(func(exit Exit) { exits <- exit })
	exit := c.await(ctx, p, exits)
	c.sweep(p)
	return errors.Join(errChildEnded{exit}, p.release())
}

// await returns when the child has ended. When ctx ends first, it is told to.
func (c *child) await(ctx context.Context, p *process, exits <-chan Exit) Exit {
	select {
	case exit := <-exits:
		return exit
	case <-ctx.Done():
	}
	if err := p.pidfd.Signal(syscall.SIGTERM); err != nil {
		c.host.log.Warn("tell the daemon to stop", "err", err)
	}
	grace := time.NewTimer(c.spec.Grace)
	defer grace.Stop()
	select {
	case exit := <-exits:
		return exit
	case <-grace.C:
	}
	c.host.log.Warn("daemon did not stop in time, killing it", "pid", p.pid, "grace", c.spec.Grace)
	if err := p.kill(); err != nil {
		c.host.log.Warn("kill the daemon", "err", err)
	}
	return <-exits
}

// sweep kills what the child left, builds of a deploy for one.
func (c *child) sweep(p *process) {
	s := newSweep(p, true)
	if s.once() {
		return
	}
	swept := make(chan struct{})
	s.start(func() { close(swept) }, c.host.log)
	select {
	case <-swept:
	case <-time.After(childKillPatient):
		s.cancel()
	}
}
