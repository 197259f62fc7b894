package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"aictl/autodeploy"
	"aictl/store"
)

// hooksTimeout bounds the making of webhooks, of all repositories together.
const hooksTimeout = 10 * time.Minute

// Pushes turn changes of repositories into deploys; *autodeploy.Engine is one.
type Pushes interface {
	// SetHooks makes or repairs the webhooks of the services' repositories, of all for none.
	SetHooks(ctx context.Context, services []string) ([]autodeploy.HookResult, error)
	TestHooks(ctx context.Context, services []string) ([]autodeploy.HookResult, error)
	Refusals(since time.Time) []autodeploy.Refusal
	Troubles() []autodeploy.Trouble
	Pause(ctx context.Context, service, why, actor string) error
	// Resume reports whether the service was paused.
	Resume(ctx context.Context, service, actor string) (was bool, err error)
	// States lists what pushes do to the services that can be deployed by them, by name.
	States(ctx context.Context) ([]autodeploy.State, error)
	// Pauses lists the services that no push deploys for now.
	Pauses(ctx context.Context) ([]store.DeployPause, error)
	// Deliveries lists those of a repository, or all (""), newest first, from below an id.
	Deliveries(ctx context.Context, repository string, before int64, n int) ([]store.Delivery, error)
}

// noPushes is what a server without automatic deploys has.
type noPushes struct{}

var errNoPushes = errors.New("this daemon takes no pushes")

func (noPushes) SetHooks(context.Context, []string) ([]autodeploy.HookResult, error) {
	return nil, errNoPushes
}
func (noPushes) TestHooks(context.Context, []string) ([]autodeploy.HookResult, error) {
	return nil, errNoPushes
}
func (noPushes) Refusals(time.Time) []autodeploy.Refusal             { return nil }
func (noPushes) Troubles() []autodeploy.Trouble                      { return nil }
func (noPushes) Pause(context.Context, string, string, string) error { return errNoPushes }
func (noPushes) Resume(context.Context, string, string) (bool, error) {
	return false, errNoPushes
}
func (noPushes) States(context.Context) ([]autodeploy.State, error)  { return nil, nil }
func (noPushes) Pauses(context.Context) ([]store.DeployPause, error) { return nil, nil }
func (noPushes) Deliveries(context.Context, string, int64, int) ([]store.Delivery, error) {
	return nil, nil
}

type hooksInput struct{ Body WebhookRequest }

type deliveriesInput struct {
	Repository string `query:"repository" maxLength:"300" doc:"Of one repository, owner/name"`
	Before     int64  `query:"before" minimum:"0" doc:"Below this id"`
	Limit      int    `query:"limit" minimum:"1" maximum:"1000" default:"20"`
}

type pauseInput struct{ Body AutoDeployRequest }

// pushRoutes is everything about deploys that pushes cause.
func (s *Server) pushRoutes(tag string) {
	post(s, "/webhooks", tag, "setWebhooks", "Make or repair the webhook of every repository that services are deployed from", http.StatusOK, s.setHooks)
	post(s, "/webhooks/test", tag, "testWebhooks", "Have forges send test deliveries, and wait for them", http.StatusOK, s.testHooks)
	get(s, "/webhooks/deliveries", tag, "listDeliveries", "Deliveries of webhooks, newest first, what came of them, and what was refused", s.deliveries)
	get(s, "/autodeploy", tag, "listAutoDeploys", "What pushes do to services, and what was considered last", s.autoDeploys)
	post(s, "/autodeploy", tag, "setAutoDeploys", "Keep pushes from deploying services, or let them again", http.StatusOK, s.setAutoDeploys)
}

func (s *Server) setHooks(ctx context.Context, in *hooksInput) (WebhookList, error) {
	return s.hookCall(ctx, in.Body, s.deps.Pushes.SetHooks)
}

func (s *Server) testHooks(ctx context.Context, in *hooksInput) (WebhookList, error) {
	return s.hookCall(ctx, in.Body, s.deps.Pushes.TestHooks)
}

func (s *Server) hookCall(ctx context.Context, r WebhookRequest, do func(context.Context, []string) ([]autodeploy.HookResult, error)) (WebhookList, error) {
	if (len(r.Services) == 0) != r.All {
		return WebhookList{}, invalid("body.services", "name services, or set all")
	}
	ctx, cancel := context.WithTimeout(ctx, hooksTimeout)
	defer cancel()
	list, err := do(ctx, r.Services)
	return WebhookList{SchemaVersion: SchemaVersion, Webhooks: orEmpty(each(list, renderHook))}, err
}

