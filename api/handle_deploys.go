package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"aictl/deploy"
	"aictl/store"
)

// tailLines is how much of a deploy's log its document shows.
const tailLines = 50

type deployInput struct{ Body DeployRequest }

type rollbackInput struct {
	Name string `path:"name" maxLength:"100" pattern:"^[^*?@/\\\\\\[\\]\\s]+$" patternDescription:"a service name" doc:"Service name"`
	Body RollbackRequest
}

type deployIDInput struct {
	ID int64 `path:"id" minimum:"1" doc:"Deploy id"`
}

type deploysInput struct {
	Service string `query:"service" maxLength:"100" doc:"Of one service"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"20"`
	Cursor  string `query:"cursor" pattern:"^[0-9]{1,18}$" patternDescription:"a cursor from a page before" doc:"next of the page before"`
}

func (s *Server) deploy(ctx context.Context, in *deployInput) (DeployDocument, error) {
	d, err := s.deps.Deploys.Submit(ctx, requestOf(ctx, in.Body))
	return s.newDeploy(d), err
}

func (s *Server) rollback(ctx context.Context, in *rollbackInput) (DeployDocument, error) {
	d, err := s.deps.Deploys.Rollback(ctx, deploy.RollbackRequest{
		Service: in.Name, To: in.Body.To, Actor: actor(ctx), Trigger: in.Body.Trigger, Reason: in.Body.Reason, Origin: origin(ctx),
	})
	return s.newDeploy(d), err
}

func (s *Server) newDeploy(d store.Deploy) DeployDocument {
	return DeployDocument{SchemaVersion: SchemaVersion, Deploy: s.renderDeploy(d), Steps: []Step{}, Tail: []string{}}
}

func (s *Server) listDeploys(ctx context.Context, in *deploysInput) (DeployList, error) {
	before, err := cursorID(in.Cursor)
	if err != nil {
		return DeployList{}, err
	}
	// One more than asked for tells whether there is another page.
	list, err := s.deps.History.Deploys(ctx, store.DeployFilter{Service: in.Service, Limit: in.Limit + 1, Before: before})
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = strconv.FormatInt(list[in.Limit-1].ID, 10)
	}
	return DeployList{SchemaVersion: SchemaVersion, Deploys: each(list, s.renderDeploy), Next: next}, err
}

func cursorID(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || id < 1 {
		return 0, invalid("query.cursor", "use the value of next of the page before")
	}
	return id, nil
}

func (s *Server) getDeploy(ctx context.Context, in *deployIDInput) (DeployDocument, error) {
	d, err := s.deps.History.Deploy(ctx, in.ID)
	if err != nil {
		return DeployDocument{}, fmt.Errorf("deploy %d: %w", in.ID, err)
	}
	steps, err := s.deps.History.Steps(ctx, in.ID)
	if err != nil {
		return DeployDocument{}, fmt.Errorf("steps of deploy %d: %w", in.ID, err)
	}
	tail, err := s.deps.Deploys.Tail(ctx, in.ID, tailLines)
	if err != nil {
		return DeployDocument{}, err
	}
	verified, err := s.deps.Verified(in.ID)
	if err != nil {
		return DeployDocument{}, err
	}
	status, err := s.deps.Reported(ctx, in.ID)
	return DeployDocument{
		SchemaVersion: SchemaVersion, Deploy: s.renderDeploy(d), Steps: each(steps, renderStep), Tail: orEmpty(tail), Verified: verified, Status: status,
	}, err
}

func (s *Server) cancelDeploy(ctx context.Context, in *deployIDInput) (DeployDocument, error) {
	if err := s.deps.Deploys.Cancel(ctx, in.ID); err != nil {
		return DeployDocument{}, fmt.Errorf("cancel deploy %d: %w", in.ID, err)
	}
	return s.getDeploy(ctx, in)
}

// deployEvents subscribes before it reads what was, so that nothing falls between the two.
func (s *Server) deployEvents(ctx context.Context, in *deployIDInput, send func(DeployEvent) error) error {
	events, stop := s.deps.Deploys.Subscribe(in.ID)
	defer stop()
	d, err := s.deps.History.Deploy(ctx, in.ID)
	if err != nil {
		return fmt.Errorf("deploy %d: %w", in.ID, err)
	}
	past, err := s.deps.History.Steps(ctx, in.ID)
	if err != nil {
		return fmt.Errorf("steps of deploy %d: %w", in.ID, err)
	}
	t := translator{steps: map[int]Step{}, send: send}
	for _, step := range past {
		if err := t.past(step); err != nil {
			return err
		}
	}
	if d, err = s.followDeploy(ctx, d, events, t); err != nil {
		return err
	}
	final := s.renderDeploy(d)
	return send(DeployEvent{Type: EventEnd, Time: d.FinishedAt, Deploy: &final})
}

