package daemon

import (
	"context"

	"aictl/autodeploy"
	"aictl/hosting"
)

// newHosting makes the host of aictl's own repositories. What is pushed there is deployed as what is pushed to a Gitea.
func (d *Daemon) newHosting() *hosting.Host {
	return hosting.New(hosting.Config{
		Root: d.dir.Git(), Logger: d.log,
		Changed: func(ctx context.Context, p hosting.Push) error { return d.pushes.Changed(ctx, changeOf(p)) },
		Forge:   d.forgeToPass,
		Passed:  func(string) { d.pushes.Look() },
	})
}

// changeOf is a push in the words of automatic deploys.
func changeOf(p hosting.Push) autodeploy.Change {
	kinds := map[string]autodeploy.Kind{hosting.KindPush: autodeploy.KindPush, hosting.KindTag: autodeploy.KindTag, hosting.KindDelete: autodeploy.KindDelete}
	return autodeploy.Change{
		Kind: kinds[p.Kind], Trigger: autodeploy.TriggerPush, Repository: p.Repository, Hosted: true, DefaultBranch: p.DefaultBranch,
		Ref: p.Ref, Before: p.Before, After: p.After, Commit: p.Commit, Message: p.Message, Actor: p.Actor, Origin: p.Origin,
	}
}

// forgeToPass is a connected Gitea with the token that requests get on their way through.
func (d *Daemon) forgeToPass(ctx context.Context, name string) (hosting.Forge, error) {
	c, err := d.forges.Find(ctx, name)
	if err == nil {
		err = c.Err
	}
	if err != nil {
		return hosting.Forge{}, err
	}
	auth := c.Client.Auth()
	return hosting.Forge{URL: c.Client.URL(), User: auth.User, Token: auth.Token}, nil
}
