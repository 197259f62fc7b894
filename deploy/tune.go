package deploy

import (
	"context"
	"sync"
)

// tuning are the bounds that can change while deploys run.
type tuning struct {
	keep    int
	history int
	limits  Limits
}

// Tune changes the build slots, the releases and the deploys kept and the limits of steps; zero values are the defaults. Deploys
// under way go on: they give their slots back, and their next step has the new limit.
func (d *Deployer) Tune(slots, keep, history int, limits Limits) {
	if slots <= 0 {
		slots = defaultSlots
	}
	if keep <= 0 {
		keep = defaultKeep
	}
	if history <= 0 {
		history = defaultHistory
	}
	limits.fill()
	d.tuned.Store(&tuning{keep, history, limits})
	d.build.resize(slots)
}

func (d *Deployer) keep() int {
	if t := d.tuned.Load(); t != nil {
		return t.keep
	}
	return d.Keep
}

// history is how many deploys are kept per service.
func (d *Deployer) history() int {
	if t := d.tuned.Load(); t != nil {
		return t.history
	}
	return d.History
}

func (d *Deployer) limits() Limits {
	if t := d.tuned.Load(); t != nil {
		return t.limits
	}
	return d.Limits
}

// slots bounds how many take one at a time.
type slots struct {
	mu    sync.Mutex
	most  int
	taken int
	freed chan struct{} // closed and replaced when one may be free
}

func newSlots(most int) *slots { return &slots{most: most, freed: make(chan struct{})} }

// take waits for a slot; waiting is called once when there is none at first.
func (s *slots) take(ctx context.Context, waiting func()) error {
	for first := true; ; first = false {
		s.mu.Lock()
		if s.taken < s.most {
			s.taken++
			s.mu.Unlock()
			return nil
		}
		freed := s.freed
		s.mu.Unlock()
		if first {
			waiting()
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *slots) put() { s.change(-1, 0) }

// resize sets how many there are; those taken beyond that are not given again.
func (s *slots) resize(most int) { s.change(0, most) }

func (s *slots) change(taken, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken += taken
	if most > 0 {
		s.most = most
	}
	close(s.freed)
	s.freed = make(chan struct{})
}
