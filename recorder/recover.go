package recorder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aictl/recorder/intents"
	"aictl/store/records"
)

// How often Recover looks for daemons that have ended: often while one is handing over.
const (
	lookOften  = time.Second
	lookSeldom = time.Minute
)

// lostError stands in the record of an exchange that was lost.
const lostError = "the daemon was killed before this exchange was recorded"

// Recover finds out, until ctx ends, what became of the exchanges that killed daemons had accepted and not settled. Those that
// are not in the store get a record that ends with records.EndLost, and are counted as dropped by the crash. It needs Run.
func (r *Recorder) Recover(ctx context.Context) error {
	if r.opt.Journal == nil {
		return nil
	}
	failing := false
	for {
		busy, err := r.recoverEnded(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			r.opt.Logger.Error("exchanges of a daemon that was killed are not accounted for yet", "error", err)
		}
		failing = err != nil
		wait := time.NewTimer(lookSeldom)
		if busy > 0 || failing {
			wait.Reset(lookOften)
		}
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil
		}
	}
}

// recoverEnded settles what ended processes have left, and returns how many live beside this one.
func (r *Recorder) recoverEnded(ctx context.Context) (busy int, err error) {
	ended, busy, err := r.opt.Journal.Ended()
	for _, e := range ended {
		err = errors.Join(err, r.recoverOne(ctx, e))
	}
	l, pastErr := r.opt.Journal.Past()
	if pastErr == nil {
		r.past.set(l)
	}
	return busy, errors.Join(err, pastErr)
}

func (r *Recorder) recoverOne(ctx context.Context, e *intents.Ended) error {
	outcomes, err := r.fates(ctx, e.Open)
	if err != nil {
		return errors.Join(err, e.Leave())
	}
	if len(e.Open) > 0 {
		recorded := 0
		for _, o := range outcomes {
			if o == intents.Recorded {
				recorded++
			}
		}
		r.opt.Logger.Warn("a daemon was killed with requests under way", "recorded", recorded, "lost", len(outcomes)-recorded)
	}
	return e.Settle(outcomes)
}

// fates finds out what became of intents, and returns once the lost ones have their records.
func (r *Recorder) fates(ctx context.Context, open []intents.Intent) (outcomes []intents.Outcome, err error) {
	outcomes = make([]intents.Outcome, len(open))
	lost := 0
	written := make(chan error, len(open))
	for i, in := range open {
		end, err := r.opt.Stored(ctx, in.ID.String())
		if err != nil {
			return nil, fmt.Errorf("look for record %s: %w", in.ID, err)
		}
		if end != "" && end != records.EndLost {
			continue
		}
		outcomes[i] = DropCrash
		if end == records.EndLost { // written by an attempt before this one
			continue
		}
		lost++
		it := &item{x: lostRecord(in), service: r.service(in.Service), policy: defaultPolicy, settled: written}
		if !r.queue.push(it) {
			return nil, fmt.Errorf("write record %s of a lost exchange: the recorder has ended", in.ID)
		}
	}
	for range lost {
		select {
		case writeErr := <-written:
			err = errors.Join(err, writeErr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return outcomes, err
}

// lostRecord is what is known of a request. One that came without a trace was given that of its record's id.
func lostRecord(in intents.Intent) *records.Exchange {
	if in.TraceID == "" {
		in.TraceID = strings.ReplaceAll(in.ID.String(), "-", "")
	}
	return &records.Exchange{ID: in.ID.String(), Service: in.Service, Session: in.Session, TraceID: in.TraceID, Method: in.Method, Path: in.Path,
		StartedAt: in.Start, End: records.EndLost, Error: lostError}
}
