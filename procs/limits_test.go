package procs

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"aictl/procs/internal/cgroups"
)

// canLimit tells by trying, for the machine that runs the tests may have no controller.
func canLimit(t *testing.T) bool {
	t.Helper()
	l, err := cgroups.NewLimiter(cgroups.Group{}, "aictl-test-probe", "svc")
	if err != nil {
		t.Fatal(err)
	}
	_, faults := l.Prepare(cgroups.Limits{Memory: 64 << 20, Pids: 10})
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	return len(faults) == 0
}

func TestMemoryLimitToldFromOtherKills(t *testing.T) {
	k := startKeeper(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		python = "/bin/sh" // the control below needs no Python
	}
	s := k.spec(t, "hungry", "")
	s.Env = os.Environ()
	s.Argv = []string{python, "-c", "b = bytearray(200 << 20); b[:] = bytes([1]) * len(b)"}
	s.Limits = Limits{Memory: 48 << 20, Pids: 20, CPUs: 1}
	s.Restart.Policy = PolicyNever
	exit := exitOfRun(t, k, s)
	limited := canLimit(t) && python != "/bin/sh"
	if exit.OOM != limited || limited && !strings.Contains(describeExit(exit), "killed: out of memory (limit 48 MiB)") {
		t.Errorf("limited %v: %+v: %s", limited, exit, describeExit(exit))
	}
	s.ID, s.Argv = "killed", []string{"/bin/sh", "-c", "kill -KILL $$"}
	if exit := exitOfRun(t, k, s); exit.OOM || exit.Signal != "KILL" {
		t.Errorf("a plain kill: %+v", exit)
	}
}

func exitOfRun(t *testing.T, k *testKeeper, s Spec) Exit {
	t.Helper()
	if _, err := k.apply(&s, ApplyOptions{Start: true}); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline:
			t.Fatalf("%s did not end", s.ID)
		case <-tick.C:
		}
		for _, status := range k.statuses() {
			if status.ID == s.ID && status.LastExit != nil && status.PID == 0 {
				return *status.LastExit
			}
		}
	}
}

func TestLimitsInDigestAndValidation(t *testing.T) {
	s := Spec{ID: "a", Argv: []string{"x"}, Dir: "/"}
	before := s.Digest()
	s.Limits.Memory = 1 << 20
	if s.Digest() == before {
		t.Error("a limit changes nothing in the digest")
	}
	s.Limits.Pids = -1
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "limits") {
		t.Errorf("%v", err)
	}
}
