package daemon

import (
	"context"
	"fmt"

	"aictl/autodeploy"
	"aictl/deploy"
	"aictl/store"
)

// hookSecrets begins what the secret of webhooks of forges that are not connected is kept under.
const hookSecrets = "hooks:"

// newAutodeploy makes what turns pushes into deploys.
func (d *Daemon) newAutodeploy() *autodeploy.Engine {
	return autodeploy.New(autodeploy.Deps{
		Store:    d.store,
		Submit:   d.submitOrder,
		Open:     d.openRepository,
		Forges:   d.forges.List,
		Secrets:  d.webhookSecrets,
		HookBase: d.hookBase,
		Pull:     d.pullChanged,
		Others:   d.previewNames,
		Unborn:   func(ctx context.Context) ([]store.Deploy, error) { return d.deployer.Unborn(ctx) },
		Logger:   d.log,
	})
}

func (d *Daemon) submitOrder(ctx context.Context, o autodeploy.Order) (store.Deploy, error) {
	if o.After != 0 { // its name may have been a guess
		o.Service = ""
	}
	return d.deployer.Submit(ctx, deploy.Request{
		Source: o.Source, Name: o.Service, Commit: o.Commit, Actor: o.Actor, Trigger: o.Trigger, Reason: o.Reason, Origin: o.Origin, After: o.After,
	})
}

// openRepository opens a service's repository as its deploys do.
func (d *Daemon) openRepository(ctx context.Context, src store.Source) (autodeploy.Repository, error) {
	opened, err := d.deployer.Sources.Open(ctx, src)
	if err != nil {
		return nil, err
	}
	repo, ok := opened.(autodeploy.Repository)
	if !ok {
		return nil, fmt.Errorf("a repository of kind %s has no history to look at", src.Kind)
	}
	return repo, nil
}

// webhookSecrets are what deliveries to one address may be signed with: for Gitea those of the connections, and for each kind of forge
// the one for repositories elsewhere.
func (d *Daemon) webhookSecrets(ctx context.Context, kind string) ([]autodeploy.Secret, error) {
	var list []autodeploy.Secret
	if kind == autodeploy.ForgeGitea {
		forges, err := d.forges.List(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range forges {
			list = append(list, autodeploy.Secret{Forge: f.Name, URL: f.Client.URL(), Value: f.Secret})
		}
	}
	own, err := d.store.ForgeSecret(ctx, hookSecrets+kind)
	if err != nil {
		return nil, err
	}
	return append(list, autodeploy.Secret{Forge: kind, Value: own}), nil
}
