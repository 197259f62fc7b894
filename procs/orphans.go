package procs

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"aictl/procs/internal/kernel"
)

// reapOrphans frees adopted orphans that have died. It looks without reaping first: known children belong to
// whoever spawned them.
func (h *host) reapOrphans(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		h.reapPending()
		select {
		case <-ctx.Done():
			return
		case <-died:
		case <-h.children.freed:
		}
	}
}

// reapPending frees the orphans that have died. The kernel always names the same zombie first; when that one has an owner,
// who keeps it until its whole tree is gone, the others are found by looking at every child.
func (h *host) reapPending() {
	for {
		pid, more := h.reapOne()
		if !more {
			if pid != 0 {
				h.reapBehind()
			}
			return
		}
	}
}

// reapOne frees the zombie that the kernel names first. more is false when there is none, or when pid has an owner.
func (h *host) reapOne() (pid int, more bool) {
	h.children.mu.Lock()
	defer h.children.mu.Unlock()
	pid, err := kernel.PeekAnyZombie()
	if err != nil {
		h.log.Error("look for orphans", "err", err)
		return 0, false
	}
	if pid == 0 || h.children.known[pid] {
		return pid, false
	}
	return pid, h.reap(pid)
}

// reapBehind frees the orphans among all children.
func (h *host) reapBehind() {
	h.children.mu.Lock()
	defer h.children.mu.Unlock()
	pids, err := kernel.Children(os.Getpid())
	if err != nil {
		h.log.Error("look for orphans", "err", err)
		return
	}
	for _, pid := range pids {
		if h.children.known[pid] {
			continue
		}
		if stat, err := kernel.ReadStat(pid); err == nil && !stat.Alive() {
			h.reap(pid)
		}
	}
}

// reap frees one orphan. Called with the lock of the children held.
func (h *host) reap(pid int) bool {
	if err := kernel.ReapPID(pid); err != nil {
		h.log.Error("reap orphan", "pid", pid, "err", err)
		return false
	}
	return true
}
