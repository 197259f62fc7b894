package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/services"
	"aictl/store"
)

// reloadRig is a reloader over a settings file, with what it has told and applied.
type reloadRig struct {
	*reloader
	t       *testing.T
	file    string
	told    []services.Event
	applied []configs.Settings
	kept    string
}

func newReloadRig(t *testing.T, text string) *reloadRig {
	t.Helper()
	r := &reloadRig{t: t, file: filepath.Join(t.TempDir(), "config.yaml")}
	r.write(text)
	s, err := configs.Load(configs.Sources{File: r.file})
	if err != nil {
		t.Fatal(err)
	}
	r.reloader = &reloader{
		log: slog.New(slog.DiscardHandler), tell: func(ev services.Event) { r.told = append(r.told, ev) }, now: time.Now,
		keep:  func(s configs.Settings) error { r.kept = string(s.Content()); return nil },
		apply: func(_, next configs.Settings) { r.applied = append(r.applied, next) },
		services: func(context.Context, []string) ([]services.View, error) {
			return []services.View{{Service: store.Service{Name: "ocr", Wanted: store.WantedRunning}}, {Service: store.Service{Name: "off", Wanted: store.WantedStopped}}}, nil
		},
	}
	r.state.Store(&settingsState{running: s})
	return r
}

func (r *reloadRig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	r := newReloadRig(t, "lang: zh\n")
	ctx := t.Context()
	last := func() services.Event { return r.told[len(r.told)-1] }

	// Nothing else: nothing is told.
	if doc, err := r.ConfigReload(ctx); err != nil || len(doc.Changes)+len(r.told) > 0 {
		t.Errorf("%+v, %v, told %v", doc, err, r.told)
	}
	// What can be is taken up, the rest waits.
	r.write("lang: zh\nlisten: 127.0.0.1:1\nlog: {level: debug}\ndeploy: {uv: off}\n")
	before, err := r.ConfigDiff(ctx, "", nil)
	if err != nil || len(before.Changes) != 3 || before.Changes[1].Applied {
		t.Errorf("%+v, %v", before, err)
	}
	doc, err := r.ConfigReload(ctx)
	if err != nil || doc.File != r.file || len(doc.Changes) != 3 {
		t.Fatalf("%+v, %v", doc, err)
	}
	for i, want := range []string{"listen restart false ocr", "log.level live true ", "deploy.uv upgrade false "} {
		c := doc.Changes[i]
		names := ""
		for _, s := range c.Services {
			names += s.Service
		}
		applied := map[bool]string{true: "true", false: "false"}[c.Applied]
		if got := c.Key + " " + c.Effect + " " + applied + " " + names; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if s := r.current(); s.Log.Level != "debug" || s.Listen != "127.0.0.1:7600" || len(r.applied) != 2 || r.applied[1].Log.Level != "debug" {
		t.Errorf("running %+v, applied %d times", s, len(r.applied))
	}
	ev := last()
	if len(r.told) != 1 || ev.Kind != services.EventConfigApplied || ev.Fields["log.level"] != "info → debug" || !strings.Contains(ev.Fields["waiting"], "listen") {
		t.Errorf("told %+v", r.told)
	}
	// What waits still differs, and is told once.
	if doc, err := r.ConfigReload(ctx); err != nil || len(doc.Changes) != 2 || len(r.told) != 1 {
		t.Errorf("%+v, %v, told %+v", doc, err, r.told)
	}
	if doc, err := r.Config(ctx); err != nil || len(doc.Waiting) != 2 || doc.Refused != nil || doc.File != r.file {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestReloadRefuses(t *testing.T) {
	r := newReloadRig(t, "lang: zh\n")
	ctx := t.Context()
	r.write("lang: en\nlog: {level: loud}\nlisen: :1\n")
	for range 2 {
		if _, err := r.ConfigReload(ctx); !errors.Is(err, errSettings) || !strings.Contains(err.Error(), "log.level") || !strings.Contains(err.Error(), ":3: lisen: unknown key") {
			t.Errorf("%v", err)
		}
	}
	if r.current().Lang != "zh" || len(r.applied) > 0 || r.kept != "" {
		t.Error("a part of a bad file was taken up")
	}
	if len(r.told) != 1 || r.told[0].Kind != services.EventConfigRefused || !strings.Contains(r.ConfigRefused(), "lisen") {
		t.Errorf("told %+v; refused %q", r.told, r.ConfigRefused())
	}
	if doc, err := r.Config(ctx); err != nil || doc.Refused == nil || doc.Refused.At.IsZero() {
		t.Errorf("%+v, %v", doc.Refused, err)
	}
	// Mended to what runs: nothing changes, but it is told that the file is good again.
	r.write("lang: zh # mended\n")
	if doc, err := r.ConfigReload(ctx); err != nil || len(doc.Changes) > 0 || r.ConfigRefused() != "" || len(r.told) != 2 || r.kept != "lang: zh # mended\n" {
		t.Errorf("%+v, %v, refused %q, told %d", doc, err, r.ConfigRefused(), len(r.told))
	}
	// A file that is compared changes nothing, good or bad.
	if _, err := r.ConfigDiff(ctx, "x.yaml", []byte("lang: klingon\n")); !errors.Is(err, errSettings) || !strings.Contains(err.Error(), "x.yaml:1: lang") {
		t.Errorf("%v", err)
	}
	if doc, err := r.ConfigDiff(ctx, "x.yaml", []byte("")); err != nil || len(doc.Changes) != 1 || doc.Changes[0].New != "auto" || r.ConfigRefused() != "" {
		t.Errorf("%+v, %v", doc, err)
	}
}
