package services

import (
	"os/user"
	"reflect"
	"slices"
	"testing"
	"time"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
)

func composed(t *testing.T, m configs.Manifest) procs.Spec {
	t.Helper()
	spec := compose(store.Service{Name: "ocr"}, store.Release{ID: "r1", Argv: []string{"x"}, Dir: "/r"}, m,
		store.Instance{ID: "ocr/1", Service: "ocr", Slot: 1, Port: 8001}, Dirs{Envs: "/envs", Logs: "/logs"})
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	return spec
}

// Every limit and setting of a manifest reaches the keeper.
func TestLimitsReachTheKeeper(t *testing.T) {
	m := *configs.DefaultManifest()
	if spec := composed(t, m); !reflect.DeepEqual(spec.Launch, procs.Launch{}) || spec.Limits != (procs.Limits{}) {
		t.Errorf("a plain manifest bounds something: %+v %+v", spec.Launch, spec.Limits)
	}
	m.Resource = configs.Resources{Memory: 1 << 30, CPUs: 1.5, Pids: 9, Nofile: 64,
		Rlimits: map[string]configs.Rlimit{"core": 0, "memlock": configs.Unlimited}}
	m.Process = configs.Process{User: "0", Group: "7", Umask: "027", Nice: 3, OOMScoreAdj: 11}
	spec := composed(t, m)
	want := procs.Launch{Rlimits: map[string]int64{"core": 0, "memlock": procs.Unlimited, "nofile": 64},
		User: "0", Group: "7", Umask: "027", Nice: 3, OOMScoreAdj: 11}
	if !reflect.DeepEqual(spec.Launch, want) || spec.Limits != (procs.Limits{Memory: 1 << 30, CPUs: 1.5, Pids: 9}) {
		t.Errorf("%+v %+v", spec.Launch, spec.Limits)
	}
	names := append(slices.Clone(configs.RlimitNames), "nofile")
	if slices.Sort(names); !slices.Equal(names, procs.RlimitNames()) {
		t.Errorf("a manifest knows the limits %q, the keeper %q", names, procs.RlimitNames())
	}
}

func TestEnvironmentOfAnotherUser(t *testing.T) {
	t.Setenv("HOME", "/home/of-aictl")
	t.Setenv("USER", "of-aictl")
	t.Setenv("TMPDIR", "/home/of-aictl/tmp")
	m := *configs.DefaultManifest()
	if env := composed(t, m).Env; !slices.Contains(env, "HOME=/home/of-aictl") || !slices.Contains(env, "USER=of-aictl") {
		t.Errorf("%q", env)
	}
	root, err := user.LookupId("0")
	if err != nil {
		t.Fatal(err)
	}
	m.Process.User = "root"
	env := composed(t, m).Env
	for _, want := range []string{"HOME=" + root.HomeDir, "USER=root", "LOGNAME=root"} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %q", want, env)
		}
	}
	if slices.Contains(env, "TMPDIR=/home/of-aictl/tmp") {
		t.Errorf("%q", env)
	}
	m.Process.User = "4242424"
	if env := composed(t, m).Env; !slices.Contains(env, "HOME=/") || slices.Contains(env, "USER=of-aictl") {
		t.Errorf("%q", env)
	}
	m.Env = map[string]string{"HOME": "/srv/cache"}
	if env := composed(t, m).Env; !slices.Contains(env, "HOME=/srv/cache") {
		t.Errorf("the manifest's HOME does not win: %q", env)
	}
}

func TestGPUs(t *testing.T) {
	for gpus, want := range map[string]map[string]string{
		"":                  {},
		"all":               {},
		"none":              {"CUDA_VISIBLE_DEVICES": "-1"},
		"0,1":               {"CUDA_VISIBLE_DEVICES": "0,1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
		"GPU-8932f937-d72c": {"CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
	} {
		got := map[string]string{}
		if showGPUs(got, gpus); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v", gpus, got)
		}
	}
}

// The reason of a failed deploy tells a kill for want of memory from any other.
func TestDescribeExit(t *testing.T) {
	for want, exit := range map[string]procs.Exit{
		"was killed: out of memory (limit 2 GiB) after 3s": {Code: -1, Signal: "KILL", OOM: true, MemoryLimit: 2 << 30, Uptime: 3 * time.Second},
		"was ended by signal KILL after 3s":                {Code: -1, Signal: "KILL", Uptime: 3 * time.Second},
		"exited with code 1":                               {Code: 1},
		"exited":                                           {Code: -1, Unknown: true},
	} {
		if got := describe(exit); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
