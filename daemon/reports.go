package daemon

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"aictl/api"
	"aictl/deploy"
	"aictl/reports"
)

// newReports makes what tells the Giteas of deploys.
func (d *Daemon) newReports() *reports.Outbox {
	return reports.New(reports.Deps{Store: d.store, Forges: d.forges.List, Link: d.deployURL, Logger: d.log})
}

// publicURL is where others reach the API.
func (d *Daemon) publicURL() string {
	return strings.TrimRight(cmp.Or(d.settings.current().PublicURL, d.apiURL()), "/")
}

// deployURL is where a deploy is shown.
func (d *Daemon) deployURL(id int64) string {
	return fmt.Sprintf("%s%s/deploys/%d", d.publicURL(), api.Prefix, id)
}

// notifyDeploy is the deployer's Notify.
func (d *Daemon) notifyDeploy(ev deploy.Event) {
	d.deploys.notify(ev)
	if ev.Step == "" || ev.Step == deploy.StepFetch { // the deploy's own state, and when its commit gets known
		d.reports.Notice()
	}
}

// reported is what a Gitea was told of a deploy, nil when there is nothing to tell.
func (d *Daemon) reported(ctx context.Context, id int64) (*api.StatusReport, error) {
	r, ok, err := d.reports.Of(ctx, id)
	if err != nil || !ok {
		return nil, err
	}
	return &api.StatusReport{
		Gitea: r.Address, Repository: r.Repository, Commit: r.Commit, Context: r.Context, State: r.State, Progress: string(r.Progress),
		Tries: r.Tries, Error: r.Error, UpdatedAt: r.UpdatedAt, NextAt: r.NextAt,
	}, nil
}
