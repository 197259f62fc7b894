package daemon

import (
	"context"
	"errors"

	"aictl/deploy"
	"aictl/registry"
	"aictl/store"
)

// contracts keeps and compares the interfaces of candidates, for deploys.
type contracts struct {
	registry *registry.Registry
	preview  func(ctx context.Context, service string) (store.Preview, error)
}

// check implements deploy.Deps.Contract. What keeps the registry from doing its work is no fault of the release: a warning.
func (c contracts) check(ctx context.Context, in deploy.ContractInput) (string, error) {
	if _, err := c.preview(ctx, in.Service); err == nil {
		return "a preview's is not kept", nil // whose versions would outlive it
	}
	v, err := c.registry.Check(ctx, registry.Candidate{Service: in.Service, Release: in.Release, Base: in.Live, Addr: in.Addr, Mode: in.Mode})
	for _, line := range v.Log {
		in.Log(line)
	}
	for _, w := range v.Warnings {
		in.Warn(w)
	}
	if err == nil || errors.Is(err, registry.ErrBreaks) {
		return v.Detail, err
	}
	if ctx.Err() != nil {
		return v.Detail, context.Cause(ctx)
	}
	in.Warn("the interface was not compared: " + err.Error())
	return "not compared", nil
}
