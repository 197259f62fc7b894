package cgroups

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const hybrid = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:1 - cgroup2 cgroup2 rw
`

func TestParseMount(t *testing.T) {
	tests := map[string]struct {
		mounts, own string
		want        Mount
		parents     []string
	}{
		"hybrid, root": {hybrid, "9:name=systemd:/\n0::/\n", Mount{"/", "/sys/fs/cgroup/unified", "/"}, []string{"/sys/fs/cgroup/unified"}},
		"pure, a unit": {
			"30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/system.slice/aictl.service\n",
			Mount{"/", "/sys/fs/cgroup", "/system.slice/aictl.service"},
			[]string{"/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/system.slice/aictl.service"}},
		"a part is mounted": {
			"30 1 0:26 /box /my\\040mount rw - cgroup2 cgroup2 rw\n", "0::/box/in\n", Mount{"/box", "/my mount", "/in"},
			[]string{"/my mount", "/my mount/in"}},
		"another part is mounted": {"30 1 0:26 /box /a rw - cgroup2 cgroup2 rw\n", "0::/boxing\n", Mount{}, nil},
		"only version 1":          {"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "1:cpu:/\n", Mount{}, nil},
		"nonsense":                {"x\n - \ncgroup2", "0::/\n", Mount{}, nil},
	}
	for name, test := range tests {
		got, err := parseMount(test.mounts, test.own)
		if got != test.want || (err == nil) != (test.parents != nil) || err != nil && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if test.parents != nil && !slices.Equal(got.parents(), test.parents) {
			t.Errorf("%s: parents %q", name, got.parents())
		}
	}
}

// fake makes a directory look like a cgroup.
func fake(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGroupFiles(t *testing.T) {
	root := filepath.Join(t.TempDir(), "aictl-x")
	fake(t, root, map[string]string{"cgroup.kill": ""})
	tree, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	g := tree.Group("ocr")
	if populated, err := g.Populated(); err != nil || populated {
		t.Errorf("a group that is not there: %v %v", populated, err)
	}
	if pids, err := g.Pids(); err != nil || len(pids) != 0 {
		t.Errorf("a group that is not there: %v %v", pids, err)
	}
	fake(t, g.Dir(), map[string]string{
		"cgroup.events": "populated 1\nfrozen 0\n", "cgroup.procs": "12\n13\n0\n", "cgroup.kill": "",
		"cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
	})
	fake(t, filepath.Join(g.Dir(), "below"), map[string]string{"cgroup.procs": "14\n"})
	if populated, err := g.Populated(); err != nil || !populated {
		t.Errorf("%v %v", populated, err)
	}
	if pids, err := g.Pids(); err != nil || !slices.Equal(pids, []int{12, 13, 14}) {
		t.Errorf("%v %v", pids, err)
	}
	if seconds, err := g.CPUSeconds(); err != nil || seconds != 1.5 {
		t.Errorf("%v %v", seconds, err)
	}
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(g.Dir(), "cgroup.kill")); err != nil || string(data) != "1" {
		t.Errorf("%q %v", data, err)
	}
	if names, err := tree.Groups(); err != nil || !slices.Equal(names, []string{"ocr"}) {
		t.Errorf("%v %v", names, err)
	}
}

// Without cgroup.kill (Linux before 5.14, or a read-only mount) no tree is made and nothing is left behind.
func TestOpenWithoutKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "aictl-x")
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "cgroup.kill") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

func TestRemoveNested(t *testing.T) {
	g := Group{dir: filepath.Join(t.TempDir(), "g")}
	if err := os.MkdirAll(filepath.Join(g.Dir(), "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := g.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(g.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
