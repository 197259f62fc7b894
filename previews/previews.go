// Package previews gives open pull requests an instance of their own: a service named <service>-pr-<number>, deployed from the request's newest
// commit and removed when it closes. What is open is asked of the Gitea, at every event and every few minutes, so that no event has to arrive.
package previews

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// Trigger is that of the deploys of previews.
const Trigger = "preview"

// EnvNumber is the variable by which a preview knows the number of its pull request.
const EnvNumber = "AICTL_PREVIEW"

const (
	every     = time.Minute
	mostPulls = 500 // open pull requests of one repository that are looked at
)

// Order asks for the deploy of a preview.
type Order struct {
	Service string
	Source  store.Source
	Commit  string // full SHA
	Env     map[string]string
	Actor   string
	Reason  string // for people
	Origin  string // the pull request's page
}

// Deps is what an Engine works with.
type Deps struct {
	Store *store.Store
	// Forges lists the connected Giteas, the default one first.
	Forges func(ctx context.Context) ([]gitea.Connection, error)
	// Submit queues the deploy of a preview, with one instance.
	Submit func(ctx context.Context, o Order) (store.Deploy, error)
	// Remove ends a service with all that is its own; one that is not there is store.ErrNotFound.
	Remove func(ctx context.Context, service string) error
	Limits func() Limits
	Logger *slog.Logger
	Now    func() time.Time
	Every  time.Duration // between two looks; 0 is a minute
}

// Engine keeps previews. Its methods are safe for concurrent use.
type Engine struct {
	Deps
	log  *slog.Logger
	wake chan struct{}

	mu      sync.Mutex
	refused map[string]string // by preview: why there is none, so that it is logged once
}

// New returns an engine; nothing happens before Run.
func New(d Deps) *Engine {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Every <= 0 {
		d.Every = every
	}
	return &Engine{Deps: d, log: d.Logger, wake: make(chan struct{}, 1), refused: map[string]string{}}
}

// Notice has the pull requests looked at soon, because something happened to one. It never waits.
func (e *Engine) Notice() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run keeps previews until ctx ends. What an earlier daemon began is found in the store.
func (e *Engine) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := e.Sync(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("previews not brought up to date", "err", err)
		}
		pause := time.NewTimer(e.Every)
		select {
		case <-e.wake:
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	return nil
}

// Names are the services that are previews.
func (e *Engine) Names(ctx context.Context) (map[string]bool, error) {
	list, err := e.Store.Previews(ctx, "")
	names := make(map[string]bool, len(list))
	for _, p := range list {
		names[p.Service] = true
	}
	return names, err
}

// Sync makes the previews of every service what the open pull requests ask for. A Gitea that cannot be asked changes nothing.
func (e *Engine) Sync(ctx context.Context) error {
	have, err := e.Store.Previews(ctx, "")
	if err != nil {
		return err
	}
	all, err := e.Store.Services(ctx, "", 0)
	if err != nil {
		return err
	}
	forges, err := e.Forges(ctx)
	if err != nil {
		return err
	}
	of := map[string][]store.Preview{}
	previews := map[string]bool{}
	for _, p := range have {
		of[p.Parent] = append(of[p.Parent], p)
		previews[p.Service] = true
	}
	var errs []error
	for _, svc := range all {
		if previews[svc.Name] {
			continue
		}
		mine := of[svc.Name]
		delete(of, svc.Name)
		if err := e.syncService(ctx, svc, forges, mine); err != nil {
			errs = append(errs, fmt.Errorf("previews of %s: %w", svc.Name, err))
		}
	}
	for name, left := range of {
		errs = append(errs, e.removeAll(ctx, left, name+" was removed"))
	}
	return errors.Join(errs...)
}

