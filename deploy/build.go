package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"aictl/configs"
	"aictl/deploy/envs"
	"aictl/gitea"
	"aictl/store"
)

// fetch brings the mirror up to date and pins the commit.
func (r *runner) fetch(ctx context.Context) (string, error) {
	if r.Room != nil {
		if err := r.Room(ctx); err != nil {
			return "", err
		}
	}
	src := r.dep.Source
	repo, err := r.Sources.Open(ctx, src)
	if err != nil {
		return "", err
	}
	r.repo = repo
	r.out.hide(repo.Secrets()...)
	for _, w := range repo.Warnings() {
		r.warn(ctx, w)
	}
	ref := src.Ref
	if r.want.Pinned {
		ref = r.dep.Commit
	}
	if err := repo.Fetch(gitea.WithProgress(ctx, r.progress(ctx)), ref); err != nil {
		return "", err
	}
	if r.commit, err = repo.Resolve(ctx, ref); err != nil {
		return "", err
	}
	said, err := repo.Describe(ctx, r.commit)
	if err != nil {
		return "", err
	}
	detail := cmp.Or(src.Ref, "default branch") + " is " + r.commit[:8]
	if r.want.Pinned {
		detail = "commit " + r.commit[:8] + ", as was asked for"
	}
	return detail, r.Store.SetDeployCommit(ctx, r.dep.ID, r.commit, said.Subject)
}

// tree is where the checkout lies before it is a release.
func (r *runner) tree() string { return r.incoming(strconv.FormatInt(r.dep.ID, 10)) }

func (r *runner) checkout(ctx context.Context) (string, error) {
	dir := r.tree()
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	r.onFailure(func(context.Context) error { return os.RemoveAll(dir) })
	detail := ""
	err := r.repo.Checkout(ctx, r.commit, dir, func(s string) {
		detail = s
		r.progress(ctx)(s)
	})
	return detail, err
}

