package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"aictl/store/records"
)

// Options of Sinks. Zero values mean the defaults.
type Options struct {
	Logger  *slog.Logger
	Poll    time.Duration // between looks for new records; default 500 ms
	Count   time.Duration // between counts of what is undelivered; default 5 s
	Backoff time.Duration // after the first failure, doubled with each further one; default 500 ms
	Longest time.Duration // wait between attempts; default 1 min
	Attempt time.Duration // longest time of one write; default 1 min
	Now     func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Poll, 500 * time.Millisecond}, {&o.Count, 5 * time.Second}, {&o.Backoff, 500 * time.Millisecond},
		{&o.Longest, time.Minute}, {&o.Attempt, time.Minute}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	return o
}

// runner delivers to one sink until it is stopped.
type runner struct {
	cfg    Config
	from   Source
	keep   Cursors
	open   Opener
	opt    Options
	nudge  chan struct{} // try again now
	cancel context.CancelFunc
	done   chan struct{}

	target   Target // nil until prepared
	cursor   Cursor
	behind   map[string]int64 // by day, when last counted
	counted  time.Time
	attempts int

	mu     sync.Mutex
	status Status
}

func (r *runner) run(ctx context.Context) {
	defer close(r.done)
	defer r.close()
	r.set(func(s *Status) { s.State = StateStarting })
	r.insist(ctx, r.load)
	for ctx.Err() == nil {
		n := 0
		if !r.insist(ctx, func(ctx context.Context) (err error) { n, err = r.deliver(ctx); return err }) {
			break
		}
		r.count(ctx)
		if n == 0 {
			r.set(func(s *Status) { s.State = StateIdle })
			r.wait(ctx, r.opt.Poll)
		}
	}
	r.set(func(s *Status) { s.State = StateStopped })
}

// insist repeats an action until it succeeds; it reports false when ctx ended first.
func (r *runner) insist(ctx context.Context, action func(context.Context) error) bool {
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, r.opt.Attempt)
		err := action(limited)
		cancel()
		if err == nil {
			r.succeeded()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.failed(err)
		r.count(ctx)
		r.wait(ctx, time.Until(r.snapshot().RetryAt))
	}
	return false
}

func (r *runner) succeeded() {
	if r.attempts > 0 {
		r.opt.Logger.Info("sink works again", "sink", r.cfg.Name, "attempts", r.attempts)
	}
	r.attempts = 0
	r.set(func(s *Status) { s.Error, s.ErrorAt, s.RetryAt, s.Attempts = "", time.Time{}, time.Time{}, 0 })
}

// failed notes an error and when to try again. Only the first of a row is worth a line in the log.
func (r *runner) failed(err error) {
	r.attempts++
	text := withoutSecrets(err, r.cfg.URL)
	if r.attempts == 1 {
		r.opt.Logger.Warn("sink does not take records; they wait", "sink", r.cfg.Name, "error", text)
	}
	state := StateRetrying
	if errors.Is(err, ErrRefused) {
		state = StateStuck
	}
	// Whatever the error was, the next attempt starts with a new connection.
	r.close()
	pause := min(r.opt.Backoff<<min(r.attempts-1, 20), r.opt.Longest)
	pause = pause/2 + rand.N(pause/2+1)
	now := r.opt.Now()
	r.set(func(s *Status) {
		s.State, s.Error, s.ErrorAt, s.RetryAt, s.Attempts = state, text, now, now.Add(pause), r.attempts
	})
}

// load reads the cursor; a new sink gets one at once, so that From counts from when it was added.
func (r *runner) load(ctx context.Context) error {
	had, err := r.keep.LoadSink(ctx, r.cfg.Name)
	if err != nil {
		return err
	}
	if had != nil {
		r.cursor = *had
		r.set(func(s *Status) { s.Sent, s.Missed = had.Sent, had.Missed })
		return nil
	}
	r.cursor = Cursor{Position: records.Position{}}
	if r.cfg.From == FromNow {
		if r.cursor.Position, err = r.from.Latest(ctx); err != nil {
			return err
		}
	}
	return r.keep.SaveSink(ctx, r.cfg.Name, r.cursor)
}

