package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"aictl/configs"
	"aictl/store"
)

// Trial leads the canaries of services for deploys with `strategy: canary`.
type Trial interface {
	// State tells of a service's canary; one that it does not have is store.ErrNotFound.
	State(ctx context.Context, service string) (TrialState, error)
	// Weigh gives a service's canary, which is of that release, another percentage of the requests.
	Weigh(ctx context.Context, service, release string, weight float64, actor string) error
	// End ends a service's canary when it is of that release; without one it does nothing.
	End(ctx context.Context, service, release, reason string) error
	// Measure begins to count; what it returns tells what came of the requests since then.
	Measure(service string) func() (live, canary Side)
}

// TrialState is a canary right now.
type TrialState struct {
	Release string
	Weight  float64
	Ready   int    // instances that get requests
	Reason  string // why none is ready
}

// errTrialEnded ends a deploy whose canary somebody ended.
var errTrialEnded = errors.New("its canary was ended by hand")

// lookAtTrial is how often a canary is looked at, at least.
const lookAtTrial = time.Second

// tries reports whether the deploy's release becomes live by way of a canary.
func (f facts) tries() bool {
	return f.Strategy == configs.CanaryDeploy && f.Kind == KindDeploy && f.Job == "" && !f.Canary
}

// trialCandidates is how many instances bear the most that the canary will get before it is live.
func trialCandidates(steps []float64, replicas int) int {
	most := steps[len(steps)-1]
	return min(replicas, max(1, int(math.Ceil(float64(replicas)*most/100))))
}

// trial gives the candidates more and more of the requests, and judges them by what comes of these. It ends with the candidates
// that are still missing, healthy and ready for the switch.
func (r *runner) trial(ctx context.Context) (string, error) {
	if r.Trial == nil || r.Canary == nil {
		return "", ErrNoCanary // a daemon before this one had them
	}
	rules := r.manifest.Canary.Filled()
	promote, done := r.promotable()
	defer done()
	weight, err := r.beginTrial(ctx, rules)
	if err != nil {
		return "", err
	}
	note := ""
	for ok := true; ok; {
		var asked bool
		if weight, asked, err = r.tryWeight(ctx, rules, weight, promote, &note); err != nil {
			return "", err
		}
		if asked {
			note = "promoted by hand"
			break
		}
		var next float64
		if next, ok = nextWeight(rules.Steps, weight); ok {
			if err := r.Trial.Weigh(ctx, r.dep.Service, r.release.ID, next, r.dep.Actor); err != nil {
				return "", trialGone(err)
			}
			weight = next
		}
	}
	detail := "as good as the live release"
	if note != "" {
		detail = note
	}
	return detail, r.completeTrial(ctx)
}

// beginTrial makes the candidates the canary, unless they are that since before the daemon's end.
func (r *runner) beginTrial(ctx context.Context, rules configs.Canary) (weight float64, err error) {
	state, err := r.Trial.State(ctx, r.dep.Service)
	switch {
	case err == nil && state.Release == r.release.ID:
		r.partly = true
		r.onFailure(r.endTrial)
		return state.Weight, nil
	case err == nil:
		r.warn(ctx, "the canary "+state.Release+" gives way to this deploy's")
		if err := r.Trial.End(ctx, r.dep.Service, state.Release, "a deploy has a canary of its own"); err != nil {
			return 0, err
		}
	case !errors.Is(err, store.ErrNotFound):
		return 0, err
	}
	r.partly = true
	r.onFailure(r.endTrial)
	return rules.Steps[0], r.Canary(ctx, r.dep.Service, r.release.ID, r.ids, rules.Steps[0], r.dep.Actor)
}

func (r *runner) endTrial(ctx context.Context) error {
	return r.Trial.End(ctx, r.dep.Service, r.release.ID, "its deploy did not go on: "+cmp.Or(r.why, "it was taken back"))
}