// readManifest reads the manifest at the commit, and with it learns the service's name and settings.
func (r *runner) readManifest(ctx context.Context) (string, error) {
	found, err := readCheckout(r.tree(), r.dep.Source.Subdir)
	if err != nil {
		return "", err
	}
	if name := found.manifest.Name; name != "" && name != r.dep.Service && !r.want.Named {
		if err := r.rename(ctx, name); err != nil {
			return "", err
		}
		if err := r.takeSlot(ctx); err != nil {
			return "", err
		}
	}
	r.manifest, r.release.Argv = found.manifest, found.argv
	r.manifest.Name = r.dep.Service
	if err := errors.Join(r.checkJob(), r.checkCanary(ctx), r.checkOrder(ctx), r.checkLimits(ctx)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %s, started by %s", cmp.Or(found.file, "no "+configs.ManifestFile), r.manifest.Runtime, found.from), r.settle(ctx)
}

// checkJob refuses what a service that ends cannot have, and the manifest alone does not tell.
func (r *runner) checkJob() error {
	if !r.manifest.Job() {
		return nil
	}
	if n := r.want.Replicas; n != nil && *n != 1 {
		return fmt.Errorf("%d replicas: a %s service runs once at a time: leave --replicas out", *n, r.manifest.Kind)
	}
	if slices.ContainsFunc(r.release.Argv, func(arg string) bool { return strings.Contains(arg, "{port}") }) {
		return fmt.Errorf("its command wants a port, which a %s service does not have: write another command into %s", r.manifest.Kind, configs.ManifestFile)
	}
	return nil
}

// checkOrder warns of services that this one shall be started after and that are none, and refuses cycles.
func (r *runner) checkOrder(ctx context.Context) error {
	if r.Order == nil {
		return nil
	}
	warnings, err := r.Order(ctx, r.dep.Service, r.manifest.After)
	for _, w := range warnings {
		r.warn(ctx, w)
	}
	return err
}

// rename makes the deploy one of the service that the manifest names. While a deploy of that service runs, it waits.
func (r *runner) rename(ctx context.Context, name string) error {
	for {
		if err := r.free(ctx, name, r.dep.Source); err != nil {
			return err
		}
		r.mu.Lock()
		ended := r.ended
		r.mu.Unlock()
		err := r.Store.SetDeployService(ctx, r.dep.ID, name)
		if err == nil {
			r.dep.Service = name
			r.nudge() // the name it had is free again
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		r.progress(ctx)("waits for the deploy of " + name + " that runs")
		r.freeSlot() // which that deploy may be waiting for
		select {
		case <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settle makes the service's row what its candidates need: they are composed from it. A failed deploy takes the
// changes back, but a service that is new stays visible, stopped.
func (r *runner) settle(ctx context.Context) error {
	before, err := r.Store.Service(ctx, r.dep.Service)
	if errors.Is(err, store.ErrNotFound) {
		_, err := r.Store.CreateService(ctx, store.Service{
			Name: r.dep.Service, Source: r.dep.Source, Wanted: store.WantedStopped, Replicas: r.replicas(store.Service{}),
			ReplicasPinned: r.want.Replicas != nil, Groups: r.manifest.Groups, Env: r.want.Env,
		})
		return err
	}
	if err != nil {
		return err
	}
	r.onFailure(func(ctx context.Context) error {
		_, err := r.Store.UpdateService(ctx, r.dep.Service, func(s *store.Service) error {
			s.Source = before.Source
			for k := range r.want.Env {
				if old, had := before.Env[k]; had && s.Env != nil {
					s.Env[k] = old
				} else {
					delete(s.Env, k)
				}
			}
			return nil
		})
		return err
	})
	_, err = r.Store.UpdateService(ctx, r.dep.Service, func(s *store.Service) error {
		if s.Env == nil {
			s.Env = map[string]string{}
		}
		maps.Copy(s.Env, r.want.Env)
		s.Source = r.dep.Source
		return nil
	})
	return err
}

// replicas is how many instances to start: what was asked for now, what a user pinned, else the manifest's number.
func (r *runner) replicas(svc store.Service) int {
	switch {
	case r.manifest.Job():
		return 1
	case r.want.Replicas != nil:
		return *r.want.Replicas
	case svc.ReplicasPinned:
		return svc.Replicas
	}
	return r.manifest.Replicas
}

// environment builds what the release runs in, and makes the checkout a release.
func (r *runner) environment(ctx context.Context) (string, error) {
	tree := r.tree()
	work := filepath.Join(tree, r.manifest.Subdir)
	r.hideIndexes()
	r.out.hide(secretsOf(r.manifest.Env)...)
	res, err := r.Envs.Build(ctx, envs.Request{Root: tree, Dir: work, Manifest: r.manifest, Log: r.buildLine, Mark: r.buildMark()})
	if err != nil {
		return "", err
	}
	r.pinned, r.env = res.Key, res
	for _, w := range res.Warnings {
		r.warn(ctx, w)
	}
	// A command that cannot work is told before the release gets a number.
	if _, err := res.Resolve(r.release.Argv, work); err != nil {
		return "", err
	}
	return res.Detail, r.place(ctx, tree, res)
}

// hideIndexes masks the passwords of package indexes.
func (r *runner) hideIndexes() {
	for _, raw := range append([]string{r.manifest.Python.Index}, r.manifest.Python.ExtraIndexes...) {
		if pass := password(raw); pass != "" {
			r.out.hide(pass)
		}
	}
}

// place moves the checkout to where it stays and stores the release.
func (r *runner) place(ctx context.Context, tree string, res envs.Result) error {
	r.files.Lock()
	defer r.files.Unlock()
	id, err := r.Store.NextReleaseID(ctx, r.dep.Service, r.commit)
	if err != nil {
		return err
	}
	dir := r.releaseDir(r.dep.Service, id)
	r.placed, r.inWork[dir] = dir, true
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Rename(tree, dir); err != nil {
		return err
	}
	r.forgetOnFailure(id, dir)
	work := filepath.Join(dir, r.manifest.Subdir)
	if err := res.Link(work); err != nil {
		return err
	}
	argv, err := res.Resolve(r.release.Argv, work)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(r.manifest)
	if err != nil {
		return err
	}
	r.release, err = r.Store.CreateRelease(ctx, store.Release{
		ID: id, Service: r.dep.Service, Commit: r.commit, Manifest: manifest, Dir: dir, EnvKey: res.Key, Argv: argv,
	})
	if err != nil {
		return err
	}
	r.dep.Release = id
	return r.Store.SetDeployRelease(ctx, r.dep.ID, id)
}

// forgetOnFailure has a release that does not go live forgotten.
func (r *runner) forgetOnFailure(id, dir string) {
	r.onFailure(func(ctx context.Context) error {
		err := r.Store.DeleteRelease(ctx, r.dep.Service, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err // something still runs from it
		}
		return os.RemoveAll(dir)
	})
}

// hook runs the release hook in the release's folder with the service's environment.
func (r *runner) hook(ctx context.Context) (string, error) {
	svc, err := r.Store.Service(ctx, r.dep.Service)
	if err != nil {
		return "", err
	}
	work := filepath.Join(r.release.Dir, r.manifest.Subdir)
	argv, err := envs.Split(r.manifest.Hooks.Release)
	if err == nil {
		argv, err = r.env.Resolve(argv, work)
	}
	if err != nil {
		return "", fmt.Errorf("hooks.release: %w", err)
	}
	r.out.hide(append(secretsOf(svc.Env), secretsOf(r.manifest.Env)...)...)
	vars := map[string]string{}
	maps.Copy(vars, r.manifest.Env)
	maps.Copy(vars, svc.Env)
	vars["AICTL_SERVICE"], vars["AICTL_RELEASE"], vars["AICTL_COMMIT"] = svc.Name, r.release.ID, r.release.Commit
	err = envs.Run(ctx, envs.Command{
		Name: "the release hook", Argv: argv, Dir: work, Env: r.env.Environ(vars), Mark: r.buildMark(), Log: r.buildLine,
	})
	return r.manifest.Hooks.Release, err
}