// deliver sends the next batch and returns how many records it looked at.
func (r *runner) deliver(ctx context.Context) (int, error) {
	if r.target == nil {
		if err := r.connect(ctx); err != nil {
			return 0, err
		}
	}
	found, next, err := r.from.Follow(ctx, r.cursor.Position, r.cfg.Batch)
	if err != nil {
		return 0, fmt.Errorf("read records: %w", err)
	}
	if maps.Equal(next, r.cursor.Position) && len(found) == 0 {
		return 0, nil
	}
	var batch []*Record
	for i := range found {
		if r.cfg.wants(found[i].Service) {
			batch = append(batch, r.cfg.record(&found[i]))
		}
	}
	if len(batch) > 0 {
		r.set(func(s *Status) { s.State, s.OldestAt = StateSending, batch[0].StartedAt })
		if err := r.write(ctx, batch); err != nil {
			return 0, err
		}
	}
	return len(found), r.advance(ctx, next, len(batch))
}

// write delivers a batch. What a target refuses is looked for by halves; a record that it refuses alone goes by reference.
func (r *runner) write(ctx context.Context, batch []*Record) error {
	err := r.target.Write(ctx, batch)
	if !errors.Is(err, ErrRefused) {
		return err
	}
	if len(batch) > 1 {
		half := len(batch) / 2
		if err := r.write(ctx, batch[:half]); err != nil {
			return err
		}
		return r.write(ctx, batch[half:])
	}
	r.opt.Logger.Warn("record delivered without its bodies: the sink refuses it with them", "sink", r.cfg.Name, "record", batch[0].ID,
		"error", withoutSecrets(err, r.cfg.URL))
	if err := r.target.Write(ctx, []*Record{batch[0].byReference()}); err != nil {
		return fmt.Errorf("record %s: %w", batch[0].ID, err)
	}
	return nil
}

// advance keeps the cursor. When that fails the batch is delivered once more, which its ids make harmless.
func (r *runner) advance(ctx context.Context, next records.Position, sent int) error {
	c := r.cursor
	c.Position = next
	c.Sent += int64(sent)
	if err := r.keep.SaveSink(ctx, r.cfg.Name, c); err != nil {
		return err
	}
	r.cursor = c
	now := r.opt.Now()
	r.set(func(s *Status) {
		s.Sent, s.OldestAt = c.Sent, time.Time{}
		if sent > 0 {
			s.LastSentAt = now
		}
	})
	return nil
}

// count looks how far behind the sink is. A day that has gone since the last count took with it what was counted for it.
func (r *runner) count(ctx context.Context) {
	now := r.opt.Now()
	if !r.counted.IsZero() && now.Sub(r.counted) < r.opt.Count {
		return
	}
	behind, err := r.from.Behind(ctx, r.cursor.Position)
	if err != nil {
		if ctx.Err() == nil {
			r.opt.Logger.Warn("records not counted for a sink", "sink", r.cfg.Name, "error", err)
		}
		return
	}
	r.counted = now
	var missed, total int64
	for day, n := range r.behind {
		if _, there := behind[day]; !there {
			missed += n
		}
	}
	for _, n := range behind {
		total += n
	}
	r.behind = behind
	if missed > 0 {
		r.opt.Logger.Error("records were removed before a sink had them", "sink", r.cfg.Name, "records", missed)
		r.cursor.Missed += missed
	}
	r.set(func(s *Status) { s.Behind, s.Missed = total, r.cursor.Missed })
}

func (r *runner) connect(ctx context.Context) error {
	target, err := r.open(r.cfg)
	if err != nil {
		return err
	}
	if err := target.Prepare(ctx); err != nil {
		return errors.Join(err, target.Close())
	}
	r.target = target
	return nil
}

func (r *runner) close() {
	if r.target == nil {
		return
	}
	if err := r.target.Close(); err != nil {
		r.opt.Logger.Debug("sink not closed cleanly", "sink", r.cfg.Name, "error", withoutSecrets(err, r.cfg.URL))
	}
	r.target = nil
}

// wait sleeps, or until somebody wants another attempt now.
func (r *runner) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-r.nudge:
	}
}

func (r *runner) set(change func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}

func (r *runner) snapshot() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}
