package autodeploy

import (
	"context"
	"errors"
	"slices"

	"aictl/configs"
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

// State is what pushes do to a service.
type State struct {
	Service    string
	Section    configs.DeploySection
	Branch     string             // whose pushes deploy it; "" is the default branch, or none
	Pause      *store.DeployPause // nil: it is not paused
	Considered []store.Attempt    // by reference
}

// States lists what pushes do to the services that can be deployed by them, by name.
func (e *Engine) States(ctx context.Context) ([]State, error) {
	services, err := e.services(ctx)
	if err != nil {
		return nil, err
	}
	pauses, err := e.Store.DeployPauses(ctx)
	if err != nil {
		return nil, err
	}
	paused := map[string]*store.DeployPause{}
	for i, p := range pauses {
		paused[p.Service] = &pauses[i]
	}
	var out []State
	for _, s := range services {
		if s.first.ID != 0 {
			continue
		}
		st := State{Service: s.Name, Pause: paused[s.Name]}
		if st.Section, err = e.sectionOf(ctx, s.Service); err != nil {
			return nil, err
		}
		st.Branch, _ = Target{Ref: s.Source.Ref, Section: st.Section}.branch("")
		if st.Considered, err = e.Store.Attempts(ctx, s.Name); err != nil {
			return nil, err
		}
		st.Considered = slices.DeleteFunc(st.Considered, func(a store.Attempt) bool { return a.Ref == allTags })
		out = append(out, st)
	}
	return out, nil
}

// Pauses lists the services that no push deploys for now, by name.
func (e *Engine) Pauses(ctx context.Context) ([]store.DeployPause, error) {
	return e.Store.DeployPauses(ctx)
}

// Deliveries lists those of a repository, or all (""), newest first, from below an id (0: the newest).
func (e *Engine) Deliveries(ctx context.Context, repository string, before int64, n int) ([]store.Delivery, error) {
	return e.Store.Deliveries(ctx, repository, before, n)
}
