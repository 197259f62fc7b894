package daemon_test

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestKeeperReplacedAtOnce: a killed keeper is replaced on the same addresses while its daemon still ends requests.
func TestKeeperReplacedAtOnce(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	before := r.instance("echo")
	r.flags = []string{"--listen", strings.TrimPrefix(r.api, "http://"), "--gateway-listen", strings.TrimPrefix(r.gateway, "http://")}
	var slow sync.WaitGroup
	var status int
	var err error
	slow.Go(func() { status, _, err = r.post("echo", "/sleep?ms=1500", nil) })
	r.until("the slow request is under way", func() bool {
		stats, err := r.client.RecordStats(t.Context())
		return err == nil && stats.Ledger.InFlight > 0
	})
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.awaitKeeper()
	r.start()
	slow.Wait()
	if err != nil || status != http.StatusOK {
		t.Errorf("the request under way when the keeper was killed: %d %v", status, err)
	}
	r.serves("echo", "v1")
	if now := r.instance("echo"); now.PID != before.PID || now.Restarts != 0 {
		t.Errorf("echo was not adopted: %+v, was %+v", now, before)
	}
	if n := len(r.running("faultsvc")); n != 1 {
		t.Errorf("%d instances run, want 1", n)
	}
	if n := len(r.running("--worker")); n != 1 {
		t.Errorf("%d daemons run, want 1", n)
	}
	r.stop()
}

// TestKeeperAndDaemonKilled: both at once, in a deploy; a crash while nobody watches is mended, and not told wrongly.
func TestKeeperAndDaemonKilled(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	r.deploy("victim", "")
	echo, victim := r.instance("echo"), r.instance("victim")
	r.must("deploy", "--wait=false", r.source("echo", "-version v2 -delay 1s"))
	r.until("the candidate is started", func() bool { return len(r.running("-version v2")) == 1 })
	worker := r.worker()
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.signal(worker, syscall.SIGKILL)
	r.signal(victim.PID, syscall.SIGKILL)
	r.awaitKeeper()
	r.start()
	r.until("the victim runs again", func() bool {
		i := r.instance("victim")
		return i.State == "running" && i.PID != victim.PID
	})
	r.serves("victim", "v1")
	if exit := r.detail("victim").LastExit; exit == nil || !exit.Unknown && exit.Signal != "KILL" {
		t.Errorf("an exit that no keeper saw is told as %+v", exit)
	}
	first := r.predict("echo")
	if first.Version == "v1" && first.PID != echo.PID {
		t.Errorf("v1 runs as %d, was %d", first.PID, echo.PID)
	}
	r.until("the deploy is carried out after all", func() bool {
		return r.well() && !anyOpen(r.deploys("echo")) && len(r.service("echo").Instances) == 1
	})
	r.serves("echo", "v2")
	if n := len(r.running("faultsvc")); n != 2 {
		t.Errorf("%d instances run, want 2: %v", n, r.processes())
	}
	r.stop()
}
