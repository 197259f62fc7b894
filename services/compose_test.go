package services

import (
	"slices"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store"
)

func TestComposeFillsPortAndKeepsSecretsOut(t *testing.T) {
	t.Setenv("AICTL_TOKEN", "not-for-services")
	t.Setenv("CUDA_HOME", "/opt/cuda")
	svc := store.Service{Name: "ocr", Source: store.Source{Subdir: "moved/since"}, Env: map[string]string{"MODEL": "large", "PORT": "1", "AICTL_SERVICE": "x"}}
	rel := store.Release{ID: "r1-aaaaaaaa", Service: "ocr", Commit: "aaaaaaaa", Dir: "/data/releases/ocr/r1", EnvKey: "k",
		Argv: []string{"/envs/k/bin/python", "main.py", "--port={port}", "--host", "{host}"}}
	m := configs.Manifest{Runtime: configs.RuntimePython, Subdir: "svc", Env: map[string]string{"MODEL": "base", "LEVEL": "3"}}
	m.Resource.GPUs = "0,1"
	spec := compose(svc, rel, m, store.Instance{ID: "ocr/2", Service: "ocr", Slot: 2, Port: 8123}, Dirs{Envs: "/envs", Logs: "/logs"})

	if got := strings.Join(spec.Argv, " "); got != "/envs/k/bin/python main.py --port=8123 --host 127.0.0.1" {
		t.Errorf("argv %q", got)
	}
	if spec.Dir != "/data/releases/ocr/r1/svc" {
		t.Errorf("dir %q", spec.Dir)
	}
	if spec.Log.Path != "/logs/ocr/2.log" {
		t.Errorf("log %q", spec.Log.Path)
	}
	for _, want := range []string{"MODEL=large", "LEVEL=3", "PORT=8123", "HOST=127.0.0.1", "AICTL_SERVICE=ocr",
		"CUDA_VISIBLE_DEVICES=0,1", "CUDA_HOME=/opt/cuda", "VIRTUAL_ENV=/envs/k", "PYTHONUNBUFFERED=1"} {
		if !slices.Contains(spec.Env, want) {
			t.Errorf("environment has no %s", want)
		}
	}
	for _, kv := range spec.Env {
		if strings.HasPrefix(kv, "AICTL_TOKEN") {
			t.Error("a secret of the daemon reached the service")
		}
		if strings.HasPrefix(kv, "PATH=") && !strings.HasPrefix(kv, "PATH=/envs/k/bin:") {
			t.Errorf("the environment is not first on the path: %s", kv)
		}
	}
}

func TestPick(t *testing.T) {
	all := []store.Service{{Name: "ocr", Groups: []string{"vision"}}, {Name: "text-a", Groups: []string{"nlp"}}, {Name: "text-b", Groups: []string{"nlp", "vision"}}}
	for _, tc := range []struct {
		patterns string
		want     string
		err      string
	}{
		{"", "ocr text-a text-b", ""},
		{"text-*", "text-a text-b", ""},
		{"ocr text-a ocr", "ocr text-a", ""},
		{"@vision", "ocr text-b", ""},
		{"@n*", "text-a text-b", ""},
		{"*", "ocr text-a text-b", ""},
		{"text-c", "", `no service matches "text-c" (there are: ocr, text-a, text-b)`},
		{"ocr nope*", "", `no service matches "nope*"`},
		{"@none", "", `no service matches "@none"`},
		{"[", "", "syntax error"},
	} {
		got, err := pick(all, strings.Fields(tc.patterns))
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q: error %v, want %q", tc.patterns, err, tc.err)
			}
			continue
		}
		names := make([]string, len(got))
		for k, s := range got {
			names[k] = s.Name
		}
		if s := strings.Join(names, " "); err != nil || s != tc.want {
			t.Errorf("%q: %q %v, want %q", tc.patterns, s, err, tc.want)
		}
	}
}
