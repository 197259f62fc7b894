package autodeploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"aictl/configs"
	"aictl/store"
)

// Order is a deploy that a change asks for.
type Order struct {
	Service string
	Source  store.Source
	Commit  string // full SHA
	Actor   string
	Trigger string
	Reason  string // for people: "push to main"
	Origin  string // the delivery's id, or an address
}

// Deps is what an Engine works with. Logger and Now may be nil.
type Deps struct {
	Store *store.Store
	// Submit queues a deploy.
	Submit func(ctx context.Context, o Order) (store.Deploy, error)
	Logger *slog.Logger
	Now    func() time.Time
}

// Engine turns changes into deploys. Its methods are safe for concurrent use.
type Engine struct {
	Deps
	log *slog.Logger
}

// New returns an engine.
func New(d Deps) *Engine {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Engine{Deps: d, log: d.Logger}
}

// Changed deploys every service that a change is for. It returns when the deploys are queued, not when they have ended; its error joins
// those of the services that could not be asked for one.
func (e *Engine) Changed(ctx context.Context, c Change) error {
	services, err := e.Store.Services(ctx, "", 0)
	if err != nil {
		return err
	}
	var errs []error
	for _, svc := range services {
		if !concerns(c, svc.Source) {
			continue
		}
		if err := e.consider(ctx, c, svc); err != nil {
			errs = append(errs, fmt.Errorf("deploy %s by a change of %s: %w", svc.Name, c.Repository, err))
		}
	}
	return errors.Join(errs...)
}

// consider deploys a service by a change, or says why it does not.
func (e *Engine) consider(ctx context.Context, c Change, svc store.Service) error {
	section, err := e.sectionOf(ctx, svc)
	if err != nil {
		return err
	}
	v := Decide(c, Target{Service: svc.Name, Ref: svc.Source.Ref, Section: section})
	if !v.Deploy {
		e.log.Info("change deploys nothing", "service", svc.Name, "repository", c.Repository, "ref", c.Ref, "why", v.Why)
		return nil
	}
	trigger := c.Trigger
	if trigger == "" {
		trigger = TriggerWebhook
	}
	origin := c.Origin
	if c.Delivery != "" {
		origin = c.Delivery
	}
	row, err := e.Submit(ctx, Order{
		Service: svc.Name, Source: svc.Source, Commit: v.Commit, Actor: c.Actor, Trigger: trigger, Reason: v.Why, Origin: origin,
	})
	if err != nil {
		return err
	}
	e.log.Info("change deploys", "service", svc.Name, "repository", c.Repository, "ref", c.Ref, "commit", v.Commit, "deploy", row.ID)
	return nil
}

// sectionOf is what the live release's manifest says of deploys; before the first release it is the default.
func (e *Engine) sectionOf(ctx context.Context, svc store.Service) (configs.DeploySection, error) {
	if svc.Release == "" {
		return configs.DefaultManifest().Deploy, nil
	}
	rel, err := e.Store.Release(ctx, svc.Name, svc.Release)
	if err != nil {
		return configs.DeploySection{}, err
	}
	m, err := configs.ManifestFromJSON(rel.Manifest)
	if err != nil {
		return configs.DeploySection{}, fmt.Errorf("release %s: %w", rel.ID, err)
	}
	return m.Deploy, nil
}
