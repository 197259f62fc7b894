package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"aictl/gateway"
	"aictl/services"
	"aictl/store"
)

// actionTimeout bounds an action on one service; a stop may take its whole grace period.
const actionTimeout = 10 * time.Minute

type servicesInput struct {
	Pattern []string `query:"pattern,explode" maxItems:"1000" doc:"Name, glob or @group; may be given many times; none is all"`
	Detail  bool     `query:"detail" doc:"Add detail to every service and instance"`
	Usage   bool     `query:"usage" doc:"Add numbers of processes and open files to every instance"`
}

type nameInput struct {
	Name string `path:"name" maxLength:"100" pattern:"^[^*?@/\\\\\\[\\]\\s]+$" patternDescription:"a service name" doc:"Service name"`
}

type actionInput struct{ Body ActionRequest }

func (s *Server) listServices(ctx context.Context, in *servicesInput) (ServiceList, error) {
	views, err := s.deps.Services.Status(ctx, in.Pattern)
	if in.Usage {
		s.deps.Services.CountFiles(views)
	}
	traffic := s.deps.Traffic()
	list := each(views, func(v services.View) Service { return renderService(v, in.Detail, in.Usage, traffic) })
	if err == nil {
		err = s.notePauses(ctx, list)
	}
	return ServiceList{SchemaVersion: SchemaVersion, ConfigRefused: s.deps.Config.ConfigRefused(), Services: list}, err
}

func (s *Server) getService(ctx context.Context, in *nameInput) (ServiceDocument, error) {
	views, err := s.deps.Services.Status(ctx, []string{in.Name})
	if err == nil && len(views) != 1 {
		err = fmt.Errorf("service %s: %w; `aictl status` lists what there is", in.Name, store.ErrNotFound)
	}
	if err != nil {
		return ServiceDocument{}, err
	}
	s.deps.Services.CountFiles(views)
	list := []Service{renderService(views[0], true, true, s.deps.Traffic())}
	err = s.notePauses(ctx, list)
	return ServiceDocument{SchemaVersion: SchemaVersion, Service: list[0]}, err
}

func (s *Server) listReleases(ctx context.Context, in *nameInput) (ReleaseList, error) {
	svc, err := s.deps.History.Service(ctx, in.Name)
	if err != nil {
		return ReleaseList{}, fmt.Errorf("service %s: %w", in.Name, err)
	}
	releases, err := s.deps.History.Releases(ctx, in.Name, "", 0)
	return ReleaseList{SchemaVersion: SchemaVersion, Service: in.Name, Releases: each(releases, func(r store.Release) Release {
		return renderRelease(r, svc)
	})}, err
}

// act does an action on all services at once. Once begun it goes on when the caller leaves: half a stop helps nobody.
func (s *Server) act(ctx context.Context, in *actionInput) (ActionResults, error) {
	do, err := s.action(in.Body)
	if err != nil {
		return ActionResults{}, err
	}
	names, err := s.deps.Services.Resolve(ctx, in.Body.Patterns)
	if err != nil {
		return ActionResults{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actionTimeout)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if in.Body.Action == ActionStart || in.Body.Action == ActionRestart {
		defer s.deps.Services.Expect(names)()
	}
	results := make([]ActionResult, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { results[i] = s.actOn(ctx, name, do) })
	}
	wg.Wait()
	s.log.Info("action done", "action", in.Body.Action, "services", names, "actor", actor(ctx))
	return ActionResults{SchemaVersion: SchemaVersion, Action: in.Body.Action, Results: results}, nil
}

func (s *Server) actOn(ctx context.Context, name string, do func(context.Context, string) error) (r ActionResult) {
	start := s.deps.Now()
	r = ActionResult{Service: name, OK: true}
	defer func() { // a fault of one service's action must not take the others' results with it, nor the daemon
		if fault := recover(); fault != nil {
			r.OK, r.Code, r.Message = false, CodeInternal, s.panicked("action panicked", fault, "service", name).Detail
		}
	}()
	if err := do(ctx, name); err != nil {
		p := s.problemOf(err)
		r.OK, r.Code, r.Message = false, p.Code, p.Error()
	}
	r.DurationSeconds = s.deps.Now().Sub(start).Seconds()
	return r
}

