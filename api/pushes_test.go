package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/autodeploy"
	"aictl/configs"
	"aictl/store"
)

// fakePushes pauses what exists and tells of one of everything.
type fakePushes struct {
	noPushes
	paused map[string]string
}

func (f *fakePushes) SetHooks(_ context.Context, services []string) ([]autodeploy.HookResult, error) {
	return []autodeploy.HookResult{{Repository: "team/ocr", Services: services, Action: autodeploy.HookCreated, Test: &autodeploy.HookTest{Arrived: true, Took: time.Second}}}, nil
}

func (f *fakePushes) Pause(_ context.Context, service, why, _ string) error {
	f.paused[service] = why
	return nil
}

func (f *fakePushes) Resume(_ context.Context, service, _ string) (bool, error) {
	_, was := f.paused[service]
	delete(f.paused, service)
	return was, nil
}

func (f *fakePushes) Pauses(context.Context) (out []store.DeployPause, err error) {
	for name, why := range f.paused {
		out = append(out, store.DeployPause{Service: name, Why: why, Actor: "ada"})
	}
	return out, nil
}

func (f *fakePushes) Refusals(time.Time) []autodeploy.Refusal {
	return []autodeploy.Refusal{{From: "10.0.0.1", Status: 401, Why: "forged"}}
}

func (f *fakePushes) Deliveries(context.Context, string, int64, int) ([]store.Delivery, error) {
	return []store.Delivery{{ID: 3, Event: "push", Repository: "team/ocr", State: store.DeliveryDone, Outcome: "ocr: deploy 1"}}, nil
}

func (f *fakePushes) States(context.Context) ([]autodeploy.State, error) {
	return []autodeploy.State{{Service: "ocr", Section: configs.DeploySection{Auto: true}, Considered: []store.Attempt{
		{Ref: "refs/heads/old", SHA: "a", At: time.Unix(1, 0)}, {Ref: "refs/heads/main", SHA: "b", At: time.Unix(2, 0), Deploy: 4},
	}}}, nil
}

func TestPushes(t *testing.T) {
	t.Parallel()
	f := &fakePushes{paused: map[string]string{}}
	c := clientOf(t, newServer(t, newBackend(), func(d *Deps) { d.Pushes = f }))
	hooks, err := c.SetWebhooks(t.Context(), WebhookRequest{Services: []string{"ocr"}})
	if err != nil || len(hooks.Webhooks) != 1 || hooks.Webhooks[0].Action != "created" || !hooks.Webhooks[0].Test.Arrived {
		t.Errorf("%+v, %v", hooks, err)
	}
	for _, req := range []WebhookRequest{{}, {Services: []string{"ocr"}, All: true}} {
		if _, err := c.SetWebhooks(t.Context(), req); err == nil || !strings.Contains(err.Error(), "set all") {
			t.Errorf("%+v: %v", req, err)
		}
	}
	list, err := c.Deliveries(t.Context(), "", 0, 5)
	if err != nil || len(list.Deliveries) != 1 || len(list.Refused) != 1 || list.Refused[0].Status != http.StatusUnauthorized {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err = c.Deliveries(t.Context(), "team/ocr", 0, 5); err != nil || len(list.Refused) != 0 {
		t.Errorf("of one repository: %+v, %v", list, err)
	}
	const name = "ocr"
	done, err := c.SetAutoDeploys(t.Context(), AutoDeployRequest{Services: []string{name}, Paused: true, Why: "holiday"})
	if err != nil || len(done.Changed) != 1 || f.paused[name] != "holiday" {
		t.Errorf("%+v, %v", done, err)
	}
	status, err := c.Services(t.Context(), []string{name}, false)
	if err != nil || len(status.Services) != 1 || status.Services[0].DeploysPaused != "holiday" {
		t.Errorf("%+v, %v", status, err)
	}
	for _, want := range []int{1, 0} {
		if done, err = c.SetAutoDeploys(t.Context(), AutoDeployRequest{Services: []string{name}}); err != nil || len(done.Changed) != want {
			t.Errorf("%+v, %v", done, err)
		}
	}
	states, err := c.AutoDeploys(t.Context())
	if err != nil || len(states.Services) != 1 || states.Services[0].Considered[0].Commit != "b" {
		t.Errorf("%+v, %v", states, err)
	}
}
