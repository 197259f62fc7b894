package api

import (
	"context"
	"time"

	"aictl/services"
	"aictl/store"
)

// Runs runs jobs and tells of their runs; *services.Manager is one.
type Runs interface {
	// RunNow starts a run and returns it.
	RunNow(ctx context.Context, service string) (store.Run, error)
	// AwaitRun returns a run once it has ended, or as it is when ctx ends.
	AwaitRun(ctx context.Context, service string, id int64) (store.Run, error)
	// Runs lists the last n runs, newest first.
	Runs(ctx context.Context, service string, n int) ([]store.Run, error)
}

type runsInput struct {
	Name  string `path:"name" maxLength:"100" pattern:"^[^*?@/\\\\\\[\\]\\s]+$" patternDescription:"a service name" doc:"Service name"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"20" doc:"At most so many"`
}

type runInput struct {
	Name string `path:"name" maxLength:"100" pattern:"^[^*?@/\\\\\\[\\]\\s]+$" patternDescription:"a service name" doc:"Service name"`
	ID   int64  `path:"id" minimum:"1"`
	Wait int    `query:"wait" minimum:"0" maximum:"60" doc:"Seconds to wait for its end"`
}

func (s *Server) listRuns(ctx context.Context, in *runsInput) (RunList, error) {
	runs, err := s.deps.Services.Runs(ctx, in.Name, in.Limit)
	return RunList{SchemaVersion: SchemaVersion, Service: in.Name, Runs: each(runs, s.renderRun)}, err
}

func (s *Server) startRun(ctx context.Context, in *nameInput) (RunDocument, error) {
	run, err := s.deps.Services.RunNow(ctx, in.Name)
	if err == nil {
		s.log.Info("run asked for", "service", in.Name, "run", run.ID, "actor", actor(ctx))
	}
	return RunDocument{SchemaVersion: SchemaVersion, Run: s.renderRun(run)}, err
}

func (s *Server) getRun(ctx context.Context, in *runInput) (RunDocument, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	run, err := s.deps.Services.AwaitRun(ctx, in.Name, in.ID)
	return RunDocument{SchemaVersion: SchemaVersion, Run: s.renderRun(run)}, err
}

func (s *Server) renderRun(r store.Run) Run { return renderRun(r, s.deps.Now()) }

func renderRun(r store.Run, now time.Time) Run {
	out := Run{
		ID: r.ID, Service: r.Service, Release: r.Release, Instance: r.Instance, Trigger: r.Trigger, State: string(r.State),
		DueAt: r.DueAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Attempts: r.Attempts, ExitCode: r.Code, Signal: r.Signal, Reason: r.Reason,
	}
	if end := r.EndedAt; end.IsZero() {
		out.DurationSeconds = max(now.Sub(r.StartedAt), 0).Seconds()
	} else {
		out.DurationSeconds = max(end.Sub(r.StartedAt), 0).Seconds()
	}
	return out
}

// renderJob adds what only a service has that ends.
func renderJob(out *Service, v services.View, now time.Time) {
	out.Kind = string(v.Kind)
	if out.Kind == "" {
		out.Kind = "service"
	}
	if v.Job == nil {
		return
	}
	out.Wanted = string(v.Service.Wanted)
	out.Schedule, out.Timezone, out.NextRun = v.Job.Schedule, v.Job.Timezone, v.Job.Next
	for _, r := range []struct {
		from *store.Run
		to   **Run
	}{{v.Job.Run, &out.Run}, {v.Job.Last, &out.LastRun}} {
		if r.from != nil {
			run := renderRun(*r.from, now)
			*r.to = &run
		}
	}
}
