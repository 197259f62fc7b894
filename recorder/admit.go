package recorder

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"aictl/recorder/intents"
	"aictl/store/records"
)

// The values of configs.Record.Pressure. What happens to a service's exchanges when the memory is short: by default they lose
// their bodies, then they are dropped.
const (
	pressureBlock  = "block"  // a new one waits
	pressureRefuse = "refuse" // a new one is refused
)

// blockTime bounds how long an admission waits for memory.
const blockTime = 10 * time.Second

// Admit counts an exchange as accepted and returns its ticket, which must be ended. The ticket is nil when the service's
// exchanges are not recorded (`record: {mode: off}`). A service that was never configured is recorded in full.
//
// The error matches records.ErrNoRoom when memory is short and the service's pressure is refuse, or is block and memory stayed
// short until ctx ended or 10 s had passed; and records.ErrNotCommitted when the service's mode is audit and the store
// fails. Then nothing was accepted.
func (r *Recorder) Admit(ctx context.Context, in records.Intent) (Ticket, error) {
	s := r.service(in.Service)
	s.mu.RLock()
	p := s.policy
	s.mu.RUnlock()
	if p.off {
		return nil, nil
	}
	if p.audit || p.pressure == pressureBlock || p.pressure == pressureRefuse {
		if err := r.mayEnter(ctx, s, p); err != nil {
			return nil, err
		}
	}
	if in.StartedAt.IsZero() {
		in.StartedAt = r.opt.Now()
	}
	t := &ticket{r: r, s: s, policy: p}
	t.entry.Intent = intents.Intent{ID: r.ids.next(in.StartedAt), Service: in.Service, Method: in.Method, Path: in.Path,
		TraceID: in.TraceID, Session: p.sessionIn(in.Header), Start: in.StartedAt}
	t.id = t.entry.ID.String()
	r.accept(t)
	return t, nil
}

// mayEnter reports why an exchange of a service that must not lose any is not accepted.
func (r *Recorder) mayEnter(ctx context.Context, s *service, p *policy) error {
	if p.audit && !r.write.health.try(r.opt.Now()) {
		r.refuse(s, RefuseNotCommitted)
		return fmt.Errorf("admit a request for %s: %w", s.name, records.ErrNotCommitted)
	}
	if !r.mem.crowded() || p.pressure == pressureBlock && r.room.wait(ctx, r.mem.crowded) {
		return nil
	}
	r.refuse(s, RefuseNoRoom)
	return fmt.Errorf("admit a request for %s: %w", s.name, records.ErrNoRoom)
}

// room lets admissions wait until memory was given back.
type room struct {
	mu      sync.Mutex
	changed chan struct{} // closed when some was; nil: nobody waits
}

// wait returns true as soon as it is not crowded any more, false when ctx ends or blockTime has passed.
func (r *room) wait(ctx context.Context, crowded func() bool) bool {
	var end <-chan time.Time
	for {
		changed := r.next()
		if !crowded() {
			return true
		}
		if end == nil {
			timer := time.NewTimer(blockTime)
			defer timer.Stop()
			end = timer.C
		}
		select {
		case <-changed:
		case <-end:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (r *room) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// made wakes those who wait.
func (r *room) made() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// health is what admissions know of the store.
type health struct{ failed atomic.Int64 } // when it last failed, in nanoseconds; 0: it works

// probeEvery is how often a request of an audit service is let through to see whether a failing store has recovered.
const probeEvery = time.Second

// try reports whether the store is worth trying: it works, or nobody has tried it for a while.
func (h *health) try(now time.Time) bool {
	failed := h.failed.Load()
	if failed == 0 {
		return true
	}
	since := now.UnixNano() - failed
	return (since < 0 || since > int64(probeEvery)) && h.failed.CompareAndSwap(failed, max(now.UnixNano(), 1))
}

func (h *health) set(ok bool, now time.Time) {
	if ok {
		h.failed.Store(0)
	} else {
		h.failed.Store(max(now.UnixNano(), 1))
	}
}
