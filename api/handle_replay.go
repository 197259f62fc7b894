package api

import (
	"context"
	"net/http"
	"time"

	"aictl/replay"
	"aictl/replay/compare"
)

type replayInput struct {
	RecordsInput
	Body ReplayRequest
}

type diffInput struct {
	RecordsInput
	Body DiffRequest
}

// common is what a selection and the options say to the engine.
func (o SendOptions) common(in *RecordsInput) (c replay.Common, err error) {
	if c.Filter, err = in.selection(); err != nil {
		return c, err
	}
	c.Filter.Limit = o.Limit
	c.Methods, c.Sessions, c.Concurrency, c.Force = o.Methods, o.Sessions, o.Concurrency, o.Force
	if c.Pace, err = replay.ParsePace(o.Speed); err != nil {
		return c, invalid("body.speed", err.Error())
	}
	if o.Timeout != "" {
		if c.Timeout, err = time.ParseDuration(o.Timeout); err != nil || c.Timeout <= 0 {
			return c, invalid("body.timeout", "want a duration such as 30s")
		}
	}
	c.Header = http.Header{}
	for name, value := range o.Header {
		c.Header.Set(name, value)
	}
	return c, nil
}

func (o CompareOptions) options() compare.Options {
	return compare.Options{Ignore: o.Ignore, Unordered: o.Unordered, Tolerance: o.Tolerance, PathTol: o.PathTolerance, Headers: o.CompareHeaders}
}

func (s *Server) replay(ctx context.Context, in *replayInput, send func(ReplayEvent) error) error {
	common, err := in.Body.common(&in.RecordsInput)
	if err != nil {
		return err
	}
	ctx, tell, stop := telling(ctx, func(p replay.Progress) error { return send(ReplayEvent{Type: EventProgress, Progress: &p}) })
	defer stop()
	sum, err := s.deps.Replays.Replay(ctx, replay.Request{Common: common, To: in.Body.To}, tell)
	if err != nil {
		return err
	}
	return send(ReplayEvent{Type: EventEnd, Summary: &sum})
}

func (s *Server) diff(ctx context.Context, in *diffInput, send func(DiffEvent) error) error {
	if in.Body.Speed == "" {
		in.Body.Speed = "max"
	}
	common, err := in.Body.common(&in.RecordsInput)
	if err != nil {
		return err
	}
	ctx, tell, stop := telling(ctx, func(p replay.Progress) error { return send(DiffEvent{Type: EventProgress, Progress: &p}) })
	defer stop()
	rep, err := s.deps.Replays.Diff(ctx, replay.DiffRequest{
		Common: common, Baseline: in.Body.Baseline, Candidate: in.Body.Candidate, Compare: in.Body.options(),
		MaxDiff: in.Body.MaxDiff, MaxSlower: in.Body.MaxSlower,
	}, tell)
	if err != nil {
		return err
	}
	return send(DiffEvent{Type: EventEnd, Report: &rep})
}

// telling makes a job's progress a stream's lines. A reader that has gone ends the job.
func telling(ctx context.Context, send func(replay.Progress) error) (_ context.Context, tell func(replay.Progress), stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, func(p replay.Progress) {
		if err := send(p); err != nil {
			cancel(err)
		}
	}, func() { cancel(nil) }
}
