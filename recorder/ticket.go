package recorder

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"aictl/recorder/intents"
	"aictl/store/records"
)

// overhead is what an exchange costs beside its headers and bodies: the structs, the strings, the map buckets.
const overhead = 1024

type ticket struct {
	r       *Recorder
	s       *service
	policy  *policy
	id      string
	entry   intents.Entry
	held    atomic.Int64
	starved atomic.Bool
	ended   atomic.Bool
}

func (t *ticket) ID() string { return t.id }

func (t *ticket) Hold(n int) bool {
	if t.policy.noBodies || t.starved.Load() {
		return false
	}
	if n <= 0 {
		return true
	}
	if !t.r.mem.takeBody(int64(n)) {
		t.starved.Store(true)
		return false
	}
	t.held.Add(int64(n))
	return true
}

func (t *ticket) End(x *records.Exchange) { t.hand(x, nil) }

func (t *ticket) Commit(ctx context.Context, x *records.Exchange) error {
	settled := make(chan error, 1)
	if !t.hand(x, settled) {
		return nil
	}
	var err error
	select {
	case err = <-settled:
	case <-ctx.Done():
		err = fmt.Errorf("%w in time: %w", records.ErrNotCommitted, context.Cause(ctx))
	}
	if err != nil {
		t.r.refuse(t.s, RefuseNotCommitted)
	}
	return err
}

// hand gives the exchange to the writer, which tells settled what became of it. It reports false when that was done before.
func (t *ticket) hand(x *records.Exchange, settled chan<- error) bool {
	if !t.ended.CompareAndSwap(false, true) {
		return false
	}
	x.ID, x.Service = t.id, t.s.name
	if x.StartedAt.IsZero() {
		x.StartedAt = t.entry.Start
	}
	it := &item{x: x, entry: &t.entry, service: t.s, policy: t.policy, settled: settled}
	var ok bool
	if it.bytes, ok = t.settleMemory(x); !ok {
		it.dropped = DropQueueFull
	} else {
		it.starved = t.starved.Load() && (x.Request.Omitted || x.Response.Omitted)
		if t.r.queue.push(it) {
			return true
		}
		t.r.mem.release(it.bytes)
		it.dropped = DropShutdown
	}
	t.r.book(it)
	it.tell()
	return true
}

// settleMemory charges x to the budget and returns what it holds there. It gives up the bodies first, then reports that
// there is no room at all.
func (t *ticket) settleMemory(x *records.Exchange) (bytes int64, ok bool) {
	held := t.held.Load()
	if t.policy.noBodies || t.starved.Load() {
		held = t.giveUpBodies(x, held)
	}
	meta := int64(overhead) + headerBytes(x.Request.Header) + headerBytes(x.Response.Header) +
		int64(len(x.Path)+len(x.Query)+len(x.Error))
	if t.r.mem.takeMeta(meta) {
		return held + meta, true
	}
	if held > 0 {
		t.starved.Store(true)
		held = t.giveUpBodies(x, held)
		if t.r.mem.takeMeta(meta) {
			return meta, true
		}
	}
	t.r.mem.release(held)
	return 0, false
}

func (t *ticket) giveUpBodies(x *records.Exchange, held int64) int64 {
	omit(&x.Request)
	omit(&x.Response)
	t.r.mem.release(held)
	return 0
}

// omit takes a message's body and the lists about it away. A message that never had a body stays as it is: nothing was omitted.
func omit(m *records.Message) {
	m.Body, m.Chunks, m.Frames, m.Parts = nil, nil, nil, nil
	if m.Size > 0 {
		m.Omitted = true
		m.Truncated = false
	}
}

func headerBytes(h http.Header) int64 {
	n := 0
	for name, values := range h {
		n += len(name) + 32
		for _, v := range values {
			n += len(v) + 16
		}
	}
	return int64(n)
}
