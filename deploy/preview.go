package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"aictl/configs"
	"aictl/deploy/envs"
	"aictl/store"
)

// ErrUndeployable is wrapped by what is wrong with a source that a preview was asked for: a deploy of it would fail.
var ErrUndeployable = errors.New("a deploy would fail")

// Preview is what a deploy would change of a service. Nothing is built, stored or started for it.
type Preview struct {
	Service  string
	Commit   string        // that would be deployed
	Live     store.Release // what is live now; zero for a service that has no live release
	Changes  []configs.ManifestChange
	Env      PreviewEnv
	Before   int // instances wanted now; 0 when the service is stopped or new
	After    int // instances that the deploy would start
	Strategy configs.Strategy
	Warnings []string
}

// PreviewEnv is the environment that the deploy would use.
type PreviewEnv struct {
	Key    string
	Detail string
	Same   bool // it is the live release's
	Ready  bool // nothing has to be built
}

// Preview says what a deploy would change.
func (d *Deployer) Preview(ctx context.Context, req Request) (p Preview, err error) {
	src, err := checkRequest(&req)
	if err != nil {
		return p, err
	}
	d.mu.Lock()
	name, named, err := d.nameFor(ctx, req.Name, src)
	d.mu.Unlock()
	if err != nil {
		return p, err
	}
	tree := d.incoming("preview-" + rand.Text())
	defer func() { err = errors.Join(err, os.RemoveAll(tree)) }()
	p, err = d.fetchPreview(ctx, src, tree)
	if err != nil {
		return p, undeployable(ctx, err)
	}
	found, err := readCheckout(tree, src.Subdir)
	if err != nil {
		return p, undeployable(ctx, err)
	}
	if !named && found.manifest.Name != "" {
		name = found.manifest.Name
		if err := d.free(ctx, name, src); err != nil {
			return p, err
		}
	}
	found.manifest.Name, p.Service = name, name
	svc, err := d.Store.Service(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return p, err
	}
	if err := d.compare(ctx, &p, svc, found, req); err != nil {
		return p, err
	}
	p.Env.Key, p.Env.Detail, p.Env.Ready, err = d.Envs.Plan(ctx, envs.Request{
		Root: tree, Dir: filepath.Join(tree, found.manifest.Subdir), Manifest: found.manifest, Log: func(string) {},
	})
	p.Env.Same = p.Live.ID != "" && p.Env.Key == p.Live.EnvKey
	return p, undeployable(ctx, err)
}

// undeployable makes err say that the deploy would fail, unless it is only the question that did not get its time.
func undeployable(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUndeployable, err)
}

// fetchPreview brings the commit's files to tree.
func (d *Deployer) fetchPreview(ctx context.Context, src store.Source, tree string) (p Preview, err error) {
	repo, err := d.Sources.Open(ctx, src)
	if err != nil {
		return p, err
	}
	p.Warnings = repo.Warnings()
	if err := repo.Fetch(ctx, src.Ref); err != nil {
		return p, err
	}
	if p.Commit, err = repo.Resolve(ctx, src.Ref); err != nil {
		return p, err
	}
	return p, repo.Checkout(ctx, p.Commit, tree, func(string) {})
}

// compare finds what differs from the live release, from what the service is asked for and from what it was.
func (d *Deployer) compare(ctx context.Context, p *Preview, svc store.Service, found checkout, req Request) error {
	r := runner{manifest: found.manifest, want: wishes{Replicas: req.Replicas}}
	p.After, p.Strategy = r.replicas(svc), found.manifest.Strategy
	if svc.Wanted == store.WantedRunning {
		p.Before = svc.Replicas
	}
	for _, key := range slices.Sorted(maps.Keys(req.Env)) {
		if was, had := svc.Env[key]; !had || was != req.Env[key] {
			p.Changes = append(p.Changes, configs.ManifestChange{Key: "--env " + key, Old: hidden(was), New: hidden(req.Env[key]), Effect: configs.EffectProcess})
		}
	}
	if svc.Release == "" {
		return nil
	}
	var err error
	if p.Live, err = d.Store.Release(ctx, svc.Name, svc.Release); err != nil {
		return err
	}
	live, err := p.Live.ReadManifest()
	if err != nil {
		return err
	}
	changes := configs.DiffManifests(live, &found.manifest)
	if p.Commit != p.Live.Commit {
		changes = append([]configs.ManifestChange{{Key: "commit", Old: p.Live.Commit[:8], New: p.Commit[:8], Effect: configs.EffectProcess}}, changes...)
	}
	if svc.ReplicasPinned && req.Replicas == nil && live.Replicas != found.manifest.Replicas {
		p.Warnings = append(p.Warnings, fmt.Sprintf("the number of instances was set to %d by a user: the manifest's does not count", svc.Replicas))
	}
	p.Changes = append(changes, p.Changes...)
	return nil
}

func hidden(value string) string {
	if value == "" {
		return ""
	}
	return "********"
}
