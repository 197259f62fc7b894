package deploy

import (
	"context"
	"errors"
	"slices"

	"aictl/store"
)

// lately is how many deploys Unborn looks through.
const lately = 500

// Unborn lists deploys of sources that no service is deployed from, newest first and one for each source: the first deploy is under
// way, or has failed before its service was made. Deploys of services that were removed are not among them.
func (d *Deployer) Unborn(ctx context.Context) ([]store.Deploy, error) {
	rows, err := d.Store.Deploys(ctx, store.DeployFilter{Limit: lately})
	if err != nil {
		return nil, err
	}
	services, err := d.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	newest, born := map[string]store.Deploy{}, map[string]bool{}
	var names []string
	for _, svc := range services {
		born[svc.Name] = true
	}
	for _, row := range rows {
		if _, seen := newest[row.Service]; !seen {
			newest[row.Service] = row
			names = append(names, row.Service)
		}
		born[row.Service] = born[row.Service] || row.Kind != KindDeploy || !early(row)
	}
	var out []store.Deploy
	for _, name := range names {
		row := newest[name]
		if born[name] || row.State.Ended() && row.State != store.DeployFailed {
			continue
		}
		if slices.ContainsFunc(services, func(s store.Service) bool { return d.same(ctx, s.Source, row.Source) }) ||
			slices.ContainsFunc(out, func(o store.Deploy) bool { return d.same(ctx, o.Source, row.Source) }) {
			continue
		}
		out = append(out, row)
	}
	return out, nil
}

// early reports whether a deploy ended, or may still end, before there is a service.
func early(row store.Deploy) bool {
	if row.Release != "" || row.State == store.DeployLive {
		return false
	}
	switch row.FailedStep {
	case "", StepFetch, StepCheckout, StepManifest:
		return true
	}
	return false
}

// inherit completes a request with what the deploy asked for that it comes after, such as variables of the service. Called with the lock held.
func (d *Deployer) inherit(ctx context.Context, req *Request) error {
	if req.After == 0 {
		return nil
	}
	row, err := d.Store.Deploy(ctx, req.After)
	if err != nil {
		return err
	}
	w, err := d.wishesOf(ctx, row.ID)
	if err != nil {
		return err
	}
	if w.Named {
		req.Name = row.Service
	}
	req.Env, req.Replicas = w.Env, w.Replicas
	return nil
}

// unbornRow reports whether what a failed deploy asked for has to be kept, since no service has it.
func (d *Deployer) unbornRow(ctx context.Context, row store.Deploy) bool {
	if row.Kind != KindDeploy || row.State != store.DeployFailed || !early(row) {
		return false
	}
	_, err := d.Store.Service(ctx, row.Service)
	return errors.Is(err, store.ErrNotFound)
}

// forgetEarlier forgets what the failed deploy before a row asked for: the row has it.
func (d *Deployer) forgetEarlier(ctx context.Context, row store.Deploy) error {
	rows, err := d.Store.Deploys(ctx, store.DeployFilter{Service: row.Service, States: []store.DeployState{store.DeployFailed}, Before: row.ID, Limit: 1})
	for _, old := range rows {
		d.forgetWishes(ctx, old.ID)
	}
	return err
}
