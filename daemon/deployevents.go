package daemon

import (
	"context"
	"strconv"

	"aictl/deploy"
	"aictl/services"
	"aictl/store"
)

// deployNews brings what happens in deploys among the events of services. Deploys do not wait for it.
type deployNews struct {
	news   chan deploy.Event
	lookup func(ctx context.Context, id int64) (store.Deploy, error)
	tell   func(services.Event)
	lost   func(deploy.Event)
}

// deployBacklog is how many changes may wait to be told.
const deployBacklog = 1024

// notify is the deployer's Notify.
func (n *deployNews) notify(ev deploy.Event) {
	if ev.Step != "" && ev.State == string(store.StepRunning) && ev.Detail != "" {
		return // progress within a step
	}
	select {
	case n.news <- ev:
	default:
		n.lost(ev)
	}
}

// run tells of deploys until ctx ends, and then of what was still waiting.
func (n *deployNews) run(ctx context.Context) error {
	for {
		select {
		case ev := <-n.news:
			n.pass(ctx, ev)
		case <-ctx.Done():
			for len(n.news) > 0 {
				n.pass(context.WithoutCancel(ctx), <-n.news)
			}
			return nil
		}
	}
}

func (n *deployNews) pass(ctx context.Context, ev deploy.Event) {
	row, err := n.lookup(ctx, ev.Deploy)
	if err != nil {
		n.lost(ev)
		return
	}
	n.tell(deployEvent(row, ev))
}

// deployEvent is a change of a deploy as an event of its service.
func deployEvent(row store.Deploy, ev deploy.Event) services.Event {
	out := services.Event{
		Time: ev.At, Kind: services.EventDeploy + services.EventKind(ev.State), Service: row.Service, Release: row.Release,
		Reason: ev.Detail, Fields: map[string]string{"deploy": strconv.FormatInt(row.ID, 10), "kind": row.Kind},
	}
	if row.Commit != "" {
		out.Fields["commit"] = row.Commit
	}
	switch {
	case ev.Step != "":
		out.Kind = services.EventDeployStep
		out.Fields["step"], out.Fields["state"] = ev.Step, ev.State
	case row.FailedStep != "":
		out.Fields["step"] = row.FailedStep
	}
	return out
}
