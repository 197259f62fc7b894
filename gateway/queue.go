package gateway

import (
	"container/list"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// queue is where the requests of a service with gateway.concurrency wait, first come first served, until an instance has room.
type queue struct {
	waiting atomic.Int32 // how many wait or are about to; whoever leaves an instance looks at it
	pace    pace

	waited atomic.Int64 // how many had to wait, for however long
	waits  atomic.Int64 // … and for how long all together, in nanoseconds

	mu   sync.Mutex
	list list.List // of *waiter
}

// waiter is one request in the queue. Its outcome is set before ready is closed.
type waiter struct {
	x       *exchange
	avoid   string // an address that it does not go to
	place   *list.Element
	ready   chan struct{}
	outcome outcomeOfWait
}

type outcomeOfWait int

const (
	seated  outcomeOfWait = iota + 1 // on an instance
	gone                             // there is no instance, and none will come soon
	full                             // the queue is
	late                             // it took too long
	aborted                          // the client left, or the gateway stops
)

// enter finds x an instance, now or after its turn has come. It waits for as long as the service's rules say. again is for a request that was
// on an instance before: it goes to the front, to another than the one at avoid.
func (q *queue) enter(x *exchange, avoid string, again bool) outcomeOfWait {
	w := &waiter{x: x, avoid: avoid, ready: make(chan struct{})}
	most := time.Duration(x.route.Gateway.QueueTimeout) // now: once x is in the queue, others may give it another route
	if out := q.seat(w, again); out != 0 {
		return out
	}
	begun := time.Now()
	defer func() {
		took := time.Since(begun)
		x.queued += took
		q.waited.Add(1)
		q.waits.Add(int64(took))
	}()
	return q.wait(w, begun.Add(most))
}

// seat puts w on an instance if nobody was there before it and there is room, else into the queue, which is 0.
func (q *queue) seat(w *waiter, again bool) outcomeOfWait {
	q.waiting.Add(1) // first: who leaves an instance from now on gives it to whoever is in the queue
	q.mu.Lock()
	defer q.mu.Unlock()
	out := outcomeOfWait(0)
	if again || q.list.Len() == 0 {
		out = w.try()
	}
	if out == 0 && !again && q.list.Len() >= w.x.route.Gateway.Queue {
		out = full
	}
	switch {
	case out != 0:
		q.waiting.Add(-1)
	case again:
		w.place = q.list.PushFront(w)
	default:
		w.place = q.list.PushBack(w)
	}
	return out
}

// try enters the request on an instance of the route in force. 0: none has room. Callers hold the queue's lock.
func (w *waiter) try() outcomeOfWait {
	rt := w.x.g.table.find(w.x.route.Service)
	if rt == nil {
		return gone
	}
	target, l, ok := w.x.choose(rt, w.avoid)
	if !ok && !rt.mayServe(w.avoid) {
		w.x.route = rt // its reason is told
		return gone
	}
	if !ok {
		return 0
	}
	w.x.route, w.x.target, w.x.load = rt, target, l
	return seated
}

// mayServe reports whether there is a target other than the one at avoid, or will soon be one.
func (r *route) mayServe(avoid string) bool {
	if r.Coming {
		return true
	}
	return slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Addr != avoid })
}

// dispatch gives what room there is to those who wait, in their order.
func (q *queue) dispatch() {
	if q.waiting.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for e := q.list.Front(); e != nil; {
		w := e.Value.(*waiter)
		e = e.Next()
		w.outcome = w.try()
		switch {
		case w.outcome != 0:
			q.take(w)
			close(w.ready)
		case w.avoid == "":
			return // nor is there room for anyone behind it
		}
	}
}

// take takes w out of the list. Callers hold q.mu.
func (q *queue) take(w *waiter) {
	q.list.Remove(w.place)
	w.place = nil
	q.waiting.Add(-1)
}

// wait returns once w's turn has come, or nobody waits for it any more.
func (q *queue) wait(w *waiter, until time.Time) outcomeOfWait {
	x := w.x
	x.g.lobby.enter(x)
	x.g.wake()
	defer x.g.lobby.leave(x)
	cut := make(chan struct{})
	ctx := x.Context // on the way over the ReverseProxy, where an abort cancels it
	if ctx == nil {
		ctx = x.r.Context()
		x.call.OnAbort(func(error) { close(cut) })
		defer x.call.OnAbort(nil)
		if err := x.fetchBody(until); err != nil {
			return q.give(w, afterFetch(err))
		}
	}
	patience := time.NewTimer(time.Until(until))
	defer patience.Stop()
	select {
	case <-w.ready:
		return w.outcome
	case <-patience.C:
		return q.give(w, late)
	case <-ctx.Done():
		return q.give(w, aborted)
	case <-cut:
		return q.give(w, aborted)
	}
}

// give gives up waiting, unless w's turn came at the same moment.
func (q *queue) give(w *waiter, why outcomeOfWait) outcomeOfWait {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.place == nil {
		return w.outcome
	}
	q.take(w)
	return why
}
