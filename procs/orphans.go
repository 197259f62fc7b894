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

// reapPending stops at the first zombie that has an owner: the owner's reaping brings it back here.
func (h *host) reapPending() {
	for h.reapOne() {
	}
}

func (h *host) reapOne() bool {
	h.children.mu.Lock()
	defer h.children.mu.Unlock()
	pid, err := kernel.PeekAnyZombie()
	if err != nil {
		h.log.Error("look for orphans", "err", err)
	}
	if err != nil || pid == 0 || h.children.known[pid] {
		return false
	}
	if err := kernel.ReapPID(pid); err != nil {
		h.log.Error("reap orphan", "pid", pid, "err", err)
		return false
	}
	return true
}
