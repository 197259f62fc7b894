package daemon

import (
	"context"

	"aictl/deploy"
	"aictl/gateway"
	"aictl/services"
)

// canaries lets deploys lead canaries: services has them, the gateway counts their requests.
type canaries struct {
	services *services.Manager
	gateway  *gateway.Gateway
}

// State tells of a service's canary.
func (c canaries) State(ctx context.Context, service string) (deploy.TrialState, error) {
	v, err := c.services.Canary(ctx, service)
	return deploy.TrialState{Release: v.Release, Weight: v.Weight, Ready: v.Ready, Reason: v.Reason}, err
}

// Weigh gives a canary another percentage of the requests.
func (c canaries) Weigh(ctx context.Context, service, release string, weight float64, actor string) error {
	return c.services.WeighCanary(ctx, service, release, weight, actor)
}

// End ends the canary of a release.
func (c canaries) End(ctx context.Context, service, release, reason string) error {
	return c.services.EndCanary(ctx, service, release, reason)
}

// Measure counts from now on.
func (c canaries) Measure(service string) func() (live, canary deploy.Side) {
	from, _ := c.gateway.MarkCanary(service)
	return func() (live, canary deploy.Side) {
		now, _ := c.gateway.MarkCanary(service)
		stats := from.Until(now)
		return sideOf(stats.Live), sideOf(stats.Canary)
	}
}

func sideOf(s gateway.SideStats) deploy.Side {
	return deploy.Side{Requests: s.Requests, Errors: s.Errors, P95: s.P95}
}

// pausePushes keeps pushes from undoing a rollback.
func (d *Daemon) pausePushes(ctx context.Context, service, why, actor string) error {
	return d.pushes.Pause(ctx, service, why, actor)
}
