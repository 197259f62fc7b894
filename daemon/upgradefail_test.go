package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aictl/procs"
)

// script is a program of a few shell lines; "$AICTL" in them is the real one.
func (r *rig) script(name, lines string) string {
	r.t.Helper()
	text := "#!/bin/sh\nAICTL=" + aictl + "\n" + lines + "\nexec \"$AICTL\" \"$@\"\n"
	return r.writeProgram(name, []byte(text))
}

// TestUpgradeToABadProgram: whatever is wrong with the new program, the user is told, and the old one goes on.
func TestUpgradeToABadProgram(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	check := r.untouched("echo")
	stop := r.steady("echo", 2, true)
	worker, keeper := r.worker(), r.keeperProgram()
	nobody := filepath.Join(r.dir, "nobody")
	plain := filepath.Join(r.dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, program string
		want          []string
		daemonChanges bool
	}{
		{"missing", nobody, []string{"no such file"}, false},
		{"a folder", r.dir, []string{"not a regular file"}, false},
		{"not executable", plain, []string{"not executable", "chmod +x"}, false},
		{"something else", "/bin/true", []string{"is it aictl"}, false},
		{"fails its trial", r.script("trial-fails", `case "$*" in *--trial*) echo "no libcuda" >&2; exit 3;; esac`), []string{"exited with code 3", "no libcuda"}, false},
		{"hangs in its trial", r.script("trial-hangs", `case "$*" in *--trial*) exec sleep 60;; esac`), []string{"did not end within 1s"}, false},
		{"another handover format", r.script("trial-new", `case "$*" in *--trial*) echo '{"version":"v9","min_protocol":3,"max_protocol":9,"handover":99}'; exit;; esac`),
			[]string{"version v9 cannot take over", "stop and start aictl"}, false},
		{"daemon ends at once", r.script("worker-ends", `case "$*" in *--worker*) echo "first line"; echo "no model of this" >&2; exit 4;; esac`),
			[]string{"did not come up", "exited with code 4", "no model of this", "the old one goes on"}, false},
		{"daemon hangs", r.script("worker-hangs", `case "$*" in *--worker*) exec sleep 60;; esac`), []string{"did not come up", "not ready within 1s"}, false},
		{"daemon fails when it should serve", r.script("worker-fails", `case "$*" in *--worker*) ulimit -n 14;; esac`), []string{"did not come up"}, true},
	} {
		said := r.fails(1, "upgrade", tc.program, "--timeout", "1s")
		for _, want := range tc.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q:\n%s", tc.name, want, said)
			}
		}
		r.until("the daemon answers", r.well)
		if now := r.worker(); (now != worker) != tc.daemonChanges {
			t.Errorf("%s: the daemon is %d, was %d", tc.name, now, worker)
		}
	}
	if now := r.keeperProgram(); now != keeper {
		t.Errorf("the keeper runs %s, ran %s", now, keeper)
	}
	r.until("nothing is left of the candidates", func() bool { return len(r.running("--worker")) == 1 && len(r.running("sleep", "60")) == 0 })
	t.Logf("%d requests answered", stop())
	check()
	r.must("upgrade")
	r.noZombies()
	r.stop()
}

// TestKeeperKilledAfterItsUpgrade: the next keeper adopts what a keeper left that died with its new program.
func TestKeeperKilledAfterItsUpgrade(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	r.deploy("counter", "-mode count")
	check := r.untouched("echo", "counter")
	counter := r.instance("counter").PID
	next := r.copyOf("aictl-next")
	client, err := procs.Dial(t.Context(), filepath.Join(r.data, "run", "keeper.sock"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Upgrade(t.Context(), next, 0); err != nil {
		t.Fatal(err)
	}
	<-client.Done()
	r.until("the keeper runs its new program", func() bool { return r.keeperProgram() == next })
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.awaitKeeper()
	r.start()
	check()
	r.serves("echo", "v1")
	r.complete("counter", counter)
	if n := len(r.running("-mode count")); n != 1 {
		t.Errorf("%d counters run", n)
	}
	r.until("one daemon is left", func() bool { return len(r.running("--worker")) == 1 })
	r.stop()
}

// TestUpgradeWhileDeploying: a deploy under way is queued again and ends under the new daemon.
func TestUpgradeWhileDeploying(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	gate := filepath.Join(r.dir, "gate")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.must("deploy", "--wait=false", r.source("echo", "-version v2 -hold "+gate))
	r.until("the candidate is started", func() bool { return len(r.service("echo").Instances) == 2 })
	r.must("upgrade")
	r.serves("echo", "v1")
	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	r.until("the deploy went on", func() bool { return r.well() && r.predict("echo").Version == "v2" })
	r.until("one instance is left", func() bool { return len(r.service("echo").Instances) == 1 })
	r.stop()
}

// TestReplacedFile: a program that is installed over the running one changes nothing until it is asked for, not even
// when the daemon dies.
func TestReplacedFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	program := r.copyOf("aictl-own")
	r.program = program
	r.start()
	inode := func(path string) uint64 {
		var stat syscall.Stat_t
		if err := syscall.Stat(path, &stat); err != nil {
			t.Fatal(err)
		}
		return stat.Ino
	}
	first := inode(program)
	r.copyOf("aictl-own")
	second := inode(program)
	r.signal(r.worker(), syscall.SIGKILL)
	r.until("the daemon answers", r.well)
	runs := func() uint64 { return inode(fmt.Sprintf("/proc/%d/exe", r.worker())) }
	if got := runs(); got != first {
		t.Errorf("the daemon runs inode %d, want %d: the file of its keeper", got, first)
	}
	r.must("upgrade")
	if got := runs(); got != second {
		t.Errorf("the daemon runs inode %d after the upgrade, want %d: what is installed", got, second)
	}
	r.until("it has been up for a moment", func() bool { return len(r.running("--worker")) == 1 })
	r.stop()
}