// action picks the call for a request, and checks what only some actions need.
func (s *Server) action(req ActionRequest) (func(context.Context, string) error, error) {
	switch {
	case req.Action == ActionSignal && req.Signal == "":
		return nil, invalid("body.signal", "name the signal to send, such as HUP")
	case req.Action == ActionScale && req.Replicas == nil:
		return nil, invalid("body.replicas", "say how many instances there shall be")
	case req.Action != ActionSignal && req.Signal != "":
		return nil, invalid("body.signal", "only the action signal takes one")
	case req.Action != ActionScale && req.Replicas != nil:
		return nil, invalid("body.replicas", "only the action scale takes them")
	}
	b := s.deps.Services
	switch req.Action {
	case ActionStart:
		return b.Start, nil
	case ActionStop:
		return b.Stop, nil
	case ActionRestart:
		return b.Restart, nil
	case ActionRemove:
		return b.Remove, nil
	case ActionSignal:
		signal := strings.TrimPrefix(strings.ToUpper(req.Signal), "SIG")
		return func(ctx context.Context, name string) error { return b.Signal(ctx, name, signal) }, nil
	case ActionScale:
		return func(ctx context.Context, name string) error { return b.Scale(ctx, name, *req.Replicas) }, nil
	}
	return nil, invalid("body.action", "there is no action "+req.Action)
}

func renderService(v services.View, detail, usage bool, traffic map[string]gateway.Traffic) Service {
	out := Service{
		Name: v.Service.Name, State: string(v.State), Health: v.Health, Replicas: v.Service.Replicas, Ready: v.Ready,
		Release: ReleaseRef{ID: v.Service.Release, Commit: v.Commit}, URL: v.URL, Reason: v.Reason,
		Instances: each(v.Instances, func(i services.InstanceView) Instance { return renderInstance(i, detail, usage) }),
	}
	renderJob(&out, v, time.Now())
	if detail {
		out.Detail = &ServiceDetail{
			Wanted: string(v.Service.Wanted), Reason: v.Reason, Source: renderSource(v.Service.Source),
			Groups: orEmpty(v.Service.Groups), EnvNames: orEmpty(slices.Sorted(maps.Keys(v.Service.Env))),
			ReplicasPinned: v.Service.ReplicasPinned, Previous: v.Service.Previous,
			Requests: traffic[v.Service.Name].Requests, Errors: traffic[v.Service.Name].Errors,
			CreatedAt: v.Service.CreatedAt, UpdatedAt: v.Service.UpdatedAt,
		}
	}
	return out
}

func renderInstance(v services.InstanceView, detail, usage bool) Instance {
	out := Instance{
		ID: v.ID, PID: v.Status.PID, Port: v.Port, State: string(v.Status.State), Health: v.Health,
		Restarts: v.Status.Restarts, UptimeSeconds: v.Uptime.Seconds(), MemoryBytes: v.MemoryBytes, CPUPercent: v.CPUPercent,
		Purpose: string(v.Purpose),
	}
	if usage {
		out.Processes, out.OpenFiles = v.Processes, v.OpenFiles
	}
	if detail {
		out.Detail = &InstanceDetail{
			Release: v.Release, Live: v.Live, Reason: v.Reason, LogLost: v.Status.LogLost,
			StartedAt: v.Status.StartedAt, NextStart: v.Status.NextStart,
		}
		if e := v.Status.LastExit; e != nil {
			out.Detail.LastExit = &Exit{At: e.At, Code: e.Code, Signal: e.Signal, Unknown: e.Unknown, UptimeSeconds: e.Uptime.Seconds(),
				OOM: e.OOM, MemoryLimit: e.MemoryLimit}
		}
	}
	return out
}

func renderRelease(r store.Release, svc store.Service) Release {
	return Release{
		ID: r.ID, Commit: r.Commit, Live: r.ID == svc.Release, Previous: r.ID == svc.Previous, EnvKey: r.EnvKey,
		Argv: orEmpty(r.Argv), Manifest: r.Manifest, CreatedAt: r.CreatedAt,
	}
}

func renderSource(src store.Source) Source {
	return Source{Kind: src.Kind, URL: src.URL, Ref: src.Ref, Subdir: src.Subdir}
}

// each renders a list; the result is never nil, so that JSON has [] and not null.
func each[A, B any](list []A, render func(A) B) []B {
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = render(v)
	}
	return out
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
