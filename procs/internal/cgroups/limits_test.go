package cgroups

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestParseControllers(t *testing.T) {
	mounts := hybrid + "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n34 31 0:31 /x /p rw - cgroup cgroup rw,pids\n"
	own := "4:memory:/a/b\n3:pids:/elsewhere\n1:cpu:/\n0::/\n"
	want := map[string]string{"memory": "/sys/fs/cgroup/memory/a/b", "cpu": "/sys/fs/cgroup/cpu"}
	if got := parseControllers(mounts, own); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestLimitsOfVersion2(t *testing.T) {
	dir := t.TempDir()
	fake(t, dir, map[string]string{"memory.max": "", "memory.oom.group": "", "cpu.max": "", "memory.events": "oom 3\noom_kill 2\noom_group_kill 1\n"})
	l := Limiter{group: Group{dir: dir}}
	entries, faults := l.Prepare(Limits{Memory: 4096, CPUs: 1.5, Pids: 7})
	if len(entries) != 0 || len(faults) != 1 || faults["pids"] == nil {
		t.Errorf("%v %v", entries, faults)
	}
	for name, want := range map[string]string{"memory.max": "4096", "memory.oom.group": "1", "cpu.max": "150000 100000"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	if n := l.OOMKills(); n != 2 {
		t.Errorf("%d kills", n)
	}
}

// FuzzParseControllers: whatever the kernel's files hold, only directories inside a mount come out.
func FuzzParseControllers(f *testing.F) {
	f.Add(hybrid+"33 31 0:30 /x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "4:memory:/x/b\n3:pids:/elsewhere\n0::/\n")
	f.Add(" - cgroup cgroup memory", "1:memory:/../..")
	f.Add("1 2 3 / /a\\040b - cgroup c memory,pids", "::\n1:memory,pids:/\n")
	f.Fuzz(func(t *testing.T, mounts, own string) {
		for controller, dir := range parseControllers(mounts, own) {
			if controller != "memory" && controller != "cpu" && controller != "pids" || dir != filepath.Clean(dir) {
				t.Errorf("%q: %q", controller, dir)
			}
		}
	})
}
