package procs

import (
	"errors"
	"os"
	"syscall"
	"time"

	"aictl/procs/internal/cgroups"
	"aictl/procs/internal/kernel"
)

// process is one leader: spawned by this keeper, or by an earlier one and adopted.
type process struct {
	pid       int
	start     uint64 // kernel start time in ticks since boot
	child     bool
	pidfd     *kernel.Pidfd
	startedAt time.Time // as it is told to others, from one keeper to the next
	born      time.Time // the same, from the kernel's own clock and with a monotonic reading
	tree      tree
	host      *host
	id        string // of the instance, and its limits; set before watch
	limits    Limits
	limiter   *cgroups.Limiter // nil when nothing is limited
	oomBefore int              // what the limiter's count of kills was before
	oomEvent  *os.File         // see watchOOM
	oomOver   chan struct{}    // closed by endOOM
}

// watch waits in a goroutine for the leader's end and tells how it came about.
func (p *process) watch(told func(Exit)) {
	go func() {
		if err := p.pidfd.Wait(); err != nil {
			return // closed: nobody wants to know any more
		}
		at := p.host.now()
		exit := p.noteOOM(p.learn())
		exit.At, exit.Uptime = at, at.Sub(p.born)
		told(exit)
	}()
}

// lateReport is how long the exit of an adopted process is looked for: between being a zombie and being reaped it
// is nowhere.
const lateReport = 50 * time.Millisecond

// learn finds out how the leader ended and leaves a child of ours unreaped.
func (p *process) learn() Exit {
	exit, err := p.pidfd.PeekExit()
	deadline := time.Now().Add(lateReport)
	for pause := time.Millisecond; err != nil && time.Now().Before(deadline); pause *= 2 {
		if exit, err = p.foreignExit(); err != nil {
			time.Sleep(pause)
		}
	}
	if err != nil {
		return Exit{Code: -1, Unknown: true}
	}
	if exit.Signal != 0 {
		return Exit{Code: -1, Signal: signalName(exit.Signal)}
	}
	return Exit{Code: exit.Code}
}

// foreignExit learns the exit of a process somebody else reaps: from the zombie, or from the kernel (6.15 and later)
// once it is reaped.
func (p *process) foreignExit() (kernel.Exit, error) {
	stat, err := kernel.ReadStat(p.pid)
	if err == nil && stat.Start == p.start {
		return stat.Exit()
	}
	return p.pidfd.ReportedExit()
}

// signalGroup signals every process of the leader's group. The pid is only used while it cannot be recycled: as
// long as the leader is our unreaped child.
func (p *process) signalGroup(sig syscall.Signal) error {
	err := p.pidfd.SignalGroup(sig)
	if errors.Is(err, syscall.EINVAL) && p.child {
		err = syscall.Kill(-p.pid, sig)
	} else if errors.Is(err, syscall.EINVAL) {
		err = p.pidfd.Signal(sig)
	}
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// kill sends SIGKILL to everything that is left of the tree.
func (p *process) kill() error {
	return errors.Join(p.signalGroup(syscall.SIGKILL), p.tree.kill())
}

// release frees the dead leader's pid and descriptor.
func (p *process) release() error {
	var err error
	if p.child {
		_, err = p.pidfd.Reap()
		p.host.children.reaped(p.pid)
	}
	return errors.Join(err, p.pidfd.Close(), p.endOOM(), p.tree.ended(), p.endLimits())
}
