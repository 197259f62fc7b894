package daemon_test

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aictl/api"
)

// TestDaemonBackAtOnce measures how long a daemon that was up for a while is away after kill -9, seen from the gateway
// and from the API.
func TestDaemonBackAtOnce(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	up := time.Now()
	// The keeper starts one at once that was up for three seconds; sooner, it pauses first.
	r.until("the daemon is up for a while", func() bool { return time.Since(up) > 3100*time.Millisecond })
	r.signal(r.worker(), syscall.SIGKILL)
	begun := time.Now()
	r.predict("echo")
	gateway := time.Since(begun)
	res, err := plain.Get(r.api + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET /healthz: %d %v", res.StatusCode, err)
	}
	t.Logf("after kill -9 of the daemon: gateway answers after %s, API after %s", gateway.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	if gateway > 3*time.Second { // 150 ms when the machine is idle
		t.Errorf("the gateway was away for %s", gateway)
	}
	r.stop()
}

// TestDaemonKilledAtAnyMoment kills the daemon at moments all over a deploy, while requests come. No request but those
// under way at a kill may fail, the service ends up on one release or the other, and in the end on the newest.
func TestDaemonKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "-version v0")
	const clients = 2
	l := r.load("echo", clients)
	moments := []time.Duration{5, 30, 60, 120, 250, 400, 550}
	for n, moment := range moments {
		r.must("deploy", "--wait=false", r.source("echo", "-version v"+itoa(int64(n+1)), `hooks: {release: "sleep 0.1"}`))
		timer := time.NewTimer(moment * time.Millisecond)
		<-timer.C
		r.signal(r.worker(), syscall.SIGKILL)
		r.until("the deploys have ended", func() bool {
			return r.well() && !anyOpen(r.deploys("echo"))
		})
	}
	l.stop()
	r.must("deploy", r.source("echo", "-version last"))
	r.serves("echo", "last")
	r.until("old instances are gone", func() bool { return len(r.service("echo").Instances) == 1 })
	t.Logf("%d answers, %d requests cut by %d kills", l.ok.Load(), l.other.Load(), len(moments))
	if l.refused.Load() > 0 || l.other.Load() > int64(clients*len(moments)) {
		t.Errorf("%d refused, %d failed, of which at most %d were under way at a kill; the last: %v",
			l.refused.Load(), l.other.Load(), clients*len(moments), l.last.Load())
	}
	if n := len(r.running("faultsvc")); n != 1 {
		t.Errorf("%d instances run, want 1: %v", n, r.processes())
	}
	live := r.instance("echo")
	r.stop()
	leases, err := r.openStore().Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(leases) != 1 || leases[live.Port] != live.ID {
		t.Errorf("leases %v, want one: %s on port %d", leases, live.ID, live.Port)
	}
}

func anyOpen(all []api.Deploy) bool {
	for _, d := range all {
		if !d.Ended() {
			return true
		}
	}
	return false
}

// TestDaemonKilledInABuild: what a deploy runs ends with the daemon, and the deploy is told as interrupted.
func TestDaemonKilledInABuild(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	hook := `hooks: {release: "sh -c 'setsid sleep 297.5 & exec sleep 297.25'"}`
	r.must("deploy", "--wait=false", r.source("echo", "-version v2", hook))
	r.until("the hook and what it left in a session of its own run", func() bool { return len(r.running("sleep 297.")) == 2 })
	old := r.running("sleep 297.")
	r.signal(r.worker(), syscall.SIGKILL)
	r.until("the hook has ended", func() bool {
		return !slices.ContainsFunc(r.running("sleep 297."), func(pid int) bool { return slices.Contains(old, pid) })
	})
	r.serves("echo", "v1")
	r.until("the deploy was interrupted and is tried again", func() bool {
		if !r.well() {
			return false
		}
		states := map[string]bool{}
		for _, d := range r.deploys("echo") {
			states[d.State] = true
		}
		return states["interrupted"] && states["running"]
	})
	for _, d := range r.deploys("echo") {
		if !d.Ended() {
			r.must("deploys", "cancel", itoa(d.ID))
		}
		if d.State == "interrupted" {
			if shown := r.must("deploys", "show", itoa(d.ID)); !strings.Contains(shown, "interrupted") || !strings.Contains(shown, "hook") {
				t.Errorf("the deploy does not tell where it was cut:\n%s", shown)
			}
		}
	}
	r.until("no hook is left", func() bool { return len(r.running("sleep 297.")) == 0 })
	r.serves("echo", "v1")
	r.stop()
}
