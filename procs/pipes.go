package procs

import (
	"sync"

	"aictl/procs/internal/kernel"
)

const (
	smallPipe = 64 << 10 // what a new pipe holds
	// pipeShare bounds what grown pipes hold together: half of what the kernel grants one user, and no more than this.
	pipeShare = 32 << 20
	// busyReads is how many full pipes in a row make a stream busy.
	busyReads = 4
)

// pipeBudget hands out room in large pipes to busy streams. When it is used up, the stream that has been quiet for
// longest gives its room back.
type pipeBudget struct {
	mu    sync.Mutex
	large int // bytes of one grown pipe
	slots int
	held  []*stream // least recently busy first
}

func newPipeBudget() *pipeBudget {
	largest, perUser := kernel.PipeLimits()
	large := min(largest, 1<<20)
	if large <= smallPipe {
		return &pipeBudget{}
	}
	share := pipeShare
	if perUser > 0 {
		share = min(share, perUser/2)
	}
	return &pipeBudget{large: large, slots: share / large}
}

// most is what a pipe of any stream can hold.
func (b *pipeBudget) most() int { return max(b.large, smallPipe) }

// grow gives s a large pipe, or marks it as busy when it has one.
func (b *pipeBudget) grow(s *stream, fd int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slots == 0 {
		return
	}
	if b.drop(s) {
		b.held = append(b.held, s)
		return
	}
	if len(b.held) >= b.slots && !b.held[0].shrink() {
		return
	}
	if len(b.held) >= b.slots {
		b.held = b.held[1:]
	}
	if err := kernel.SetPipeSize(fd, b.large); err == nil {
		b.held = append(b.held, s)
	}
}

// release takes the room back, when the stream is closed or its process has ended.
func (b *pipeBudget) release(s *stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drop(s) {
		s.shrink()
	}
}

func (b *pipeBudget) drop(s *stream) bool {
	for i, held := range b.held {
		if held == s {
			b.held = append(b.held[:i], b.held[i+1:]...)
			return true
		}
	}
	return false
}
