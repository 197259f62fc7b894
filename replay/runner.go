package replay

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// schedule says how items are handed out.
type schedule struct {
	Pace        Pace
	Sessions    bool // a session's next request waits for the answer to the one before
	Concurrency int  // requests in flight at a time
}

// Bounds of what waits behind the requests of its own session that are in flight: beyond that no more are handed out.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 64 << 20
)

// runner hands items to do, each once, beginning in their order. How late it is goes to lag.
type runner struct {
	schedule
	do  func(context.Context, *item) error
	lag func(time.Duration)

	slots chan struct{}
	work  sync.WaitGroup
	stop  context.CancelCauseFunc
	room  room

	mu       sync.Mutex
	sessions map[string][]turn // sessions with a request in flight, and what waits for it
}

// turn is an item and when it is due; zero is at once.
type turn struct {
	*item
	due time.Time
}

// run hands out everything that next gives. It returns when all are done, or with the first error of next or do, or
// with the cause of ctx's end, when nothing of it goes on any more.
func (r *runner) run(ctx context.Context, next func() (*item, error)) error {
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	r.slots = make(chan struct{}, r.Concurrency)
	r.sessions = map[string][]turn{}
	r.room.init(maxWaiting, maxWaitingBytes)
	err := r.handOut(ctx, next)
	if err != nil {
		r.stop(err)
	}
	r.work.Wait()
	return context.Cause(ctx)
}

func (r *runner) handOut(ctx context.Context, next func() (*item, error)) error {
	start := time.Now()
	var first time.Time
	for n := 0; ; n++ {
		i, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			first = i.At
		}
		t := turn{item: i}
		if after, paced := r.Pace.due(n, i.At.Sub(first)); paced {
			t.due = start.Add(after)
			if err := waitUntil(ctx, t.due); err != nil {
				return err
			}
		}
		if r.Sessions && i.Session != "" {
			err = r.inSession(ctx, t)
		} else {
			err = r.alone(ctx, t)
		}
		if err != nil {
			return err
		}
	}
}

// alone begins an item as soon as there is a slot.
func (r *runner) alone(ctx context.Context, t turn) error {
	if err := r.take(ctx); err != nil {
		return err
	}
	r.work.Go(func() {
		defer r.give()
		r.carryOut(ctx, t, t.due)
	})
	return nil
}

// inSession begins an item, or puts it behind those of its session.
func (r *runner) inSession(ctx context.Context, t turn) error {
	if err := r.room.take(ctx, t.size()); err != nil {
		return err
	}
	r.mu.Lock()
	waiting, busy := r.sessions[t.Session]
	if busy {
		r.sessions[t.Session] = append(waiting, t)
	} else {
		r.sessions[t.Session] = nil
	}
	r.mu.Unlock()
	if !busy {
		r.work.Go(func() { r.session(ctx, t) })
	}
	return nil
}

// session carries out the items of a session, one after the other, while there are any.
func (r *runner) session(ctx context.Context, t turn) {
	due := t.due
	for {
		if r.take(ctx) != nil {
			return // the rest is not sent
		}
		r.carryOut(ctx, t, due)
		r.give()
		r.room.give(t.size())
		answered := time.Now()
		r.mu.Lock()
		waiting := r.sessions[t.Session]
		if len(waiting) == 0 {
			delete(r.sessions, t.Session)
			r.mu.Unlock()
			return
		}
		r.sessions[t.Session], t = waiting[1:], waiting[0]
		r.mu.Unlock()
		if due = t.due; due.Before(answered) && !due.IsZero() {
			due = answered // waiting for an answer is no lag
		}
	}
}

func (r *runner) carryOut(ctx context.Context, t turn, due time.Time) {
	if ctx.Err() != nil {
		return
	}
	if !due.IsZero() {
		r.lag(time.Since(due))
	}
	if err := r.do(ctx, t.item); err != nil {
		r.stop(err)
	}
}

func (r *runner) take(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *runner) give() { <-r.slots }

// room bounds a number of things and of bytes. One that is larger than all of it waits until there is nothing else.
type room struct {
	mu    sync.Mutex
	freed chan struct{} // closed and replaced when something is given back
	items int
	bytes int64
	most  struct {
		items int
		bytes int64
	}
}

func (r *room) init(items int, bytes int64) {
	r.freed = make(chan struct{})
	r.most.items, r.most.bytes = items, bytes
}

func (r *room) take(ctx context.Context, bytes int64) error {
	for {
		r.mu.Lock()
		if r.items == 0 || r.items < r.most.items && r.bytes+bytes <= r.most.bytes {
			r.items++
			r.bytes += bytes
			r.mu.Unlock()
			return nil
		}
		freed := r.freed
		r.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *room) give(bytes int64) {
	r.mu.Lock()
	r.items--
	r.bytes -= bytes
	close(r.freed)
	r.freed = make(chan struct{})
	r.mu.Unlock()
}