// followDeploy sends what happens until the deploy has ended, and returns its final row.
func (s *Server) followDeploy(ctx context.Context, d store.Deploy, events <-chan deploy.Event, t translator) (store.Deploy, error) {
	for {
		ev, open, err := next(ctx, events, d.State.Ended())
		if err != nil {
			return d, err
		}
		if open && ev.Step != "" {
			if err := t.live(ev); err != nil {
				return d, err
			}
			continue
		}
		if d.State.Ended() {
			return d, nil
		}
		// The deploy's own state changed, or no events will come any more: the row says which.
		id := d.ID
		if d, err = s.deps.History.Deploy(ctx, id); err != nil {
			return d, fmt.Errorf("deploy %d: %w", id, err)
		}
		if !open && !d.State.Ended() {
			return d, fmt.Errorf("events of deploy %d came faster than they were read: %w", d.ID, errTooSlow)
		}
	}
}

// next waits for an event. When the deploy has ended it takes only what is there already.
func next(ctx context.Context, events <-chan deploy.Event, ended bool) (ev deploy.Event, open bool, err error) {
	if ended {
		select {
		case ev, open = <-events:
		default:
		}
		return ev, open, nil
	}
	select {
	case <-ctx.Done():
		return ev, false, context.Cause(ctx)
	case ev, open = <-events:
		return ev, open, nil
	}
}

// translator sends a deploy's events in the form of the wire. It remembers the steps: to tell when they started, and
// not to tell again what was read from the store and comes once more through the subscription.
type translator struct {
	steps map[int]Step
	send  func(DeployEvent) error
}

func (t translator) past(step store.Step) error {
	out := renderStep(step)
	t.steps[step.Seq] = out
	at := step.FinishedAt
	if at.IsZero() {
		at = step.StartedAt
	}
	return t.send(DeployEvent{Type: EventStep, Time: at, Step: &out})
}

func (t translator) live(ev deploy.Event) error {
	if ev.State == "" {
		return t.send(DeployEvent{Type: EventLog, Time: ev.At, Name: ev.Step, Line: ev.Line})
	}
	step, known := t.steps[ev.Seq]
	if known && store.StepState(step.State) != store.StepRunning {
		return nil // a step that has ended stays so
	}
	step.Seq, step.Name, step.State, step.Detail = ev.Seq, ev.Step, ev.State, ev.Detail
	if step.StartedAt.IsZero() {
		step.StartedAt = ev.At
	}
	if store.StepState(ev.State) != store.StepRunning {
		step.FinishedAt = ev.At
	}
	t.steps[ev.Seq] = step
	return t.send(DeployEvent{Type: EventStep, Time: ev.At, Step: &step})
}

func (s *Server) renderDeploy(d store.Deploy) Deploy {
	return Deploy{
		ID: d.ID, Service: d.Service, Kind: d.Kind, State: string(d.State), Source: renderSource(d.Source),
		Commit: d.Commit, Release: d.Release, FailedStep: d.FailedStep, Error: d.Error, Warnings: orEmpty(d.Warnings),
		Actor: d.Actor, Trigger: d.Trigger, Reason: d.Reason, Origin: d.Origin, Subject: d.Subject, CreatedAt: d.CreatedAt, StartedAt: d.StartedAt, FinishedAt: d.FinishedAt,
		DurationSeconds: took(d, s.deps.Now()).Seconds(),
	}
}

// took is how long a deploy ran, or has been running at now.
func took(d store.Deploy, now time.Time) time.Duration {
	switch {
	case d.StartedAt.IsZero():
		return 0
	case d.FinishedAt.IsZero():
		return max(0, now.Sub(d.StartedAt))
	}
	return d.FinishedAt.Sub(d.StartedAt)
}

func renderStep(step store.Step) Step {
	return Step{
		Seq: step.Seq, Name: step.Name, State: string(step.State), Detail: step.Detail,
		StartedAt: step.StartedAt, FinishedAt: step.FinishedAt,
	}
}
