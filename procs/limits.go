package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"time"

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
func (h *host) startLimited(p *process, c command, start func() (int, error)) (int, error) {
	limiter, err := h.limiter(c.id)
	if _, grouped := p.tree.(*groupTree); err == nil && !grouped {
		limiter, err = cgroups.NewLimiter(cgroups.Group{}, "aictl-"+h.mark, groupName(c.id))
	}
	if err != nil {
		h.log.Warn("limits not enforced", "instance", c.id, "err", err)
		return start()
	}
	entries, faults := limiter.Prepare(cgroups.Limits(c.limits))
	// A group that outlived an earlier process counts its kills, too.
	p.limiter, p.oomBefore = &limiter, limiter.OOMKills()
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

// findLimiter finds the groups of an adopted process: an earlier keeper may have made them elsewhere. Their counters began
// at 0 with the process, for groups are removed with it.
func (p *process) findLimiter() error {
	if p.limits == (Limits{}) || p.limiter != nil {
		return nil
	}
	var group cgroups.Group
	if _, ok := p.tree.(*groupTree); ok {
		group = p.host.group(p.id)
	}
	limiter, err := cgroups.LimiterOf(p.pid, group, groupName(p.id))
	if err == nil {
		p.limiter = &limiter
	}
	return err
}

// oomKilled says whether the kernel killed a process of the group for want of memory.
func (p *process) oomKilled() bool {
	return p.limiter != nil && p.limits.Memory > 0 && p.limiter.OOMKills() > p.oomBefore
}

// noteOOM tells a kill for want of memory from any other.
func (p *process) noteOOM(exit Exit) Exit {
	if exit.Signal == "KILL" && p.oomKilled() {
		exit.OOM, exit.MemoryLimit = true, p.limits.Memory
	}
	return exit
}

// oomPatience is how long after the news that memory ran out the kill is looked for; none may follow, when enough was
// given back in time.
const oomPatience = 2 * time.Second

// watchOOM calls told when the kernel kills a process of the group for want of memory, also when the leader lives on. It
// costs nothing until then. Under cgroup v2 the kernel ends the whole group by itself (memory.oom.group) and nothing needs to
// be watched.
func (p *process) watchOOM(told func()) error {
	if p.limiter == nil || p.limits.Memory == 0 {
		return nil
	}
	event, err := p.limiter.NotifyOOM()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch for want of memory: %w", err)
	}
	p.oomEvent, p.oomOver = event, make(chan struct{})
	go func() {
		count := make([]byte, 8)
		for {
			if _, err := event.Read(count); err != nil {
				return // closed, with the process
			}
			if p.killFollows() {
				told()
				return
			}
		}
	}()
	return nil
}

// killFollows waits for the kill that the news of it comes before.
func (p *process) killFollows() bool {
	late := time.NewTimer(oomPatience)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !p.oomKilled() {
		select {
		case <-look.C:
		case <-late.C:
			return false
		case <-p.oomOver:
			return false
		}
	}
	return true
}

// endOOM ends the watching.
func (p *process) endOOM() error {
	if p.oomEvent == nil {
		return nil
	}
	close(p.oomOver)
	return p.oomEvent.Close()
}

// endLimits removes the groups of a tree that is gone, so that the next one's counters begin at 0.
func (p *process) endLimits() error {
	if p.limits == (Limits{}) {
		return nil
	}
	if p.limiter != nil {
		return p.limiter.Remove()
	}
	limiter, err := p.host.limiter(p.id)
	if err != nil {
		return err
	}
	return limiter.Remove()
}
