package sinks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"aictl/store/records"
)

// Sinks runs the configured sinks, each on its own: one that stands still holds up no other.
type Sinks struct {
	from Source
	keep Cursors
	open Opener
	opt  Options

	mu      sync.Mutex
	ctx     context.Context // nil before Run
	wanted  []Config
	runners map[string]*runner
}

// New returns sinks that wait for Run.
func New(from Source, keep Cursors, open Opener, opt Options) *Sinks {
	return &Sinks{from: from, keep: keep, open: open, opt: opt.withDefaults(), runners: map[string]*runner{}}
}

// Set replaces what is wanted: sinks that stay as they are go on, others are stopped and started. A stopped one keeps its cursor.
func (s *Sinks) Set(wanted []Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = slices.Clone(wanted)
	if s.ctx != nil {
		s.apply()
	}
}

// apply makes the runners be what is wanted. Callers hold s.mu.
func (s *Sinks) apply() {
	want := map[string]Config{}
	for _, c := range s.wanted {
		want[c.Name] = c
	}
	for name, r := range s.runners {
		if c, ok := want[name]; !ok || !reflect.DeepEqual(c, r.cfg) {
			r.stop()
			delete(s.runners, name)
		}
	}
	for _, c := range s.wanted {
		if s.runners[c.Name] == nil {
			s.runners[c.Name] = s.start(c)
		}
	}
}

func (s *Sinks) start(c Config) *runner {
	ctx, cancel := context.WithCancel(s.ctx)
	r := &runner{cfg: c, from: s.from, keep: s.keep, open: s.open, opt: s.opt, nudge: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
		status: Status{Name: c.Name, URL: Masked(c.URL), State: StateStarting}}
	go r.run(ctx)
	return r
}

func (r *runner) stop() {
	r.cancel()
	<-r.done
}

// Run delivers until ctx ends.
func (s *Sinks) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	s.apply()
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, r := range s.runners {
		r.stop()
		delete(s.runners, name)
	}
	s.ctx = nil
	return nil
}

// Status is every sink, by name.
func (s *Sinks) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Status, 0, len(s.runners))
	for _, r := range s.runners {
		list = append(list, r.snapshot())
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Retry has a sink try again now instead of at the end of its wait.
func (s *Sinks) Retry(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runners[name]
	if r == nil {
		return unknown(name)
	}
	select {
	case r.nudge <- struct{}{}:
	default: // one is on its way already
	}
	return nil
}

// Test connects to a sink, prepares its schema and leaves: what `aictl sinks test` shows.
func (s *Sinks) Test(ctx context.Context, name string) error {
	s.mu.Lock()
	i := slices.IndexFunc(s.wanted, func(c Config) bool { return c.Name == name })
	if i < 0 {
		s.mu.Unlock()
		return unknown(name)
	}
	c := s.wanted[i]
	s.mu.Unlock()
	target, err := s.open(c)
	if err == nil {
		err = errors.Join(target.Prepare(ctx), target.Close())
	}
	if err != nil {
		return fmt.Errorf("sink %s: %s", name, withoutSecrets(err, c.URL))
	}
	return nil
}

// Rewind has a sink begin anew, from its first record or after the last one; what it has delivered counts on.
func (s *Sinks) Rewind(ctx context.Context, name, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runners[name]
	if r == nil {
		return unknown(name)
	}
	position := records.Position{}
	if to == FromNow {
		var err error
		if position, err = s.from.Latest(ctx); err != nil {
			return err
		}
	}
	r.stop()
	c := r.cursor
	c.Position = position
	err := s.keep.SaveSink(ctx, name, c)
	s.runners[name] = s.start(r.cfg)
	return err
}