func renderHook(r autodeploy.HookResult) Webhook {
	w := Webhook{
		Repository: r.Repository, Forge: r.Forge, Services: orEmpty(r.Services), Action: r.Action, Why: r.Why, Error: r.Error, URL: r.URL, ID: r.ID, Secret: r.Secret,
	}
	if t := r.Test; t != nil {
		w.Test = &WebhookTest{Arrived: t.Arrived, Delivery: t.Delivery, DurationSeconds: t.Took.Seconds(), Advice: t.Advice}
	}
	return w
}

func (s *Server) deliveries(ctx context.Context, in *deliveriesInput) (DeliveryList, error) {
	list, err := s.deps.Pushes.Deliveries(ctx, in.Repository, in.Before, in.Limit)
	doc := DeliveryList{SchemaVersion: SchemaVersion, Deliveries: orEmpty(each(list, renderDelivery))}
	if in.Repository == "" && in.Before == 0 {
		doc.Refused = each(s.deps.Pushes.Refusals(time.Time{}), func(r autodeploy.Refusal) RefusedDelivery {
			return RefusedDelivery{At: r.At, From: r.From, Path: r.Path, Event: r.Event, Status: r.Status, Why: r.Why}
		})
		doc.Refused = doc.Refused[:min(len(doc.Refused), in.Limit)]
	}
	doc.Unreachable = each(s.deps.Pushes.Troubles(), func(t autodeploy.Trouble) UnreachableRepository {
		return UnreachableRepository{Repository: t.Repository, Services: orEmpty(t.Services), Since: t.Since, Next: t.Next, Tries: t.Tries, Error: t.Error}
	})
	return doc, err
}

func renderDelivery(d store.Delivery) WebhookDelivery {
	return WebhookDelivery{
		ID: d.ID, Forge: d.Forge, Delivery: d.Delivery, Event: d.Event, Repository: d.Repository, Ref: d.Ref, Repeated: d.Repeated,
		State: string(d.State), Outcome: d.Outcome, Tries: d.Tries, ReceivedAt: d.ReceivedAt, DoneAt: d.DoneAt,
	}
}

// notePauses tells of services that no push deploys for now.
func (s *Server) notePauses(ctx context.Context, list []Service) error {
	pauses, err := s.deps.Pushes.Pauses(ctx)
	if err != nil {
		return err
	}
	why := map[string]string{}
	for _, p := range pauses {
		why[p.Service] = cmp.Or(p.Why, "by "+p.Actor)
	}
	for i := range list {
		list[i].DeploysPaused = why[list[i].Name]
	}
	return nil
}

func (s *Server) autoDeploys(ctx context.Context, _ *struct{}) (AutoDeployList, error) {
	list, err := s.deps.Pushes.States(ctx)
	return AutoDeployList{SchemaVersion: SchemaVersion, Services: orEmpty(each(list, renderAutoDeploy))}, err
}

func renderAutoDeploy(st autodeploy.State) AutoDeploy {
	a := AutoDeploy{
		Service: st.Service, Auto: st.Section.Auto, Branch: st.Branch, Tags: st.Section.Tags, Paths: st.Section.Paths, Ignore: st.Section.Ignore,
		Previews: st.Section.Previews, Considered: []ConsideredCommit{},
	}
	if p := st.Pause; p != nil {
		a.Paused, a.Why, a.Actor, a.Since = true, p.Why, p.Actor, p.At
	}
	for _, c := range st.Considered {
		a.Considered = append(a.Considered, ConsideredCommit{Ref: c.Ref, Commit: c.SHA, Deploy: c.Deploy, Outcome: c.Outcome, At: c.At})
	}
	slices.SortFunc(a.Considered, func(x, y ConsideredCommit) int { return cmp.Or(y.At.Compare(x.At), strings.Compare(x.Ref, y.Ref)) })
	a.Considered = a.Considered[:min(len(a.Considered), 20)]
	return a
}

func (s *Server) setAutoDeploys(ctx context.Context, in *pauseInput) (AutoDeployResults, error) {
	names, err := s.deps.Services.Resolve(ctx, in.Body.Services)
	if err != nil {
		return AutoDeployResults{}, err
	}
	doc := AutoDeployResults{SchemaVersion: SchemaVersion, Paused: in.Body.Paused, Services: orEmpty(names), Changed: []string{}}
	for _, name := range names {
		was := true
		if in.Body.Paused {
			err = s.deps.Pushes.Pause(ctx, name, in.Body.Why, actor(ctx))
		} else {
			was, err = s.deps.Pushes.Resume(ctx, name, actor(ctx))
		}
		if err != nil {
			return doc, fmt.Errorf("after %d of %d services: %w", len(doc.Changed), len(names), err)
		}
		if was {
			doc.Changed = append(doc.Changed, name)
		}
	}
	return doc, nil
}
