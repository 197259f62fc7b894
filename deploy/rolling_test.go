package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aictl/store"
)

// rolled is a service with three replicas that are replaced one by one, and a watch over how many there are.
func rolled(t *testing.T) (*rig, *upstream, store.Deploy) {
	t.Helper()
	r := newRig(t).run()
	o := newOrigin(t, plain("strategy: rolling\nreplicas: 3\n"))
	live := r.deploy(o)
	ctx := context.WithoutCancel(t.Context())
	r.fleet.mu.Lock()
	r.fleet.check = func() {
		all, err := r.Store.Instances(ctx, "svc", "")
		if err != nil {
			return // the test is over
		}
		serving := 0
		for _, i := range all {
			if i.Live || i.Purpose == store.PurposeRolling {
				serving++
			}
		}
		if serving < 3 || len(all) > 4 {
			t.Errorf("%d serve and %d are there before %q", serving, len(all), r.fleet.calls[len(r.fleet.calls)-1])
		}
	}
	r.fleet.calls = nil
	r.fleet.mu.Unlock()
	o.commit(map[string]string{"new": "1"})
	return r, o, live
}

// release wants all instances of a service to be live ones of one release.
func (r *rig) wholly(release string, n int) {
	r.t.Helper()
	all, err := r.Store.Instances(r.t.Context(), "svc", "")
	must(r.t, err)
	for _, i := range all {
		if !i.Live || i.Release != release || i.Purpose != store.PurposeNone {
			r.t.Errorf("%+v is there", i)
		}
	}
	if len(all) != n || r.service("svc").Release != release {
		r.t.Errorf("%d instances, %s is live; want %d of %s", len(all), r.service("svc").Release, n, release)
	}
}

func TestRollingReplacesOneByOne(t *testing.T) {
	t.Parallel()
	r, o, _ := rolled(t)
	row := r.deploy(o)
	r.wholly(row.Release, 3)
	if got := r.steps(row.ID); !strings.HasSuffix(got, "start:done health:done interface:done rolling:done switch:done drain:done") {
		t.Errorf("steps %s", got)
	}
	launched := 0
	for _, call := range r.fleet.calls {
		if strings.HasPrefix(call, "launch") {
			launched++
			if call != "launch "+row.Release+"1" {
				t.Errorf("%s: more than one at a time", call)
			}
		}
	}
	if launched != 3 || r.detail(row.ID, StepRolling) != "2 instances replaced one by one, the rest with the switch" {
		t.Errorf("%d launched; %q", launched, r.detail(row.ID, StepRolling))
	}
}

func TestRollingThatFailsHalfWayPutsTheOldOnesBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method string
		after  int // calls that work
		step   string
	}{
		{"launch", 0, StepStart}, {"launch", 1, StepRolling}, {"launch", 2, StepRolling},
		{"await", 0, StepHealth}, {"await", 1, StepRolling}, {"await", 2, StepRolling},
		{"join", 0, StepRolling}, {"join", 1, StepRolling}, {"switch", 0, StepSwitch},
	} {
		t.Run(fmt.Sprintf("%s %d", c.method, c.after), func(t *testing.T) {
			t.Parallel()
			r, o, live := rolled(t)
			r.fleet.mu.Lock()
			r.fleet.fail[c.method], r.fleet.after = errors.New("no luck"), map[string]int{c.method: c.after}
			r.fleet.mu.Unlock()
			row := r.ended(r.submit(Request{Source: o.source()}).ID)
			if row.State != store.DeployFailed || row.FailedStep != c.step || !strings.Contains(row.Error, "no luck") {
				t.Errorf("%+v", row)
			}
			r.wholly(live.Release, 3)
			if all, err := r.Store.Releases(t.Context(), "svc", "", 0); err != nil || len(all) != 1 {
				t.Errorf("releases %v, %v", all, err)
			}
		})
	}
}

func TestCancelOfARollingDeploy(t *testing.T) {
	t.Parallel()
	r, o, live := rolled(t)
	r.hang(2)
	row := r.submit(Request{Source: o.source()})
	r.atStep(row.ID, StepRolling)
	r.waitFor("the second candidate", func() bool { return strings.Contains(r.detail(row.ID, StepRolling), "waits for") })
	must(t, r.Cancel(t.Context(), row.ID))
	if row := r.ended(row.ID); row.State != store.DeployCancelled {
		t.Errorf("%+v", row)
	}
	r.wholly(live.Release, 3)
}

