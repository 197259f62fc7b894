package configs

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// load is what a file with that content and these flags gives.
func load(t *testing.T, text string, flags map[string]string) Settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, text)
	s, err := Load(Sources{File: file, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDiff(t *testing.T) {
	for name, c := range map[string]struct {
		old, next string
		want      []string // key: old → new (effect)
	}{
		"nothing":          {"lang: zh\n", "# a comment\nlang: zh\n", nil},
		"the default":      {"", "log: {level: info}\nhooks: {on: []}\n", nil},
		"live":             {"", "log: {level: debug}\nrecorder: {retention: 7d}\n", []string{"log.level: info → debug (live)", "recorder.retention: 30d → 7d (live)"}},
		"back to default":  {"deploy: {build_slots: 4}\n", "", []string{"deploy.build_slots: 4 → 2 (live)"}},
		"the next daemon":  {"", "ports: 9001-9009\ndeploy: {uv: off}\n", []string{"ports: 8001-8999 → 9001-9009 (live)", "deploy.uv: auto → off (upgrade)"}},
		"the keeper":       {"", "data_dir: /srv\nlisten: :1\ngateway_listen: :2\n", []string{"data_dir: " + DefaultDataDir() + " → /srv (restart)", "listen: 127.0.0.1:7600 → :1 (restart)", "gateway_listen: 127.0.0.1:7680 → :2 (restart)"}},
		"a password":       {"deploy: {pip_index: 'https://u:one@pip/x'}\n", "deploy: {pip_index: 'https://u:two@pip/x'}\n", []string{"deploy.pip_index: https://u:xxxxx@pip/x → https://u:xxxxx@pip/x (upgrade)"}},
		"a hook":           {"", "hooks: {on: [{events: [fatal], url: 'https://chat/T0/secret'}]}\n", []string{"hooks.on:  → https://chat/… on fatal (live)"}},
		"a hook's command": {"", "hooks: {on: [{events: ['*'], services: [a, b*], command: 'note --token secret'}]}\n", []string{"hooks.on:  → note … on * of a, b* (live)"}},
	} {
		var got []string
		for _, ch := range Diff(load(t, c.old, nil), load(t, c.next, nil)) {
			got = append(got, ch.Key+": "+ch.Old+" → "+ch.New+" ("+string(ch.Effect)+")")
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nwant %q", name, got, c.want)
		}
	}
}

// What a flag or a variable says stays, whatever the file says.
func TestDiffKnowsWhatIsStronger(t *testing.T) {
	flags := map[string]string{"log.level": "warn"}
	if got := Diff(load(t, "", flags), load(t, "log: {level: debug}\n", flags)); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestEverySettingHasAnEffect(t *testing.T) {
	for _, e := range DefaultSettings().Explain() {
		if !slices.Contains([]Effect{EffectLive, EffectUpgrade, EffectRestart}, e.Effect) {
			t.Errorf("%s takes %q", e.Key, e.Effect)
		}
	}
}

func TestAdopt(t *testing.T) {
	old := load(t, "lang: zh\ndeploy: {build_slots: 3}\n", nil)
	next := load(t, "listen: 127.0.0.1:1\nports: 9001-9002\nlog: {level: debug}\ndeploy: {uv: off}\n", nil)
	got := old.Adopt(next)
	if got.Listen != old.Listen || got.Deploy.UV != "auto" {
		t.Errorf("what must wait was taken: %+v", got)
	}
	if got.Log.Level != "debug" || got.Ports.First != 9001 || got.Lang != "auto" || got.Deploy.BuildSlots != 2 {
		t.Errorf("what need not wait was not taken: %+v", got)
	}
	if left := Diff(got, next); len(left) != 2 {
		t.Errorf("left to do: %+v", left)
	}
	for _, e := range got.Explain() {
		file, _ := next.File()
		if want := map[string]string{"log.level": file, "lang": "default", "listen": "default"}[e.Key]; want != "" && e.Source != want {
			t.Errorf("%s is from %s, want %s", e.Key, e.Source, want)
		}
	}
	again, err := got.Reload()
	if err != nil || again.Listen != "127.0.0.1:1" {
		t.Errorf("read again: %+v, %v", again, err)
	}
}

func TestReloadWith(t *testing.T) {
	s := load(t, "lang: zh\n", map[string]string{"ports": "9001-9002"})
	next, err := s.ReloadWith("new.yaml", []byte("log: {level: debug}\nports: 1-2\n"))
	if err != nil || next.Lang != "auto" || next.Log.Level != "debug" || next.Ports.First != 9001 {
		t.Errorf("%+v, %v", next, err)
	}
	if next, err := s.ReloadWith("empty.yaml", nil); err != nil || next.Lang != "auto" {
		t.Errorf("%+v, %v", next, err)
	}
	if _, err := s.ReloadWith("bad.yaml", []byte("lag: zh\n")); err == nil || !strings.Contains(err.Error(), "bad.yaml:1: lag: unknown key") {
		t.Errorf("%v", err)
	}
}

func TestDaemonHooks(t *testing.T) {
	s := load(t, "hooks: {on: [{events: [fatal, config.refused], services: ['ocr*'], url: 'http://a/b'}, {events: ['*'], command: note}]}\n", nil)
	for _, c := range []struct {
		hook          int
		kind, service string
		want          bool
	}{
		{0, "instance.fatal", "ocr-large", true}, {0, "instance.fatal", "text", false}, {0, "instance.started", "ocr", false},
		{0, "config.refused", "", false}, {1, "config.refused", "", true}, {1, "instance.backoff", "text", true},
	} {
		if got := s.Hooks.On[c.hook].Wants(c.kind, c.service); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	_, err := s.ReloadWith("f", []byte("hooks:\n  on:\n    - {events: [fatale], command: x}\n    - {events: [fatal], services: ['['], url: ftp://x}\n    - {}\n"))
	for _, want := range []string{`hooks.on[0].events[0]: "fatale" is not one of`, `hooks.on[1].services[0]: "[" is no pattern`, `hooks.on[1].url`, `hooks.on[2]: names no events`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %s", err, want)
		}
	}
	if _, err := Load(Sources{Env: []string{`AICTL_HOOKS_ON=[{events: [fatal], url: "http://a/b"}]`}}); err != nil {
		t.Error(err)
	}
}
