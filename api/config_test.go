package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"aictl/services"
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
