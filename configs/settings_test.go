package configs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const exampleFile = "aictl.example.yaml"

// TestExample wants the example to be the defaults, and to show every setting.
func TestExample(t *testing.T) {
	got, err := Load(Sources{File: exampleFile})
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	got.origin, got.from, got.content, got.Hooks.On, got.Records.Sinks, got.Trusted = nil, Sources{}, nil, nil, nil, nil // an empty list is none
	if want := DefaultSettings(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range leaves(reflect.TypeFor[Settings]()) {
		name := key.path[strings.LastIndex(key.path, ".")+1:]
		if !strings.Contains(string(data), name+":") {
			t.Errorf("%s is not shown", key.path)
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, "listen: 127.0.0.1:1\ngateway_listen: 127.0.0.1:2\nlang: zh\ndeploy: {uv: /file/uv, python: /file/python}\n")
	s, err := Load(Sources{
		File:     file,
		Database: map[string]string{"gateway_listen": "127.0.0.1:3", "lang": "en", "deploy.python": "null", "gitea.token": "secret"},
		Env:      []string{"AICTL_LANG=auto", "AICTL_TOKEN=for the client", "AICTL_PORTS=9000-9001", "AICTL_DEPLOY_UV=", "AICTL_RECORDER_RETENTION=7d", "AICTL_DEPLOY_BUILD_SLOTS=3", "AICTL_DEPLOY_OFFLINE=true"},
		Flags:    map[string]string{"ports": "9002-9003"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][2]string{}
	for _, e := range s.Explain() {
		got[e.Key] = [2]string{e.Value, e.Source}
		if e.Help == "" || e.Env == "" {
			t.Errorf("%s is not explained", e.Key)
		}
	}
	for key, want := range map[string][2]string{
		"listen":              {"127.0.0.1:1", file},
		"gateway_listen":      {"127.0.0.1:3", "database"},
		"lang":                {"auto", "AICTL_LANG"},
		"ports":               {"9002-9003", "--ports"},
		"deploy.uv":           {"/file/uv", file},
		"deploy.python":       {"null", "database"},
		"deploy.build_slots":  {"3", "AICTL_DEPLOY_BUILD_SLOTS"},
		"deploy.offline":      {"true", "AICTL_DEPLOY_OFFLINE"},
		"recorder.retention":  {"7d", "AICTL_RECORDER_RETENTION"},
		"gitea.token":         {mask, "database"},
		"log.level":           {"info", "default"},
		"deploy.step_timeout": {"15m", "default"},
	} {
		if got[key] != want {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
	if s.Gitea.Token != "secret" || s.Ports != (PortRange{9002, 9003}) {
		t.Errorf("%+v", s)
	}
}

func TestBadSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, "lisen: :1\nports: 9-8\ngitea:\n  token: abc\n  url: git.example.com\nrecorder: {queue_bytes: 1KB}\n")
	_, err := Load(Sources{
		File:     file,
		Database: map[string]string{"data_dir": "/x", "deploy.uvv": "1", "deploy.keep_releases": "1"},
		Env:      []string{"AICTL_LANG=de", "AICTL_DEPLOY_BUILD_SLOTS=two"},
		Flags:    map[string]string{"gateway_listen": "127.0.0.1:7600"},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		file + `:1: lisen: unknown key (did you mean "listen"?)`,
		file + `:2: ports: "9-8" ends before it begins (write 8-9)`,
		file + `:4: gitea.token: a secret does not belong in this file: put it into a file of its own and name that in gitea.token_file, or set AICTL_GITEA_TOKEN`,
		file + `:5: gitea.url: "git.example.com" is not the address of a server (write https://git.example.com)`,
		file + `:6: recorder.queue_bytes: 1KB is too small: at least 1MiB`,
		`database: data_dir: cannot be set here: it says where the database is (use the file or AICTL_DATA_DIR)`,
		`database: deploy.uvv: unknown setting (did you mean "deploy.uv"?)`,
		`database: deploy.keep_releases: 1 is not between 2 and 1000`,
		`AICTL_LANG: lang: "de" is not one of auto, en, zh`,
		`AICTL_DEPLOY_BUILD_SLOTS: deploy.build_slots: "two" is not a whole number`,
		`--gateway-listen: gateway_listen: 127.0.0.1:7600 is the API's address already: choose another port`,
	} {
		if !strings.Contains("\n"+err.Error()+"\n", "\n"+want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if n := len(Faults(err)); n != 11 {
		t.Errorf("%d faults:\n%v", n, err)
	}
	if strings.Contains(err.Error(), "abc") {
		t.Error("the secret is in the message")
	}
}

func TestSettingsFileThatIsNotThere(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no.yaml")
	if _, err := Load(Sources{File: missing, Optional: true}); err != nil {
		t.Error(err)
	}
	if _, err := Load(Sources{File: missing}); err == nil || !strings.Contains(err.Error(), "cannot be read: no such file") {
		t.Errorf("%v", err)
	}
	if _, err := Load(Sources{File: t.TempDir(), Optional: true}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("%v", err)
	}
	if _, err := Load(Sources{}); err != nil {
		t.Error(err)
	}
}

func TestCheckSetting(t *testing.T) {
	for _, c := range []struct{ key, text, want string }{
		{"lang", "zh", ""},
		{"deploy.step_timeout", "20m", ""},
		{"deploy.step_timeout", "20", "no unit"},
		{"deploy.build_slots", "0", "not between"},
		{"data_dir", "/x", "cannot be set here"},
		{"deplpy.uv", "x", "did you mean"},
		{"listen", "7600", "not an address"},
		{"listen", "localhost:0", ""},
	} {
		err := CheckSetting(c.key, c.text)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", c.key, c.text, err)
		}
	}
}

func TestDataDir(t *testing.T) {
	for _, c := range []struct {
		uid  int
		xdg  string
		want string
	}{
		{0, "/xdg", "/var/lib/aictl"},
		{1000, "/xdg", "/xdg/aictl"},
		{1000, "relative", "/home/u/.local/share/aictl"},
		{1000, "", "/home/u/.local/share/aictl"},
	} {
		env := map[string]string{"XDG_DATA_HOME": c.xdg, "HOME": "/home/u"}
		if got := dataDir(c.uid, func(k string) string { return env[k] }); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestExplainHidesPasswords(t *testing.T) {
	s, err := Load(Sources{Env: []string{"AICTL_DEPLOY_PIP_INDEX=https://user:hunter2@pip.example.com/simple"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Explain() {
		if strings.Contains(e.Value, "hunter2") {
			t.Errorf("%+v", e)
		}
	}
}

type change struct {
	s   Settings
	err error
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan change)
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, file, func() (Settings, error) { return Load(Sources{File: file, Optional: true}) }, func(s Settings, err error) {
			select {
			case changes <- change{s, err}:
			case <-ctx.Done():
			}
		})
	}()
	next := func() change {
		t.Helper()
		select {
		case c := <-changes:
			return c
		case <-time.After(15 * time.Second):
			t.Fatal("no change was told")
		}
		return change{}
	}
	// What was written before the watch began is no change, so the first one is written until it is told.
	tick := time.NewTicker(time.Second) // longer than changes are given to settle
	defer tick.Stop()
	var first change
	for n := 0; first.s.Lang == "" && n < 15; n++ {
		writeFile(t, file, fmt.Sprintf("lang: zh # %d\n", n))
		select {
		case first = <-changes:
		case <-tick.C:
		}
	}
	if first.err != nil || first.s.Lang != "zh" {
		t.Fatalf("%+v", first)
	}
	writeFile(t, file, "lang: klingon\n")
	if c := next(); c.err == nil {
		t.Fatalf("%+v", c)
	}
	// Tools write a new file and put it in the old one's place.
	temp := filepath.Join(dir, "temp")
	writeFile(t, temp, "lang: en\n")
	if err := os.Rename(temp, file); err != nil {
		t.Fatal(err)
	}
	if c := next(); c.err != nil || c.s.Lang != "en" {
		t.Fatalf("%+v", c)
	}
	writeFile(t, file, "lang: en\n") // the same again: not told, so the removal is next
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if c := next(); c.err != nil || c.s.Lang != "auto" {
		t.Fatalf("%+v", c)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
