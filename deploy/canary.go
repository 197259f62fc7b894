package deploy

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"aictl/configs"
	"aictl/store"
)

// ErrNoCanary is returned for a deploy that is to become a canary and cannot.
var ErrNoCanary = errors.New("it cannot become a canary")

// canaryFault says why a deploy cannot ask for a canary of that weight.
func (d *Deployer) canaryFault(weight float64) error {
	switch {
	case d.Canary == nil:
		return fmt.Errorf("%w: there are none here", ErrNoCanary)
	case !(weight > 0 && weight <= 100):
		return fmt.Errorf("%w: %v is not above 0 and up to 100 percent", ErrSource, weight)
	}
	return nil
}

// checkCanary refuses a canary of a service that has no live release, or whose releases cannot run side by side.
func (r *runner) checkCanary(ctx context.Context) error {
	if r.want.Canary == nil {
		if r.manifest.Strategy == configs.CanaryDeploy && (r.Trial == nil || r.Deployer.Canary == nil) {
			return fmt.Errorf("strategy: %w: there are none here", ErrNoCanary)
		}
		return nil
	}
	svc, err := r.Store.Service(ctx, r.dep.Service)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && (svc.Release == "" || svc.Wanted != store.WantedRunning):
		return fmt.Errorf("%w: no release of %s is live and runs; deploy it without --canary", ErrNoCanary, r.dep.Service)
	case err != nil:
		return err
	case r.manifest.Job():
		return fmt.Errorf("%w: a %s service serves no requests", ErrNoCanary, r.manifest.Kind)
	case r.manifest.Strategy == configs.Recreate:
		return fmt.Errorf("%w: strategy recreate says that two copies are not to run at once", ErrNoCanary)
	}
	return nil
}

// candidates is how many instances the deploy starts: a canary has one, unless more are asked for.
func (r *runner) candidates(svc store.Service) int {
	switch {
	case r.plan.tries() && r.plan.Serves:
		return trialCandidates(r.manifest.Canary.Filled().Steps, r.replicas(svc))
	case r.want.Canary == nil:
		return r.replicas(svc)
	case r.want.Replicas != nil:
		return max(1, *r.want.Replicas)
	}
	return 1
}

// becomeCanary gives the candidates their part of the requests. From its beginning the deploy cannot be cancelled.
func (r *runner) becomeCanary(ctx context.Context) (string, error) {
	if err := r.commitTo(ctx); err != nil {
		return "", err
	}
	sure, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.limits().Switch)
	defer cancel()
	weight := *r.want.Canary
	if err := r.Canary(sure, r.dep.Service, r.release.ID, r.ids, weight, r.dep.Actor); err != nil {
		return "", err
	}
	r.live = true // there is nothing to take back
	return fmt.Sprintf("%s %% of the requests go to %s", strconv.FormatFloat(weight, 'f', -1, 64), r.release.ID), nil
}
