// Package registry keeps what algorithms say of themselves: title, task and owner by their manifests, versions by their releases, and
// the interface that each release had when it was deployed, compared with the one before.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"aictl/configs"
	"aictl/registry/contract"
	"aictl/store"
)

// Errors that callers branch on.
var (
	// ErrBreaks ends a deploy whose manifest has the interface gated.
	ErrBreaks = errors.New("the interface breaks callers")
	// ErrNoInterface is returned for the interface of a release of which none is kept; it comes with store.ErrNotFound.
	ErrNoInterface = errors.New("no interface is kept")
)

// Store is what the registry reads and writes; *store.Store is one.
type Store interface {
	Services(ctx context.Context, after string, n int) ([]store.Service, error)
	Service(ctx context.Context, name string) (store.Service, error)
	Release(ctx context.Context, service, id string) (store.Release, error)
	LiveReleases(ctx context.Context) (map[string]store.Release, error)
	AlgorithmVersions(ctx context.Context, service, before string, n int) ([]store.AlgorithmVersion, error)
	AlgorithmVersion(ctx context.Context, service, release string) (store.AlgorithmVersion, error)
	LiveVersions(ctx context.Context) (map[string]store.AlgorithmVersion, map[string]int, error)
	Snapshot(ctx context.Context, service, release string) (store.Snapshot, error)
	SetSnapshot(ctx context.Context, snap store.Snapshot, v store.AlgorithmVersion) error
	Previews(ctx context.Context, parent string) ([]store.Preview, error)
}

// Registry answers questions about algorithms. Its methods are safe for concurrent use.
type Registry struct {
	store  Store
	client *http.Client
	log    *slog.Logger
}

// New returns a registry; client asks candidates, nil loggers are silent.
func New(s Store, client *http.Client, log *slog.Logger) *Registry {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	asking := *client
	asking.CheckRedirect = sameHost
	return &Registry{store: s, client: &asking, log: log}
}

// Algorithm is a service as the registry tells it. Live is nil before something was live.
type Algorithm struct {
	Service     string
	Title       string
	Description string
	Task        string
	Owner       string
	Tags        []string
	Interface   string // warn, gate or off
	Source      store.Source
	Live        *Version
	Versions    int
}

// Version is one release of an algorithm, there or gone. Report is nil when it was not compared.
type Version struct {
	Release    string
	Commit     string
	Version    string
	CreatedAt  time.Time
	LiveAt     time.Time // zero: never
	Live       bool
	Kept       bool
	Operations int
	Base       string
	Breaking   int
	Report     *contract.Report
}

// Filter selects algorithms; its zero value selects all. Text is found in names, titles, tasks, owners and tags.
type Filter struct {
	Task, Owner, Tag, Text string
}

// List returns the algorithms that a filter selects, by name.
func (r *Registry) List(ctx context.Context, f Filter) ([]Algorithm, error) {
	services, err := r.store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	live, err := r.store.LiveReleases(ctx)
	if err != nil {
		return nil, err
	}
	versions, count, err := r.store.LiveVersions(ctx)
	if err != nil {
		return nil, err
	}
	previews, err := r.store.Previews(ctx, "")
	if err != nil {
		return nil, err
	}
	out := []Algorithm{}
	for _, svc := range services {
		if slices.ContainsFunc(previews, func(p store.Preview) bool { return p.Service == svc.Name }) {
			continue // of a pull request: it may become a version of its parent
		}
		a, err := describe(svc, live[svc.Name])
		if err != nil {
			return nil, err
		}
		a.Versions = count[svc.Name]
		if line, ok := versions[svc.Name]; ok {
			v := r.version(line, svc.Release)
			a.Live = &v
		}
		if f.selects(a) {
			out = append(out, a)
		}
	}
	return out, nil
}

func (f Filter) selects(a Algorithm) bool {
	within := func(text, part string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(part)) }
	all := strings.Join(append([]string{a.Service, a.Title, a.Task, a.Owner}, a.Tags...), "\n")
	return (f.Task == "" || strings.EqualFold(a.Task, f.Task)) && (f.Owner == "" || strings.EqualFold(a.Owner, f.Owner)) &&
		(f.Tag == "" || slices.Contains(a.Tags, f.Tag)) && (f.Text == "" || within(all, f.Text))
}

// describe tells a service by the manifest of its live release; without one it is only a name.
func describe(svc store.Service, live store.Release) (Algorithm, error) {
	a := Algorithm{Service: svc.Name, Title: svc.Name, Source: svc.Source, Interface: configs.InterfaceWarn}
	if live.ID == "" {
		return a, nil
	}
	m, err := live.ReadManifest()
	if err != nil {
		return a, err
	}
	said := m.Algorithm
	a.Description, a.Task, a.Owner, a.Tags = said.Description, said.Task, said.Owner, said.Tags
	if said.Title != "" {
		a.Title = said.Title
	}
	if said.Interface != "" {
		a.Interface = said.Interface
	}
	return a, nil
}

// version renders a line. A report that cannot be read is left out: it is history.
func (r *Registry) version(line store.AlgorithmVersion, live string) Version {
	v := Version{
		Release: line.Release, Commit: line.Commit, Version: line.Version, CreatedAt: line.CreatedAt, LiveAt: line.LiveAt, Live: line.Release == live,
		Kept: line.Kept, Operations: line.Operations, Base: line.Base, Breaking: line.Breaking,
	}
	if line.Report != nil {
		report := contract.Report{}
		if err := json.Unmarshal(line.Report, &report); err != nil {
			r.log.Warn("comparison of interfaces not read", "service", line.Service, "release", line.Release, "err", err)
			return v
		}
		v.Report = &report
	}
	return v
}

// Detail is an algorithm with its latest versions, newest first, and what callers can ask of the live one.
type Detail struct {
	Algorithm
	History    []Version
	Operations []contract.Operation
	Info       json.RawMessage // GET /info of the live release, nil without
}

// Show returns one algorithm with at most n versions (0 is all); an unknown one is store.ErrNotFound.
func (r *Registry) Show(ctx context.Context, service string, n int) (Detail, error) {
	svc, err := r.store.Service(ctx, service)
	if err != nil {
		return Detail{}, err
	}
	var live store.Release
	if svc.Release != "" {
		if live, err = r.store.Release(ctx, service, svc.Release); err != nil {
			return Detail{}, err
		}
	}
	a, err := describe(svc, live)
	if err != nil {
		return Detail{}, err
	}
	lines, err := r.store.AlgorithmVersions(ctx, service, "", 0)
	if err != nil {
		return Detail{}, err
	}
	a.Versions = len(lines)
	d := Detail{Algorithm: a}
	for i, line := range lines {
		v := r.version(line, svc.Release)
		if v.Live {
			d.Live = &v
		}
		if n <= 0 || i < n {
			d.History = append(d.History, v)
		}
	}
	return d, r.addInterface(ctx, svc, &d)
}

// addInterface reads what the live release answered when it was deployed, if that was kept.
func (r *Registry) addInterface(ctx context.Context, svc store.Service, d *Detail) error {
	if svc.Release == "" {
		return nil
	}
	snap, err := r.store.Snapshot(ctx, svc.Name, svc.Release)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d.Info = snap.Info
	if snap.OpenAPI == nil {
		return nil
	}
	doc, err := contract.Parse(snap.OpenAPI)
	if err != nil {
		return fmt.Errorf("the OpenAPI document of release %s of %s: %w", svc.Release, svc.Name, err)
	}
	d.Operations = doc.Operations()
	return nil
}