// tryWeight is one step. A weight that somebody sets by hand meanwhile begins it anew.
func (r *runner) tryWeight(ctx context.Context, rules configs.Canary, weight float64, promote <-chan struct{}, note *string) (now float64, asked bool, err error) {
	begun, measure := r.Now(), r.Trial.Measure(r.dep.Service)
	tick := time.NewTicker(max(10*time.Millisecond, min(lookAtTrial, time.Duration(rules.Every)/10)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return weight, false, context.Cause(ctx)
		case <-promote:
			return weight, true, nil
		case <-tick.C:
		}
		state, err := r.Trial.State(ctx, r.dep.Service)
		switch {
		case err != nil:
			return weight, false, trialGone(err)
		case state.Release != r.release.ID:
			return weight, false, errTrialEnded
		case state.Ready == 0:
			return weight, false, fmt.Errorf("rolled back: the canary is not healthy: %s", state.Reason)
		case state.Weight != weight:
			r.out.line(r.step.Name, "somebody set its weight to "+weightText(state.Weight))
			weight, begun, measure = state.Weight, r.Now(), r.Trial.Measure(r.dep.Service)
		}
		live, canary := measure()
		elapsed := r.Now().Sub(begun)
		r.showTrial(ctx, weight, elapsed, live, canary)
		switch v, why := judge(rules, elapsed, live, canary); v {
		case back:
			return weight, false, fmt.Errorf("rolled back at %s: %s", weightText(weight), why)
		case proceed:
			*note = why
			r.out.line(r.step.Name, trialLine(weight, live, canary))
			return weight, false, nil
		}
	}
}

// showTrial tells where the canary is, when that is not what was told last.
func (r *runner) showTrial(ctx context.Context, weight float64, elapsed time.Duration, live, canary Side) {
	line := trialLine(weight, live, canary)
	if line == r.shown {
		return
	}
	r.shown = line
	r.progress(ctx)(line + " since " + elapsed.Round(time.Second).String())
}

func trialLine(weight float64, live, canary Side) string {
	return fmt.Sprintf("%s: canary %s, live %s", weightText(weight), sideText(canary), sideText(live))
}

func sideText(s Side) string {
	return fmt.Sprintf("%s, %d failed, p95 %s", count(int(s.Requests), "request"), s.Errors, shortTime(s.P95))
}

func weightText(weight float64) string { return strconv.FormatFloat(weight, 'f', -1, 64) + " %" }

// trialGone makes a canary that is not there any more somebody's doing.
func trialGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errTrialEnded
	}
	return err
}

// completeTrial starts the replicas that the canary did not need.
func (r *runner) completeTrial(ctx context.Context) error {
	missing := r.plan.Replicas - len(r.ids)
	if missing <= 0 {
		return nil
	}
	before := len(r.ids)
	if _, err := r.launch(ctx, r.Fleet.LaunchNew, missing); err != nil {
		return err
	}
	return r.awaitHealthy(ctx, r.ids[before:])
}

// abandonTrial ends the canary that an interrupted deploy has left and that no deploy goes on with.
func (d *Deployer) abandonTrial(ctx context.Context, row store.Deploy) {
	if d.Trial == nil || row.Kind != KindDeploy || !d.partly(ctx, row) {
		return
	}
	if err := d.Trial.End(ctx, row.Service, row.Release, "its deploy was interrupted"); err != nil {
		d.log.Error("canary of an interrupted deploy not ended", "service", row.Service, "release", row.Release, "err", err)
	}
}

// promotion is a running deploy's canary that can be promoted by hand.
type promotion struct {
	deploy  int64
	release string
	asked   chan struct{}
	done    bool
}

// promotable makes the deploy's canary one that Rollback promotes at once. done ends that.
func (r *runner) promotable() (asked <-chan struct{}, done func()) {
	p := &promotion{deploy: r.dep.ID, release: r.release.ID, asked: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.promotions[r.dep.Service] = p
	return p.asked, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.promotions, r.dep.Service)
	}
}

// promoteNow promotes the canary that a running deploy leads, when it is of that release.
func (d *Deployer) promoteNow(service, release string) (deploy int64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.promotions[service]
	if p == nil || p.release != release {
		return 0, false
	}
	if !p.done {
		p.done = true
		close(p.asked)
	}
	return p.deploy, true
}