// hang makes the nth candidate never healthy.
func (r *rig) hang(nth int) {
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	r.fleet.await = func(ctx context.Context) error {
		if nth--; nth > 0 {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// What serves already goes on serving while the daemon is away, and the next one goes on with it: nothing is built again.
func TestRollingGoesOnAfterTheDaemonsEnd(t *testing.T) {
	t.Parallel()
	r, o, _ := rolled(t)
	r.hang(3)
	row := r.submit(Request{Source: o.source()})
	r.atStep(row.ID, StepRolling)
	r.waitFor("the third candidate", func() bool { return strings.HasPrefix(r.detail(row.ID, StepRolling), "waits for") && r.launches() == 3 })
	r.stop()
	cut := r.ended(row.ID)
	if cut.State != store.DeployInterrupted || cut.FailedStep != StepRolling {
		t.Errorf("%+v", cut)
	}
	r.discardIdle()
	r.fleet.await = nil
	r.Deployer = New(r.deps)
	r.run()
	next := r.ended(row.ID + 1)
	if next.State != store.DeployLive || next.Release != cut.Release || next.Trigger != TriggerRestart {
		t.Fatalf("%+v", next)
	}
	if got := r.steps(next.ID); got != "start:done health:done interface:skipped rolling:done switch:done drain:done" {
		t.Errorf("steps %s", got)
	}
	r.wholly(next.Release, 3)
}

func (r *rig) launches() (n int) {
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	for _, call := range r.fleet.calls {
		if strings.HasPrefix(call, "launch") {
			n++
		}
	}
	return n
}

// discardIdle does what services do at their start: candidates that serve nobody have ended with the daemon.
func (r *rig) discardIdle() {
	r.t.Helper()
	all, err := r.Store.Instances(r.t.Context(), "svc", "")
	must(r.t, err)
	for _, i := range all {
		if !i.Live && i.Purpose == store.PurposeNone {
			must(r.t, r.Store.DeleteInstance(r.t.Context(), i.ID))
		}
	}
}

// What brings the daemon down twice is given up: the old release gets its instances back.
func TestRollingInterruptedTwiceIsPutBack(t *testing.T) {
	t.Parallel()
	r, o, live := rolled(t)
	r.hang(3)
	row := r.submit(Request{Source: o.source()})
	r.waitFor("the third candidate", func() bool { return r.launches() == 3 })
	r.stop()
	r.discardIdle()
	r.hang(2) // both that serve are healthy, the third is not
	r.Deployer = New(r.deps)
	r.run()
	r.waitFor("the deploy that goes on", func() bool { return r.launches() == 5 })
	r.stop()
	again := r.ended(row.ID + 1)
	if again.State != store.DeployInterrupted {
		t.Errorf("%+v", again)
	}
	r.wholly(live.Release, 3)
}

// A daemon that is killed leaves everything where it is; when the deploy cannot go on, the next daemon puts the old ones back.
func TestRollingLeftByADeadDaemonIsPutBack(t *testing.T) {
	t.Parallel()
	r, o, live := rolled(t)
	r.hang(3)
	row := r.submit(Request{Source: o.source()})
	r.waitFor("the third candidate", func() bool { return r.launches() == 3 })
	r.stop()
	r.discardIdle()
	next, ok, err := r.Store.ClaimDeploy(t.Context(), 1) // the deploy that goes on, of a daemon that is killed in it
	if err != nil || !ok || next.ID != row.ID+1 {
		t.Fatal(next, ok, err)
	}
	r.Deployer = New(r.deps)
	must(t, r.recover(t.Context()))
	r.wholly(live.Release, 3)
}

func TestRollingToAnotherNumber(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 5} {
		r, o, _ := rolled(t)
		r.fleet.check = nil
		o.commit(plain(fmt.Sprintf("strategy: rolling\nreplicas: %d\n", n)))
		row := r.deploy(o)
		r.wholly(row.Release, n)
	}
}
