package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/store"
)

// trials is the canaries of a store, with requests as the test wants them.
type trials struct {
	st *store.Store

	mu           sync.Mutex
	live, canary Side // of every step
	weights      []float64
	notReady     string
	ended        []string
}

func (f *trials) begin(ctx context.Context, service, release string, ids []string, weight float64, actor string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.weights = append(f.weights, weight)
	return f.st.SetCanary(ctx, store.Canary{Service: service, Release: release, Weight: weight, Actor: actor, StartedAt: time.Now()}, slotNumbers(ids)...)
}

func (f *trials) find(ctx context.Context, service string) (store.Canary, error) {
	all, err := f.st.Canaries(ctx)
	for _, c := range all {
		if c.Service == service {
			return c, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("canary of %s: %w", service, store.ErrNotFound)
	}
	return store.Canary{}, err
}

func (f *trials) State(ctx context.Context, service string) (TrialState, error) {
	c, err := f.find(ctx, service)
	f.mu.Lock()
	defer f.mu.Unlock()
	s := TrialState{Release: c.Release, Weight: c.Weight, Ready: 1}
	if f.notReady != "" {
		s.Ready, s.Reason = 0, f.notReady
	}
	return s, err
}

func (f *trials) Weigh(ctx context.Context, service, _ string, weight float64, _ string) error {
	c, err := f.find(ctx, service)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.weights = append(f.weights, weight)
	c.Weight = weight
	return f.st.SetCanary(ctx, c)
}

func (f *trials) End(ctx context.Context, service, release, reason string) error {
	if c, err := f.find(ctx, service); err != nil || c.Release != release {
		return nil
	}
	f.mu.Lock()
	f.ended = append(f.ended, reason)
	f.mu.Unlock()
	rows, err := f.st.Instances(ctx, service, release)
	if err != nil {
		return err
	}
	for _, i := range rows {
		if i.Purpose == store.PurposeCanary {
			if err := f.st.DeleteInstance(ctx, i.ID); err != nil {
				return err
			}
		}
	}
	return f.st.EndCanary(ctx, service)
}

func (f *trials) Measure(string) func() (live, canary Side) {
	return func() (live, canary Side) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.live, f.canary
	}
}

func (f *trials) set(change func(*trials)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// tried is a service with four replicas whose next release has to prove itself.
func tried(t *testing.T) (*rig, *upstream, *trials, store.Deploy) {
	t.Helper()
	f := &trials{live: Side{1000, 1, 20 * time.Millisecond}, canary: Side{100, 0, 20 * time.Millisecond}}
	r := newRig(t, func(d *Deps) {
		f.st = d.Store
		d.Canary, d.Trial = f.begin, f
	}).run()
	o := newOrigin(t, plain("strategy: canary\nreplicas: 4\ncanary: {steps: [5, 25, 50], every: 20ms, wait: 10m}\n"))
	live := r.deploy(o)
	if got := r.detail(live.ID, StepCanary); got != "nothing is live that runs" {
		t.Errorf("the first deploy: %s", got)
	}
	o.commit(map[string]string{"new": "1"})
	return r, o, f, live
}

func TestCanaryIsPromotedStepByStep(t *testing.T) {
	t.Parallel()
	r, o, f, _ := tried(t)
	row := r.deploy(o)
	if !slices.Equal(f.weights, []float64{5, 25, 50}) {
		t.Errorf("weights %v", f.weights)
	}
	r.wholly(row.Release, 4)
	if got := r.steps(row.ID); !strings.HasSuffix(got, "interface:done canary:done switch:done drain:done") {
		t.Errorf("steps %s", got)
	}
	calls := strings.Join(r.fleet.calls, "; ")
	if !strings.Contains(calls, "launch "+row.Release+"2; await [svc/5 svc/6]") || !strings.Contains(calls, "launch "+row.Release+"2; await [svc/7 svc/8]") {
		t.Errorf("half of the replicas bear half of the requests, the rest come before the switch: %s", calls)
	}
	log := strings.Join(r.tail(row.ID), "\n")
	if !strings.Contains(log, "25 %: canary 100 requests, 0 failed, p95 20ms, live 1000 requests, 1 failed, p95 20ms") {
		t.Errorf("log: %s", log)
	}
}

func TestCanaryThatIsWorseIsRolledBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*trials)
		want   string
	}{
		"errors":      {func(f *trials) { f.canary.Errors = 5 }, "rolled back at 5 %: 5 % of its 100 requests failed"},
		"slow":        {func(f *trials) { f.canary.P95 = time.Second }, "rolled back at 5 %: 95 of 100 requests are answered within 1s"},
		"not healthy": {func(f *trials) { f.notReady = "svc/5 exited with code 1" }, "the canary is not healthy: svc/5 exited with code 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, o, f, live := tried(t)
			f.set(c.change)
			row := r.ended(r.submit(Request{Source: o.source()}).ID)
			if row.State != store.DeployFailed || row.FailedStep != StepCanary || !strings.Contains(row.Error, c.want) {
				t.Errorf("%+v", row)
			}
			r.wholly(live.Release, 4)
			if len(f.ended) != 1 || !strings.Contains(f.ended[0], c.want) {
				t.Errorf("ended %q", f.ended)
			}
		})
	}
}

