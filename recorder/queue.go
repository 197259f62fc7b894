package recorder

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"aictl/recorder/intents"
	"aictl/store/records"
)

// item is an ended exchange on its way to the store.
type item struct {
	entry   *intents.Entry // nil: it is not listed
	x       *records.Exchange
	service *service
	policy  *policy
	at      time.Time
	bytes   int64        // held of the budget until settled
	starved bool         // its bodies were given up under pressure
	dropped string       // why it was not recorded, set by the writer
	settled chan<- error // somebody waits for the commit; nil: nobody
}

// tell tells the one who waits what became of the exchange.
func (it *item) tell() {
	if it.settled == nil {
		return
	}
	var err error
	switch {
	case it.dropped != "":
		err = fmt.Errorf("%w: %s", records.ErrNotCommitted, it.dropped)
	case it.starved:
		err = fmt.Errorf("%w with its bodies: no memory", records.ErrNotCommitted)
	}
	it.settled <- err // has room for it
}

// outcome is what the list of intents notes.
func (it *item) outcome() intents.Outcome {
	switch {
	case it.dropped != "":
		return it.dropped
	case it.starved:
		return intents.NoBody
	}
	return intents.Recorded
}

// share is how many times as many as make a batch due go into one when they have come meanwhile: the longer a commit took, the more
// share the next one. Measured against a store that syncs, four times carries a third more records than one.
const share = 4

// queue is first in, first out, with one reader. Its length is bounded by the memory budget.
type queue struct {
	maxItems int
	maxBytes int64
	delay    time.Duration

	mu      sync.Mutex
	items   []*item
	bytes   int64
	closed  bool
	urgent  uint64 // everything up to this push is wanted now
	pushed  uint64
	settles uint64
	waiters []waiter
	wake    chan struct{}
}

// waiter is closed once upTo pushes are settled.
type waiter struct {
	upTo uint64
	done chan struct{}
}

func newQueue(o Options) *queue {
	return &queue{maxItems: o.BatchRecords, maxBytes: o.BatchBytes, delay: o.BatchDelay, wake: make(chan struct{}, 1)}
}

// push reports false when the queue is closed. It wakes the reader only when there is something to decide.
func (q *queue) push(it *item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	it.at = time.Now()
	q.items = append(q.items, it)
	q.bytes += it.bytes
	q.pushed++
	if it.settled != nil {
		q.urgent = q.pushed
	}
	if len(q.items) == 1 || it.settled != nil || q.full() {
		q.signal()
	}
	return true
}

func (q *queue) full() bool { return len(q.items) >= q.maxItems || q.bytes >= q.maxBytes }

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next waits until a batch is due and takes it. It returns nothing once the queue is closed and empty.
func (q *queue) next(closing <-chan struct{}) []*item {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		batch, wait, closed := q.take(time.Now())
		if len(batch) > 0 || closed {
			return batch
		}
		timer.Reset(wait)
		select {
		case <-q.wake:
		case <-timer.C:
		case <-closing:
		}
	}
}

// take cuts a batch when one is due: full, old enough, asked for by a flush, or the queue is closed.
// Otherwise it says how long to wait. closed is set when nothing will ever come again.
func (q *queue) take(now time.Time) (batch []*item, wait time.Duration, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil, time.Hour, q.closed
	}
	wait = q.delay - now.Sub(q.items[0].at)
	flushing := q.urgent > q.pushed-uint64(len(q.items))
	if !q.full() && wait > 0 && !q.closed && !flushing {
		return nil, wait, false
	}
	n, bytes := 0, int64(0)
	for n < len(q.items) && n < q.maxItems*share && (n == 0 || bytes+q.items[n].bytes <= q.maxBytes) {
		bytes += q.items[n].bytes
		n++
	}
	batch = slices.Clone(q.items[:n])
	clear(q.items[:n]) // the array lives on under a steady load; what was taken must not
	q.items = q.items[n:]
	q.bytes -= bytes
	if len(q.items) == 0 {
		q.items = nil
	}
	return batch, 0, false
}

// settled counts n exchanges as dealt with and lets those flushes go that waited for them.
func (q *queue) settled(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settles += uint64(n)
	kept := q.waiters[:0]
	for _, w := range q.waiters {
		if w.upTo > q.settles {
			kept = append(kept, w)
			continue
		}
		close(w.done)
	}
	q.waiters = kept
}

// flush makes everything pushed so far due and returns a channel that is closed once it is settled.
func (q *queue) flush() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := make(chan struct{})
	if q.settles >= q.pushed {
		close(done)
		return done
	}
	q.urgent = q.pushed
	q.waiters = append(q.waiters, waiter{upTo: q.pushed, done: done})
	q.signal()
	return done
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// waiting is how many exchanges are pushed and not settled.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int(q.pushed - q.settles)
}
