package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/deploy"
	"aictl/services"
	"aictl/store"
)

func (b *backend) Config(context.Context) (ConfigDocument, error) {
	doc := ConfigDocument{File: "/etc/aictl/config.yaml", Settings: []Setting{{Key: "log.level", Value: "info", Source: "default", Effect: "live"}}}
	if b.refused != "" {
		doc.Refused = &ConfigRefused{At: testNow, Reason: b.refused}
	}
	return doc, b.note("config")
}

func (b *backend) ConfigDiff(_ context.Context, name string, content []byte) (ConfigDiff, error) {
	doc := ConfigDiff{File: name, Changes: []ConfigChange{{Key: "listen", Old: "a", New: string(content), Effect: "restart"}}}
	if content == nil {
		doc.Changes = nil
	}
	return doc, b.note("diff")
}

func (b *backend) ConfigReload(context.Context) (ConfigDiff, error) {
	return ConfigDiff{}, b.note("reload")
}

func (b *backend) Preview(_ context.Context, req deploy.Request) (deploy.Preview, error) {
	b.mu.Lock()
	b.request = req
	b.mu.Unlock()
	return deploy.Preview{
		Service: "ocr", Commit: "beef", Live: store.Release{ID: "r2", Commit: "cafe"}, Before: 1, After: 2, Strategy: configs.BlueGreen,
		Changes: []configs.ManifestChange{{Key: "replicas", Old: "1", New: "2", Effect: configs.EffectScale}}, Env: deploy.PreviewEnv{Key: "k", Ready: true},
	}, b.note("preview")
}

func TestPreviewDeploy(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	doc, err := s.tcp.PreviewDeploy(t.Context(), DeployRequest{Source: Source{Kind: "dir", URL: "/srv/ocr"}, Trigger: "cli"})
	if err != nil || doc.Live.ID != "r2" || doc.Changes[0].Effect != "scale" || doc.Environment.State != "ready" || doc.Instances.After != 2 || doc.Warnings == nil {
		t.Errorf("%+v, %v", doc, err)
	}
	if b.request.Source.URL != "/srv/ocr" || b.request.Trigger != "cli" {
		t.Errorf("asked for %+v", b.request)
	}
	b.fault["preview"] = fmt.Errorf("%w: no such thing", deploy.ErrSource)
	var problem *Error
	if _, err := s.tcp.PreviewDeploy(t.Context(), DeployRequest{Source: Source{Kind: "dir", URL: "/x"}, Trigger: "cli"}); !errors.As(err, &problem) || problem.Status != 422 {
		t.Errorf("%v", err)
	}
}

func (b *backend) ConfigRefused() string { return b.refused }

func TestConfig(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	ctx := t.Context()
	doc, err := s.tcp.Config(ctx)
	if err != nil || doc.SchemaVersion != 1 || doc.Settings[0].Key != "log.level" || doc.Refused != nil || doc.Waiting == nil {
		t.Errorf("%+v, %v", doc, err)
	}
	text := "listen: :1\n"
	diff, err := s.tcp.ConfigDiff(ctx, ConfigRequest{Name: "new.yaml", Content: &text})
	if err != nil || diff.File != "new.yaml" || len(diff.Changes) != 1 || diff.Changes[0].New != text || diff.Changes[0].Services == nil {
		t.Errorf("%+v, %v", diff, err)
	}
	if diff, err := s.tcp.ConfigDiff(ctx, ConfigRequest{}); err != nil || diff.Changes == nil || len(diff.Changes) != 0 {
		t.Errorf("the server's own file: %+v, %v", diff, err)
	}
	if _, err := s.tcp.ConfigReload(ctx); err != nil || !b.called("reload") {
		t.Errorf("%v", err)
	}
	long := strings.Repeat("#", 1<<20+1)
	if _, err := s.tcp.ConfigDiff(ctx, ConfigRequest{Content: &long}); err == nil {
		t.Error("a file of any length is taken")
	}
	list, err := s.tcp.Services(ctx, nil, false)
	if err != nil || list.ConfigRefused != "" {
		t.Errorf("%+v, %v", list.ConfigRefused, err)
	}
	b.refused = "line 3"
	if list, err = s.tcp.Services(ctx, nil, false); err != nil || list.ConfigRefused != "line 3" {
		t.Errorf("%+v, %v", list.ConfigRefused, err)
	}
	if doc, err := s.tcp.Config(ctx); err != nil || doc.Refused == nil || doc.Refused.Reason != "line 3" {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestMetricsOfEvents(t *testing.T) {
	b := newBackend()
	for range 2 {
		b.happened.Publish(services.Event{Kind: services.EventInstanceStarted, Service: "ocr", Fields: map[string]string{"restarts": "1"}})
	}
	b.happened.Publish(services.Event{Kind: services.EventConfigRefused})
	b.refused = "line 3"
	text := ask(newServer(t, b).Handler(true), http.MethodGet, "/metrics", "").Body.String()
	for _, want := range []string{
		`aictl_events_total{kind="instance.started",service="ocr"} 2`, `aictl_events_total{kind="config.refused",service=""} 1`,
		`aictl_instance_restarts_total{service="ocr"} 2`, `aictl_instance_state{instance="ocr/1",service="ocr",state="running"} 1`,
		`aictl_hooks_total{result="failed"} 0`, "aictl_config_valid 0",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}