// onTrial makes the canary's first step go on until the test says so.
func (r *rig) onTrial(o *upstream, f *trials) store.Deploy {
	r.t.Helper()
	f.set(func(f *trials) { f.canary.Requests = 1 })
	row := r.submit(Request{Source: o.source()})
	r.waitFor("the canary", func() bool {
		c, err := f.find(r.t.Context(), "svc")
		return err == nil && c.Weight == 5 && strings.HasPrefix(r.detail(row.ID, StepCanary), "5 %: canary 1 request")
	})
	return row
}

func TestCanaryByHand(t *testing.T) {
	t.Parallel()
	r, o, f, _ := tried(t)
	row := r.onTrial(o, f)
	must(t, f.Weigh(t.Context(), "svc", "", 30, "ann"))
	r.waitFor("the weight", func() bool { return strings.HasPrefix(r.detail(row.ID, StepCanary), "30 %") })
	f.set(func(f *trials) { f.canary.Requests = 100 })
	row = r.ended(row.ID)
	if row.State != store.DeployLive || !slices.Equal(f.weights, []float64{5, 30, 50}) {
		t.Errorf("%+v, weights %v", row, f.weights)
	}
	// Ended by hand.
	o.commit(map[string]string{"new": "2"})
	row = r.onTrial(o, f)
	cut, err := r.Store.Deploy(t.Context(), row.ID)
	must(t, err)
	must(t, f.End(t.Context(), "svc", cut.Release, "stopped"))
	if row = r.ended(row.ID); row.State != store.DeployFailed || !strings.Contains(row.Error, "ended by hand") {
		t.Errorf("%+v", row)
	}
}

func TestCanaryPromotedByHand(t *testing.T) {
	t.Parallel()
	r, o, f, _ := tried(t)
	row := r.onTrial(o, f)
	now, err := r.Store.Deploy(t.Context(), row.ID)
	must(t, err)
	got, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: now.Release, Actor: "ann", Trigger: "promote"})
	if err != nil || got.ID != row.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	if row = r.ended(row.ID); row.State != store.DeployLive || !slices.Equal(f.weights, []float64{5}) {
		t.Errorf("%+v, weights %v", row, f.weights)
	}
	r.wholly(row.Release, 4)
}

func TestCancelOfACanary(t *testing.T) {
	t.Parallel()
	r, o, f, live := tried(t)
	row := r.onTrial(o, f)
	must(t, r.Cancel(t.Context(), row.ID))
	if row = r.ended(row.ID); row.State != store.DeployCancelled {
		t.Errorf("%+v", row)
	}
	r.wholly(live.Release, 4)
}

// A canary outlives the daemon: the next one goes on at the weight it had, and builds nothing.
func TestCanaryGoesOnAfterTheDaemonsEnd(t *testing.T) {
	t.Parallel()
	r, o, f, _ := tried(t)
	row := r.onTrial(o, f)
	must(t, f.Weigh(t.Context(), "svc", "", 25, "aictl"))
	r.stop()
	if c, err := f.find(t.Context(), "svc"); err != nil || c.Weight != 25 {
		t.Fatalf("%+v, %v", c, err)
	}
	f.set(func(f *trials) { f.canary.Requests, f.weights = 100, nil })
	r.Deployer = New(r.deps)
	r.run()
	cut, next := r.ended(row.ID), r.ended(row.ID+1)
	if cut.State != store.DeployInterrupted || next.State != store.DeployLive || next.Release != cut.Release || !slices.Equal(f.weights, []float64{50}) {
		t.Errorf("%+v, %+v, weights %v", cut, next, f.weights)
	}
	r.wholly(next.Release, 4)
}

// A daemon that died twice over a canary takes it back.
func TestCanaryLeftByADeadDaemonEnds(t *testing.T) {
	t.Parallel()
	r, o, f, live := tried(t)
	row := r.onTrial(o, f)
	r.stop()
	next, ok, err := r.Store.ClaimDeploy(t.Context(), 1) // killed in it
	if err != nil || !ok || next.ID != row.ID+1 {
		t.Fatal(next, ok, err)
	}
	r.Deployer = New(r.deps)
	must(t, r.recover(t.Context()))
	r.wholly(live.Release, 4)
	if len(f.ended) != 1 {
		t.Errorf("ended %q", f.ended)
	}
}
