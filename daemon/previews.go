package daemon

import (
	"context"
	"fmt"
	"time"

	"aictl/autodeploy"
	"aictl/deploy"
	"aictl/previews"
	"aictl/store"
)

// newPreviews makes what gives pull requests instances of their own.
func (d *Daemon) newPreviews() *previews.Engine {
	return previews.New(previews.Deps{
		Store: d.store, Forges: d.forges.List, Submit: d.submitPreview, Logger: d.log,
		Remove: func(ctx context.Context, service string) error { return d.removing().Remove(ctx, service) },
		Limits: func() previews.Limits {
			s := d.settings.current().Deploy
			return previews.Limits{Count: s.PreviewLimit, Age: time.Duration(s.PreviewAge)}
		},
	})
}

// removing is what removes services whole.
func (d *Daemon) removing() removing {
	return removing{d.services, d.dir, d.deployer.Abandon, d.keys.refresh}
}

// submitPreview queues the deploy of a preview. One instance is enough to look at.
func (d *Daemon) submitPreview(ctx context.Context, o previews.Order) (store.Deploy, error) {
	one := 1
	return d.deployer.Submit(ctx, deploy.Request{
		Source: o.Source, Name: o.Service, Commit: o.Commit, Env: o.Env, Replicas: &one,
		Actor: o.Actor, Trigger: previews.Trigger, Reason: o.Reason, Origin: o.Origin,
	})
}

// pullChanged has the previews looked at after something happened to a pull request: what is open is asked of the Gitea itself.
func (d *Daemon) pullChanged(_ context.Context, c autodeploy.Change) (string, error) {
	d.previews.Notice()
	if c.Pull == nil {
		return "previews are looked at", nil
	}
	return fmt.Sprintf("pull request #%d %s: previews are looked at", c.Pull.Number, c.Pull.Action), nil
}

// previewNames are the services that no push deploys, because their pull requests do.
func (d *Daemon) previewNames(ctx context.Context) (map[string]bool, error) {
	return d.previews.Names(ctx)
}
