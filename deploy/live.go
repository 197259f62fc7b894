package deploy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aictl/configs"
	"aictl/store"
)

// lastLines is how much of a failed candidate's log a deploy shows.
const lastLines = 30

// loadRelease reads the release that a rollback returns to, or that a resumed deploy had built.
func (r *runner) loadRelease(ctx context.Context) error {
	rel, err := r.Store.Release(ctx, r.dep.Service, r.dep.Release)
	if err != nil {
		return err
	}
	m, err := rel.ReadManifest()
	if err != nil {
		return err
	}
	r.manifest = *m
	r.placed = r.releaseDir(rel.Service, rel.ID)
	r.hold(r.placed)
	needs := []string{rel.Dir}
	if rel.EnvKey != "" {
		needs = append(needs, filepath.Join(r.Dirs.Envs, rel.EnvKey))
	}
	for _, dir := range needs {
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w: %s is not complete any more; deploy commit %s again: %w", ErrNoSuchRelease, rel.ID, rel.Commit, err)
		}
	}
	r.release = rel
	if r.want.Resume {
		r.forgetOnFailure(rel.ID, r.placed)
	}
	return nil
}

// start starts the candidates. Building is over.
func (r *runner) start(ctx context.Context) (string, error) {
	r.freeSlot()
	svc, err := r.Store.Service(ctx, r.dep.Service)
	if err != nil {
		return "", err
	}
	r.out.hide(secretsOf(svc.Env)...)
	if err := r.admit(); err != nil {
		return "", err
	}
	n, err := r.firstCandidates(ctx, svc)
	if err != nil {
		return "", err
	}
	r.onFailure(func(ctx context.Context) error { return r.Fleet.Retire(ctx, r.ids) })
	where, err := r.launch(ctx, r.Fleet.Launch, n)
	if err == nil && len(r.ids) == 0 {
		return "no replica is wanted", nil
	}
	return where, err
}

// launch starts n more candidates and says where they are.
func (r *runner) launch(ctx context.Context, from func(context.Context, string, string, int) ([]store.Instance, error), n int) (string, error) {
	started, err := from(ctx, r.dep.Service, r.release.ID, n)
	if err != nil {
		return "", err
	}
	r.started = append(r.started, started...)
	var where []string
	for _, i := range started {
		r.ids = append(r.ids, i.ID)
		if i.Port == 0 {
			where = append(where, i.ID)
			continue
		}
		where = append(where, fmt.Sprintf("%s on port %d", i.ID, i.Port))
	}
	return strings.Join(where, ", "), nil
}

// runs reports whether the deploy runs a job to its end before it makes it live.
func (r *runner) runs() bool {
	return r.manifest.Kind == configs.KindOneshot || r.manifest.Kind == configs.KindCron && r.manifest.RunOnDeploy
}

// healthLimit is the time after which a candidate cannot become healthy any more, or a job's run has taken too long.
func (r *runner) healthLimit() time.Duration {
	h := r.manifest.Health
	if r.manifest.Job() {
		return time.Duration(h.StartPeriod)
	}
	return time.Duration(h.StartPeriod) + time.Duration(h.Failures)*(time.Duration(h.Interval)+time.Duration(h.Timeout)) + time.Minute
}

func (r *runner) health(ctx context.Context) (string, error) {
	begun := r.Now()
	err := r.awaitHealthy(ctx, r.ids)
	if err == nil && r.manifest.Job() {
		return "succeeded after " + r.Now().Sub(begun).Round(10*time.Millisecond).String(), nil
	}
	if err == nil {
		return "healthy after " + r.Now().Sub(begun).Round(10*time.Millisecond).String(), nil
	}
	return "", err
}

// awaitHealthy waits for candidates; when they do not become healthy, the log gets what they wrote last.
func (r *runner) awaitHealthy(ctx context.Context, ids []string) error {
	err := r.Fleet.AwaitHealthy(ctx, ids, r.progress(ctx))
	if err == nil {
		return nil
	}
	for _, id := range ids {
		lines := r.Lines(id, lastLines)
		if len(lines) == 0 {
			r.out.line(r.step.Name, id+" wrote nothing")
			continue
		}
		r.out.line(r.step.Name, "last lines of "+id+":")
		for _, l := range lines {
			r.out.line(r.step.Name, "  "+l)
		}
	}
	return err
}

// switchOver makes the candidates live. From its beginning the deploy cannot be cancelled.
func (r *runner) switchOver(ctx context.Context) (string, error) {
	if err := r.commitTo(ctx); err != nil {
		return "", err
	}
	sure, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.limits().Switch)
	defer cancel()
	old, err := r.Fleet.Switch(sure, r.dep.Service, r.release.ID, r.ids)
	if err != nil {
		return "", err
	}
	r.live = true
	for _, i := range old {
		r.old = append(r.old, i.ID)
	}
	_, err = r.Store.UpdateService(sure, r.dep.Service, func(s *store.Service) error {
		s.Replicas, s.Groups = r.replicas(*s), r.manifest.Groups
		s.ReplicasPinned = s.ReplicasPinned || r.want.Replicas != nil
		return nil
	})
	if err != nil {
		r.warn(ctx, "the service's replicas and groups are not stored: "+err.Error())
	}
	if r.manifest.Strategy == configs.Recreate && !r.manifest.Job() { // they are stopped; what is left is to forget them
		if err := r.Fleet.Retire(sure, r.old); err != nil {
			r.warn(ctx, "old instances not removed: "+err.Error())
		}
	}
	return r.release.ID + " is live", nil
}

// commitTo passes the point after which Cancel is too late.
func (r *runner) commitTo(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	delete(r.jobs, r.dep.ID)
	r.committed[r.dep.ID] = true
	return nil
}

// drain ends what was live: before the start of a recreate deploy, in a way that can be taken back; after the switch
// of a blue-green one for good.
func (r *runner) drain(ctx context.Context) (string, error) {
	if r.live {
		return count(len(r.old), "instance") + " drained and stopped", r.Fleet.Retire(ctx, r.old)
	}
	r.freeSlot()
	// Also when stopping fails half way.
	r.onFailure(func(ctx context.Context) error { return r.Fleet.StartLive(ctx, r.dep.Service) })
	ids, err := r.Fleet.StopLive(ctx, r.dep.Service)
	return count(len(ids), "instance") + " stopped to make room", err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
