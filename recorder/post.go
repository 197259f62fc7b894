package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aictl/store/records"
)

// Posted exchanges wait so long for memory, looking this often, before they are refused.
const (
	postPatience = 2 * time.Second
	postEvery    = 10 * time.Millisecond
)

// Post takes exchanges that were made elsewhere and have their ids, and waits until each is in the store, synced, or
// refused. They go the way of all others: budget, masking, session, ledger. But under pressure they wait, since whoever
// posted them can send them again, and none loses its bodies for it. fates has nil for a stored one, or
//
//   - records.ErrOff: the service is not recorded
//   - records.ErrBadRecord: the store takes others and not this one
//   - records.ErrNoRoom, records.ErrNotCommitted: not now; the same exchange may be posted again
//
// The error is ctx's: what becomes of the exchanges is not known then. They belong to the recorder from the call on.
func (r *Recorder) Post(ctx context.Context, xs []*records.Exchange) (fates []error, err error) {
	fates = make([]error, len(xs))
	items := make([]*item, len(xs))
	settled := make(chan error, len(xs))
	waiting := 0
	for i, x := range xs {
		if i > 0 && errors.Is(fates[i-1], records.ErrNoRoom) {
			fates[i] = fates[i-1] // one has waited for all that follow
			continue
		}
		if items[i], fates[i] = r.takePosted(ctx, x, settled); fates[i] == nil {
			waiting++
		}
	}
	for range waiting {
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, fmt.Errorf("post records: %w", context.Cause(ctx))
		}
	}
	for i, it := range items {
		if fates[i] == nil {
			fates[i] = it.fate()
		}
	}
	return fates, nil
}

// takePosted charges and queues one exchange. An error is its fate: it was not queued.
func (r *Recorder) takePosted(ctx context.Context, x *records.Exchange, settled chan<- error) (*item, error) {
	s := r.service(x.Service)
	s.mu.RLock()
	p := s.policy
	s.mu.RUnlock()
	if p.off {
		return nil, records.ErrOff
	}
	p.limit(&x.Request)
	p.limit(&x.Response)
	bytes := int64(overhead) + headerBytes(x.Request.Header) + headerBytes(x.Response.Header) +
		int64(len(x.Path)+len(x.Query)+len(x.Error)+len(x.Request.Body)+len(x.Response.Body))
	if err := r.roomFor(ctx, bytes); err != nil {
		return nil, err
	}
	it := &item{x: x, service: s, policy: p, bytes: bytes, settled: settled}
	r.acceptPosted(it)
	if !r.queue.push(it) {
		r.mem.release(bytes)
		it.dropped = DropShutdown
		r.book(it)
		return nil, fmt.Errorf("%w: aictl is stopping", records.ErrNoRoom)
	}
	return it, nil
}

// roomFor takes memory as soon as there is some.
func (r *Recorder) roomFor(ctx context.Context, bytes int64) error {
	if r.mem.takeBody(bytes) {
		return nil
	}
	if most := r.mem.bodies.Load(); bytes > most {
		return fmt.Errorf("%w: it needs %d bytes of memory, and recorder.queue_bytes leaves %d for bodies", records.ErrBadRecord, bytes, most)
	}
	ctx, cancel := context.WithTimeout(ctx, postPatience)
	defer cancel()
	look := time.NewTicker(postEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if r.mem.takeBody(bytes) {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("%w: %d bytes are held for others", records.ErrNoRoom, r.mem.inUse())
		}
	}
}

// limit cuts or takes away a body as the gateway would have done.
func (p *policy) limit(m *records.Message) {
	switch {
	case p.noBodies:
		omit(m)
	case p.maxBody > 0 && int64(len(m.Body)) > p.maxBody:
		m.Body, m.Truncated = m.Body[:p.maxBody:p.maxBody], true
	}
}

// fate is what became of a settled item.
func (it *item) fate() error {
	switch it.dropped {
	case "":
		return nil
	case DropRejected:
		return records.ErrBadRecord
	}
	return fmt.Errorf("%w: %s", records.ErrNotCommitted, it.dropped)
}