func (e *Engine) syncService(ctx context.Context, svc store.Service, forges []gitea.Connection, have []store.Preview) error {
	section, err := e.sectionOf(ctx, svc)
	if err != nil {
		return err
	}
	if !section.Previews {
		return e.removeAll(ctx, have, "previews of "+svc.Name+" are off")
	}
	if svc.Source.Kind != "gitea" && svc.Source.Kind != "git" {
		return nil
	}
	conn, repository, ok := gitea.Place(forges, svc.Source.URL)
	if !ok {
		return nil // a Gitea that is disconnected says nothing of its pull requests
	}
	if conn.Err != nil {
		return conn.Err
	}
	p := parent{service: svc, address: conn.Client.URL(), repository: repository, branch: section.Branch}
	if p.branch == "" {
		p.branch = svc.Source.Ref
	}
	if p.branch == "" {
		repo, err := conn.Client.Repo(ctx, repository)
		if err != nil {
			return err
		}
		p.branch, p.repository = repo.DefaultBranch, repo.FullName
	}
	open, err := conn.Client.Pulls(ctx, repository, mostPulls)
	if err != nil {
		return err
	}
	acts, refused := plan(e.Now(), p, open, len(open) >= mostPulls, have, e.Limits())
	e.note(svc.Name, refused)
	var errs []error
	for _, a := range acts {
		if err := e.act(ctx, svc, a); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", a.do, a.preview.Service, err))
		}
	}
	return errors.Join(errs...)
}

// sectionOf is what the live release's manifest says of deploys; before the first release there are no previews.
func (e *Engine) sectionOf(ctx context.Context, svc store.Service) (configs.DeploySection, error) {
	if svc.Release == "" {
		return configs.DeploySection{}, nil
	}
	rel, err := e.Store.Release(ctx, svc.Name, svc.Release)
	if err != nil {
		return configs.DeploySection{}, err
	}
	m, err := rel.ReadManifest()
	if err != nil {
		return configs.DeploySection{}, err
	}
	return m.Deploy, nil
}

func (e *Engine) act(ctx context.Context, svc store.Service, a action) error {
	if a.do == actDeploy {
		return e.deploy(ctx, svc, a)
	}
	if err := e.Remove(ctx, a.preview.Service); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	e.log.Info("preview removed", "service", a.preview.Service, "repository", a.preview.Repository, "pull_request", a.preview.Number, "why", a.why)
	if a.do == actExpire {
		a.preview.Expired = true
		return e.Store.SavePreview(ctx, a.preview)
	}
	return e.Store.RemovePreview(ctx, a.preview.Service)
}

// deploy queues the deploy of a pull request's newest commit. The row is there first: whatever happens, the service is known to be a preview.
func (e *Engine) deploy(ctx context.Context, svc store.Service, a action) error {
	_, err := e.Store.Preview(ctx, a.preview.Service)
	fresh := errors.Is(err, store.ErrNotFound)
	if err != nil && !fresh {
		return err
	}
	if fresh {
		if _, err := e.Store.Service(ctx, a.preview.Service); err == nil {
			e.note(svc.Name, map[int64]string{a.preview.Number: "there is a service of its name that is no preview"})
			return nil
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if err := e.Store.SavePreview(ctx, a.preview); err != nil {
		return err
	}
	src := svc.Source
	src.Ref = a.pull.HeadRef
	env := maps.Clone(svc.Env)
	if env == nil {
		env = map[string]string{}
	}
	env[EnvNumber] = strconv.FormatInt(a.pull.Number, 10)
	row, err := e.Submit(ctx, Order{
		Service: a.preview.Service, Source: src, Commit: a.pull.Head, Env: env, Actor: a.pull.Author,
		Reason: fmt.Sprintf("pull request #%d: %s", a.pull.Number, a.pull.Title), Origin: a.pull.PageURL,
	})
	if err != nil {
		if fresh {
			err = errors.Join(err, e.Store.RemovePreview(ctx, a.preview.Service))
		}
		return err
	}
	e.log.Info("preview deploys", "service", a.preview.Service, "repository", a.preview.Repository, "pull_request", a.pull.Number, "commit", a.pull.Head, "deploy", row.ID)
	a.preview.Head = a.pull.Head
	return e.Store.SavePreview(ctx, a.preview)
}

func (e *Engine) removeAll(ctx context.Context, list []store.Preview, why string) error {
	var errs []error
	for _, p := range list {
		if err := e.act(ctx, store.Service{}, action{do: actRemove, preview: p, why: why}); err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", p.Service, err))
		}
	}
	return errors.Join(errs...)
}

// note logs why pull requests get no preview, each reason once.
func (e *Engine) note(service string, refused map[int64]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for number, why := range refused {
		if name := Name(service, number); e.refused[name] != why {
			e.refused[name] = why
			e.log.Info("no preview of a pull request", "service", service, "pull_request", number, "why", why)
		}
	}
}
