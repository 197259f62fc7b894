package configs

import (
	"strings"
	"testing"
)

func TestStateHooks(t *testing.T) {
	m, err := ParseManifest([]byte(`hooks:
  on:
    - {events: [fatal, deploy.failed], command: "python alert.py --to 'a b'"}
    - {events: [started], url: http://127.0.0.1:9/x}
`), "aictl.yaml")
	if err != nil || len(m.Hooks.On) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	data, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ManifestFromJSON(data)
	if err != nil || back.Hooks.On[0].Command != m.Hooks.On[0].Command {
		t.Errorf("read back %+v, %v", back.Hooks, err)
	}
	for kind, want := range map[string]bool{"instance.fatal": true, "deploy.failed": true, "deploy.live": false, "fatal": true, "instance.started": false} {
		if got := m.Hooks.On[0].Wants(kind); got != want {
			t.Errorf("wants %s: %v", kind, got)
		}
	}
}

func TestStateHooksThatAreWrong(t *testing.T) {
	for hook, want := range map[string]string{
		`{command: x}`:                                 "aictl.yaml:3: hooks.on[0]: names no events",
		`{events: [fatl], command: x}`:                 `aictl.yaml:3: hooks.on[0].events[0]: "fatl" is not one of`,
		`{events: [fatal]}`:                            "hooks.on[0]: does nothing",
		`{events: [fatal], command: x, url: http://a}`: "has a command and a url",
		`{events: [fatal], command: "a && b"}`:         "hooks.on[0].command: no shell runs it",
		`{events: [fatal], url: "ftp://a"}`:            `hooks.on[0].url: "ftp://a" is not a URL`,
		`{events: [fatal], comand: x}`:                 `did you mean "command"?`,
		`{events: fatal, command: x}`:                  "write [fatal]",
		strings.Repeat("{events: [fatal], command: x}\n    - ", 20) + "{events: [fatal], command: x}": "21 hooks are more than the 20",
	} {
		_, err := ParseManifest([]byte("hooks:\n  on:\n    - "+hook+"\n"), "aictl.yaml")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", hook, err, want)
		}
	}
}

func TestAfter(t *testing.T) {
	for text, want := range map[string]string{
		"after: [redis, tokenizer]": "",
		"after: [Redis]":            `aictl.yaml:2: after[0]: "Redis" cannot be a service's name`,
		"after: [tokenizer, ocr]":   "aictl.yaml:2: after[1]: a service cannot be started after itself",
		"after: redis":              "write [redis]",
	} {
		_, err := ParseManifest([]byte("name: ocr\n"+text+"\n"), "aictl.yaml")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
