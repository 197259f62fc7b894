package daemon_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopLeavesNothing: SIGTERM to the keeper ends everything, grandchildren in sessions of their own and services
// that ignore signals included.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("forks", "-mode forks", "stop: {grace: 300ms}") // one of the children ignores SIGTERM
	r.deploy("stubborn", "-mode stubborn", "stop: {grace: 300ms}")
	if n := len(r.running("-mode sleeper")); n != 3 {
		t.Fatalf("%d grandchildren run, want 3", n)
	}
	begun := time.Now()
	r.stop()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// TestStopOneService: a stop takes the whole tree and nobody else's, a stubborn one after its grace period.
func TestStopOneService(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("bystander", "")
	r.deploy("forks", "-mode forks", "stop: {grace: 300ms}")
	r.deploy("stubborn", "-mode stubborn", "stop: {grace: 400ms}")
	bystander := r.instance("bystander")

	r.must("stop", "forks")
	if left := r.running("-mode sleeper"); len(left) > 0 {
		t.Errorf("grandchildren survived the stop: %v", left)
	}
	begun := time.Now()
	r.must("stop", "stubborn")
	if took := time.Since(begun); took < 400*time.Millisecond || took > 8*time.Second { // the default grace is 10s
		t.Errorf("stopping a service that ignores SIGTERM took %s, its grace period is 400ms", took)
	}
	if left := r.running("-mode stubborn"); len(left) > 0 {
		t.Errorf("it still runs: %v", left)
	}
	exit := r.detail("stubborn").LastExit
	if exit == nil || exit.Signal != "KILL" {
		t.Errorf("its last exit is %+v, want signal KILL", exit)
	}
	if now := r.instance("bystander"); now.PID != bystander.PID || now.Restarts != 0 {
		t.Errorf("another service was touched: %+v, was %+v", now, bystander)
	}
	r.stop()
}

// TestSecondDaemon: one data directory has one keeper; the second says whose it is and harms nothing.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("one", "")
	before := r.instance("one")
	said := r.fails(1, "daemon", "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0")
	for _, want := range []string{"another keeper runs on this data directory", fmt.Sprintf("pid %d", r.keeper.Process.Pid), "--data-dir"} {
		if !strings.Contains(said, want) {
			t.Errorf("the second daemon does not say %q:\n%s", want, said)
		}
	}
	r.serves("one", "v1")
	if now := r.instance("one"); now.PID != before.PID {
		t.Errorf("the service was touched: %+v, was %+v", now, before)
	}
	r.must("status")
	r.stop()
}

// TestTakenAddress: an address that somebody else has is named with the flag to change, and no process stays.
func TestTakenAddress(t *testing.T) {
	t.Parallel()
	first, second := startRig(t), newRig(t)
	addr := strings.TrimPrefix(first.gateway, "http://")
	said := second.fails(1, "daemon", "--listen", "127.0.0.1:0", "--gateway-listen", addr)
	for _, want := range []string{addr, "taken by another program", "--gateway-listen"} {
		if !strings.Contains(said, want) {
			t.Errorf("the message does not say %q:\n%s", want, said)
		}
	}
	if left := second.processes(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}

// TestStopTwice: an impatient second SIGTERM does not cut the orderly stop short.
func TestStopTwice(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("stubborn", "-mode stubborn", "stop: {grace: 1s}")
	groups := r.cgroups()
	r.client.Close()
	pid := r.keeper.Process.Pid
	r.signal(pid, syscall.SIGTERM)
	r.until("the daemon has stopped", func() bool { return len(r.running("--worker")) == 0 })
	r.signal(pid, syscall.SIGTERM)
	r.awaitKeeper()
	r.keeper = nil
	r.nothingLeft(groups)
}
