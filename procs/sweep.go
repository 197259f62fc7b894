package procs

import (
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	sweepFirst   = time.Millisecond
	sweepSlowest = 20 * time.Millisecond
	sweepWarn    = 5 * time.Second // a process that outlives SIGKILL for this long hangs in the kernel
)

// sweep sees to it that nothing of a tree is left after its leader has ended: it lets the leader's group take the
// time it was given, then kills whatever there is until a look finds nothing.
type sweep struct {
	proc    *process
	killing atomic.Bool
	stop    chan struct{}
	ended   chan struct{}
}

func newSweep(proc *process, kill bool) *sweep {
	s := &sweep{proc: proc, stop: make(chan struct{}), ended: make(chan struct{})}
	s.killing.Store(kill)
	return s
}

// kill ends the patience with the group.
func (s *sweep) kill() { s.killing.Store(true) }

// once is one look, and a blow when patience is over. It says whether nothing is left.
func (s *sweep) once() bool {
	empty, err := s.proc.tree.empty()
	if err == nil && empty {
		return true
	}
	if !s.killing.Load() {
		if alive, err := s.proc.groupAlive(); err != nil || alive {
			return false
		}
	}
	if err := s.proc.kill(); err != nil {
		return false
	}
	empty, err = s.proc.tree.empty()
	return err == nil && empty
}

// start goes on looking in a goroutine and calls gone when nothing is left.
func (s *sweep) start(gone func(), log *slog.Logger) {
	go func() {
		defer close(s.ended)
		var killing time.Time
		warned := false
		for pause := sweepFirst; ; pause = min(2*pause, sweepSlowest) {
			select {
			case <-s.stop:
				return
			case <-time.After(pause):
			}
			if s.once() {
				gone()
				return
			}
			if killing.IsZero() && s.killing.Load() {
				killing = time.Now()
			}
			if !warned && !killing.IsZero() && time.Since(killing) > sweepWarn {
				warned = true
				log.Warn("processes outlive SIGKILL", "pid", s.proc.pid)
			}
		}
	}()
}

// cancel ends a started sweep, whether or not something is left.
func (s *sweep) cancel() {
	close(s.stop)
	<-s.ended
}
