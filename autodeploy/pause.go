package autodeploy

import (
	"context"
	"errors"

	"aictl/store"
)

// Pause keeps changes from deploying a service until Resume. A service that does not exist is store.ErrNotFound.
func (e *Engine) Pause(ctx context.Context, service, why, actor string) error {
	if err := e.Store.PauseDeploys(ctx, service, why, actor); err != nil {
		return err
	}
	e.log.Info("automatic deploys paused", "service", service, "why", why, "actor", actor)
	return nil
}

// Resume ends a pause and looks at once for what was pushed meanwhile; was is false when there was none.
func (e *Engine) Resume(ctx context.Context, service, actor string) (was bool, err error) {
	if _, err := e.Store.Service(ctx, service); err != nil {
		return false, err
	}
	err = e.Store.ResumeDeploys(ctx, service)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	e.log.Info("automatic deploys resumed", "service", service, "actor", actor)
	e.Look()
	return true, nil
}
