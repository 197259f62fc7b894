package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aictl/configs"
	"aictl/store"
)

// Replacing is what a Fleet does for a deploy that replaces replicas one by one.
type Replacing interface {
	// LaunchNew starts n candidates, also when some of the release get requests already, which Launch returns first.
	LaunchNew(ctx context.Context, service, release string, n int) ([]store.Instance, error)
	// Join gives healthy candidates part in the requests of the live instances, beside them.
	Join(ctx context.Context, service string, ids []string) error
	// Live returns the ids of the live instances.
	Live(ctx context.Context, service string) ([]string, error)
	// Refill brings the live release back to n instances and returns when they are healthy.
	Refill(ctx context.Context, service string, n int) error
}

// firstCandidates is how many instances the start step starts: with the strategy rolling only the first, the others when there is
// room for them. A deploy that goes on after the daemon's end has those that serve already.
func (r *runner) firstCandidates(ctx context.Context, svc store.Service) (int, error) {
	n := r.candidates(svc)
	if !r.rolls() {
		return n, nil
	}
	joined, err := r.joined(ctx, svc.Name)
	mine := slices.DeleteFunc(joined, func(i store.Instance) bool { return i.Release != r.release.ID })
	r.partly = len(mine) > 0
	return min(n, max(1, len(mine))), err
}

// rolls reports whether replicas are replaced one by one.
func (r *runner) rolls() bool {
	return r.manifest.Strategy == configs.Rolling && !r.manifest.Job() && r.want.Canary == nil && r.plan.notRolling() == ""
}

// rollLimit is the time after which replacing one by one cannot end any more.
func (r *runner) rollLimit() time.Duration {
	one := r.limits().Start + r.healthLimit() + r.limits().Drain
	return time.Duration(max(1, r.plan.Replicas)) * one
}

// roll replaces the live instances one by one: each new one is healthy before an old one goes, so that there are never fewer than are
// wanted, and never more than one above. The last new one is left to the switch, which makes all of them live.
func (r *runner) roll(ctx context.Context) (string, error) {
	old, err := r.Fleet.Live(ctx, r.dep.Service)
	if err != nil {
		return "", err
	}
	n, before := r.plan.Replicas, len(old)
	for len(r.ids) < n {
		if old, err = r.replaceOne(ctx, old, max(n, before)); err != nil {
			return "", err
		}
		if _, err := r.launch(ctx, r.Fleet.LaunchNew, 1); err != nil {
			return "", err
		}
		if err := r.awaitHealthy(ctx, r.ids[len(r.ids)-1:]); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s replaced one by one, the rest with the switch", count(before-len(old), "instance")), nil
}

// replaceOne lets the candidates serve and ends old instances, until both together are no more than most. It returns the old ones left.
func (r *runner) replaceOne(ctx context.Context, old []string, most int) ([]string, error) {
	if err := context.Cause(ctx); err != nil {
		return old, err
	}
	r.partly = true // also when the rest of it fails
	if err := r.Fleet.Join(ctx, r.dep.Service, r.ids); err != nil {
		return old, err
	}
	r.progress(ctx)(fmt.Sprintf("%d of %d serve", len(r.ids), r.plan.Replicas))
	for len(old) > 0 && len(old)+len(r.ids) > most {
		id := old[len(old)-1]
		if err := r.Fleet.Retire(ctx, []string{id}); err != nil {
			return old, fmt.Errorf("replace %s: %w", id, err)
		}
		old = old[:len(old)-1]
		r.out.line(r.step.Name, id+" drained and stopped")
	}
	return old, nil
}

// takeBack puts back what the deploy has replaced. What does not serve goes first, to make room.
func (r *runner) takeBack(ctx context.Context) error {
	serving, err := r.joined(ctx, r.dep.Service)
	if err != nil || len(serving) == 0 {
		return err
	}
	idle := slices.DeleteFunc(slices.Clone(r.ids), func(id string) bool {
		return slices.ContainsFunc(serving, func(i store.Instance) bool { return i.ID == id })
	})
	r.ids = nil // their slots may be others' from now on
	return errors.Join(r.Fleet.Retire(ctx, idle), r.putBack(ctx, r.dep.Service))
}

// joined are the instances of a service that serve beside the live ones.
func (d *Deployer) joined(ctx context.Context, service string) ([]store.Instance, error) {
	all, err := d.Store.Instances(ctx, service, "")
	return slices.DeleteFunc(all, func(i store.Instance) bool { return i.Live || i.Purpose != store.PurposeRolling }), err
}

// partly reports whether instances of a deploy's release get requests though it is not live.
func (d *Deployer) partly(ctx context.Context, row store.Deploy) bool {
	if row.Release == "" {
		return false
	}
	all, err := d.Store.Instances(ctx, row.Service, row.Release)
	return err == nil && slices.ContainsFunc(all, func(i store.Instance) bool {
		return !i.Live && (i.Purpose == store.PurposeRolling || i.Purpose == store.PurposeCanary)
	})
}

// putBack ends what serves beside the live release of a service, one by one after what it had replaced.
func (d *Deployer) putBack(ctx context.Context, service string) error {
	serving, err := d.joined(ctx, service)
	if err != nil || len(serving) == 0 {
		return err
	}
	svc, err := d.Store.Service(ctx, service)
	if err != nil {
		return err
	}
	live, err := d.Fleet.Live(ctx, service)
	if err != nil {
		return err
	}
	var errs []error
	for n, k := len(live), 0; k < len(serving) || n < svc.Replicas; k++ {
		if n < svc.Replicas {
			n++
			errs = append(errs, d.Fleet.Refill(ctx, service, n))
		}
		if k < len(serving) {
			errs = append(errs, d.Fleet.Retire(ctx, []string{serving[k].ID}))
		}
	}
	return errors.Join(errs...)
}

// endPartly puts back the services that an earlier daemon left half replaced and that no deploy goes on with.
func (d *Deployer) endPartly(ctx context.Context) {
	all, err := d.Store.Instances(ctx, "", "")
	if err != nil {
		d.log.Error("instances of unfinished deploys not looked for", "err", err)
		return
	}
	for _, i := range all {
		if i.Live || i.Purpose != store.PurposeRolling {
			continue
		}
		open, err := d.Store.Deploys(ctx, store.DeployFilter{Service: i.Service, States: []store.DeployState{store.DeployQueued}})
		if err == nil && len(open) == 0 {
			limited, cancel := context.WithTimeout(ctx, d.limits().Drain)
			err = d.putBack(limited, i.Service)
			cancel()
		}
		if err != nil {
			d.log.Error("service not put back after an unfinished deploy", "service", i.Service, "err", err)
		}
	}
}
