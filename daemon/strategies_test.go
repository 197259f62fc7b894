package daemon_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"aictl/api"
)

// The ways in which new releases take over, in manifests. The canary's steps are over as soon as there were a few requests.
const (
	rollingTwo = "strategy: rolling\nreplicas: 2"
	canaryTwo  = "strategy: canary\nreplicas: 2\ncanary: {steps: [20, 60], every: 50ms, min_requests: 5, max_latency: 1000x, wait: 1m}"
)

// TestTwentyTakeoversDropNothing: twenty changes of the live release under load in every way there is, and every request is answered.
func TestTwentyTakeoversDropNothing(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "-version v0", "replicas: 2")
	l := r.load("echo", 3)
	ways := []string{rollingTwo, canaryTwo, "replicas: 2", rollingTwo}
	for n := range 20 {
		if n%5 == 4 {
			r.must("rollback", "echo")
			continue
		}
		r.deploy("echo", fmt.Sprintf("-version v%d", n+1), ways[n%len(ways)])
	}
	r.deploy("echo", "-version last", canaryTwo)
	l.stop()
	r.serves("echo", "last")
	r.until("two instances are left", func() bool { s := r.service("echo"); return len(s.Instances) == 2 && s.Ready == 2 })
	t.Logf("%d answers", l.ok.Load())
	if l.refused.Load()+l.other.Load() > 0 {
		t.Errorf("%d refused, %d failed; the last: %v", l.refused.Load(), l.other.Load(), l.last.Load())
	}
	r.stop()
}

// TestKilledInEveryWayOfTakingOver kills the daemon, and the keeper, in the middle of rolling and canary deploys under load: no
// request fails but those under way, there are always instances that serve, and the newest release is live in the end.
func TestKilledInEveryWayOfTakingOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		manifest, step string
		keeper         bool
	}{
		"daemon, rolling": {"strategy: rolling\nreplicas: 3", "rolling", false},
		"keeper, rolling": {"strategy: rolling\nreplicas: 3", "rolling", true},
		"daemon, canary":  {strings.Replace(canaryTwo, "50ms", "2s", 1), "canary", false},
		"keeper, canary":  {strings.Replace(canaryTwo, "50ms", "2s", 1), "canary", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRig(t)
			r.deploy("echo", "-version v0", c.manifest)
			const clients = 2
			l := r.load("echo", clients)
			r.must("deploy", "--wait=false", r.source("echo", "-version v1 -delay 300ms", c.manifest))
			r.until("the deploy is at "+c.step, func() bool { return r.atStep("echo", c.step) })
			if c.keeper {
				r.client.Close()
				// The load goes on to ask where it asked before.
				r.flags = []string{"--listen", strings.TrimPrefix(r.api, "http://"), "--gateway-listen", strings.TrimPrefix(r.gateway, "http://")}
				r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
				r.awaitKeeper()
				r.start()
			} else {
				r.signal(r.worker(), syscall.SIGKILL)
			}
			r.until("the deploy that goes on has ended", func() bool {
				return r.well() && r.deploys("echo")[0].Trigger == "restart" && !anyOpen(r.deploys("echo"))
			})
			l.stop()
			deploys := r.deploys("echo")
			if deploys[0].State != "live" || deploys[0].Trigger != "restart" || deploys[1].State != "interrupted" || deploys[1].FailedStep != c.step {
				t.Errorf("%+v", deploys)
			}
			if deploys[0].Release != deploys[1].Release {
				t.Errorf("the deploy that goes on has built %s anew, after %s", deploys[0].Release, deploys[1].Release)
			}
			r.serves("echo", "v1")
			want := 2
			if c.step == "rolling" {
				want = 3
			}
			r.until("as many instances as are wanted", func() bool { s := r.service("echo"); return len(s.Instances) == want && s.Ready == want })
			if cut := l.other.Load(); cut > clients || !c.keeper && l.refused.Load() > 0 {
				t.Errorf("%d refused, %d failed, of which %d were under way; the last: %v", l.refused.Load(), cut, clients, l.last.Load())
			}
			r.stop()
		})
	}
}

// atStep reports whether a service's newest deploy is at a step.
func (r *rig) atStep(service, step string) bool {
	open := r.deploys(service)
	if len(open) == 0 || open[0].Ended() {
		return false
	}
	doc, err := r.client.GetDeploy(r.t.Context(), open[0].ID)
	if err != nil || len(doc.Steps) == 0 {
		return false
	}
	last := doc.Steps[len(doc.Steps)-1]
	return last.Name == step && last.State == "running"
}

// TestCanaryThatFailsIsRolledBack: a release that answers with errors gets a part of the requests and is taken back by itself.
func TestCanaryThatFailsIsRolledBack(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "-version v0", canaryTwo)
	l := r.load("echo", 2)
	r.fails(1, "deploy", r.source("echo", "-version bad -fails", canaryTwo))
	l.stop()
	failed := r.deploys("echo")[0]
	if failed.State != "failed" || failed.FailedStep != "canary" || !strings.Contains(failed.Error, "rolled back at 20 %") {
		t.Errorf("%+v", failed)
	}
	r.serves("echo", "v0")
	r.until("the canary is gone", func() bool { return len(r.service("echo").Instances) == 2 })
	if l.ok.Load() == 0 || l.other.Load() == 0 {
		t.Errorf("%d answers and %d errors: it was not tried", l.ok.Load(), l.other.Load())
	}
	r.stop()
}

// TestRollbackTakesNoLongerThanTheStart measures a rollback apart from the service's own start.
func TestRollbackTakesNoLongerThanTheStart(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "-version v0")
	first := r.deploys("echo")[0]
	r.deploy("echo", "-version v1")
	r.must("rollback", "echo", "--to", first.Commit, "--reason", "wrong model")
	back := r.deploys("echo")[0]
	if back.Kind != "rollback" || back.Release != first.Release || back.Reason != "wrong model" || back.State != "live" {
		t.Errorf("%+v", back)
	}
	r.serves("echo", "v0")
	doc, err := r.client.GetDeploy(t.Context(), back.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("rollback in %s: %s", time.Duration(back.DurationSeconds*float64(time.Second)).Round(time.Millisecond), stepTimes(doc))
	if paused := r.service("echo").DeploysPaused; !strings.Contains(paused, first.Release) {
		t.Errorf("automatic deploys are not paused: %q", paused)
	}
	r.stop()
}

func stepTimes(doc api.DeployDocument) string {
	var out []string
	for _, s := range doc.Steps {
		out = append(out, s.Name+" "+s.FinishedAt.Sub(s.StartedAt).Round(time.Millisecond).String())
	}
	return strings.Join(out, ", ")
}
