package services

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aictl/configs"
	"aictl/gateway"
	"aictl/store"
)

// ErrNotTriable is returned for a release that cannot run beside the live one.
var ErrNotTriable = errors.New("it cannot run beside the live release")

// Candidate is some instances of a release that get no requests of the gateway's. They end with the daemon at the latest.
type Candidate struct {
	Service string
	Release string

	m    *Manager
	rows []store.Instance
}

// Candidate starts n instances of a stored release beside whatever runs, also beside instances of the same release, and
// returns when all are healthy. release is an id, or its number as in r12. What did not come up is taken away. progress, which may be
// nil, is told what is being waited for.
func (m *Manager) Candidate(ctx context.Context, name, release string, n int, progress func(string)) (*Candidate, error) {
	rel, err := m.FindRelease(ctx, name, release)
	if err != nil {
		return nil, err
	}
	c := &Candidate{Service: name, Release: rel.ID, m: m}
	if c.rows, err = m.launchTrial(ctx, name, rel.ID, n); err != nil {
		return nil, err
	}
	if err := m.AwaitHealthy(ctx, instanceIDs(c.rows), progress); err != nil {
		return nil, errors.Join(fmt.Errorf("release %s of %s as a candidate: %w", rel.ID, name, err), c.Stop(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// Targets are where the instances are reached.
func (c *Candidate) Targets() []gateway.Target {
	targets := make([]gateway.Target, len(c.rows))
	for k, row := range c.rows {
		targets[k] = targetOf(row)
	}
	return targets
}

// Stop ends the instances and forgets them. It may be called again.
func (c *Candidate) Stop(ctx context.Context) error { return c.m.discardAll(ctx, c.rows) }

// FindRelease returns a stored release of a service by its id, or by its number as in r12.
func (m *Manager) FindRelease(ctx context.Context, name, word string) (store.Release, error) {
	if _, err := m.Store.Service(ctx, name); err != nil {
		return store.Release{}, fmt.Errorf("service %s: %w", name, err)
	}
	rel, err := m.Store.Release(ctx, name, word)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return rel, err
	}
	all, err := m.Store.Releases(ctx, name, "", 0)
	if err != nil {
		return rel, err
	}
	var ids []string
	for _, rel := range all {
		if number, _, _ := strings.Cut(rel.ID, "-"); number == word {
			return rel, nil
		}
		ids = append(ids, rel.ID)
	}
	if len(ids) == 0 {
		return rel, fmt.Errorf("release %s of %s: %w: it has none; deploy it with `aictl deploy`", word, name, store.ErrNotFound)
	}
	return rel, fmt.Errorf("release %s of %s: %w; kept are %s", word, name, store.ErrNotFound, strings.Join(ids, ", "))
}

// launchTrial starts n instances that are not to become live by themselves.
func (m *Manager) launchTrial(ctx context.Context, name, release string, n int) ([]store.Instance, error) {
	defer m.locks.lock(name)()
	svc, rel, man, err := m.loadWhole(ctx, name, release)
	if err != nil {
		return nil, err
	}
	if why := untriable(svc, man); why != "" {
		return nil, fmt.Errorf("release %s of %s: %w: %s", release, name, ErrNotTriable, why)
	}
	m.remember(svc)
	rows, err := m.Store.AddTrial(ctx, name, release, n, store.PurposeCandidate)
	if err != nil {
		return nil, fmt.Errorf("new slots for %s: %w", name, err)
	}
	if err = m.lease(ctx, rows); err == nil {
		err = m.apply(ctx, svc, rel, rows, true)
	}
	if err != nil {
		return nil, errors.Join(err, m.discardAll(context.WithoutCancel(ctx), rows))
	}
	return rows, nil
}

// untriable says why a release cannot run beside the live one, "" when it can.
func untriable(svc store.Service, man configs.Manifest) string {
	switch {
	case man.Job():
		return fmt.Sprintf("it is a %s service and serves no requests", man.Kind)
	case man.Strategy == configs.Recreate && svc.Wanted == store.WantedRunning && svc.Release != "":
		return "its strategy is recreate, which says that two copies are not to run at once; stop the service first, or deploy it with strategy: blue-green"
	}
	return ""
}

func instanceIDs(rows []store.Instance) []string {
	ids := make([]string, len(rows))
	for k, row := range rows {
		ids[k] = row.ID
	}
	return ids
}
