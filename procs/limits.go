package procs

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"aictl/procs/internal/cgroups"
)

// Limits bound what one instance's processes use together; zero values mean no limit. Memory is in bytes.
type Limits struct {
	Memory int64   `json:"memory,omitempty"`
	CPUs   float64 `json:"cpus,omitempty"`
	Pids   int     `json:"pids,omitempty"`
}

func (l Limits) validate() error {
	if l.Memory < 0 || l.Pids < 0 || !(l.CPUs >= 0 && l.CPUs <= 1<<16) {
		return fmt.Errorf("limits: memory, cpus and pids must be within 0 (none) and what a machine can have: %+v", l)
	}
	return nil
}

func (h *host) limiter(id string) (cgroups.Limiter, error) {
	var group cgroups.Group
	if h.groups != nil {
		group = h.group(id)
	}
	return cgroups.NewLimiter(group, "aictl-"+h.mark, groupName(id))
}

// startLimited starts a leader within its limits. Version 1 controllers know no cloning into a group, but a child is
// born in the groups of the thread that forks it: a thread of its own enters them, forks and dies, so the leader is
// bounded before its first instruction. What cannot be enforced is logged; the instance runs all the same.
func (h *host) startLimited(c command, start func() (int, error)) (int, error) {
	limiter, err := h.limiter(c.id)
	if err != nil {
		h.log.Warn("limits not enforced", "instance", c.id, "err", err)
		return start()
	}
	entries, faults := limiter.Prepare(cgroups.Limits(c.limits))
	for limit, err := range faults {
		h.log.Warn("limit not enforced", "instance", c.id, "limit", limit, "err", err)
	}
	if len(entries) == 0 {
		return start()
	}
	var pid int
	onDyingThread(func() {
		if err := cgroups.Enter(entries); err != nil {
			h.log.Warn("limits not enforced", "instance", c.id, "err", err)
		}
		pid, err = start()
	})
	return pid, err
}

// onDyingThread runs work on a thread that ends with it. The main thread cannot end, so it is passed over.
func onDyingThread(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			onDyingThread(work)
			runtime.UnlockOSThread()
			return
		}
		work()
	}()
	<-done
}

// noteOOM tells a kill for want of memory from any other.
func (p *process) noteOOM(exit Exit) Exit {
	if p.limits.Memory == 0 || exit.Signal != "KILL" {
		return exit
	}
	limiter, err := p.host.limiter(p.id)
	if err == nil && limiter.OOMKills() > 0 {
		exit.OOM, exit.MemoryLimit = true, p.limits.Memory
	}
	return exit
}

// endLimits removes the groups of a tree that is gone, so that the next one's counters begin at 0.
func (p *process) endLimits() error {
	if p.limits == (Limits{}) {
		return nil
	}
	limiter, err := p.host.limiter(p.id)
	if err != nil {
		return err
	}
	return limiter.Remove()
}
