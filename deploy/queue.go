package deploy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aictl/deploy/envs"
	"aictl/store"
)

// errStopping ends the running deploys when the daemon stops.
var errStopping = errors.New("aictl is stopping")

// retryQueue is the pause after the store failed.
const retryQueue = 2 * time.Second

// Run closes what an earlier daemon left half done and then carries out deploys until ctx ends: per service one at a
// time, the next one after it. Deploys that run when ctx ends are interrupted and waited for.
func (d *Deployer) Run(ctx context.Context) error {
	if err := d.recover(ctx); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	for {
		again, err := d.startAll(ctx, &running)
		if err != nil && ctx.Err() == nil {
			d.log.Error("deploy queue not read", "err", err)
			again = time.After(retryQueue)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-again:
		}
	}
}

// startAll starts every deploy whose turn it is.
func (d *Deployer) startAll(ctx context.Context, running *sync.WaitGroup) (again <-chan time.Time, err error) {
	for ctx.Err() == nil {
		job, ok, err := d.claim(ctx)
		if err != nil || !ok {
			return nil, err
		}
		running.Go(func() {
			defer job.cancel(nil)
			d.carryOut(ctx, job)
		})
	}
	return nil, nil
}

// job is a claimed deploy. Its context is what Cancel ends.
type job struct {
	row    store.Deploy
	want   wishes
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// claim takes the next deploy. It can be cancelled from the moment its row says that it runs.
func (d *Deployer) claim(ctx context.Context) (job, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row, ok, err := d.Store.ClaimDeploy(ctx, maxRunning)
	if err != nil || !ok {
		return job{}, false, err
	}
	w, err := d.wishesOf(ctx, row.ID)
	if err != nil {
		failed, ferr := d.Store.FinishDeploy(ctx, row.ID, store.DeployFailed, "", err.Error())
		if ferr == nil {
			d.announce(failed)
		}
		return job{}, false, errors.Join(err, ferr)
	}
	jctx, cancel := context.WithCancelCause(ctx)
	d.jobs[row.ID] = cancel
	return job{row, w, jctx, cancel}, true, nil
}

// carryOut runs one claimed deploy to its end. ctx is the queue's.
func (d *Deployer) carryOut(ctx context.Context, j job) {
	r := newRunner(d, j.row, j.want)
	state, step, reason := r.run(j.ctx)
	d.letGo(r.placed)
	for !d.finish(ctx, j.row.ID, state, step, reason) {
		// While the row says that it runs, the service's next deploy cannot begin.
		select {
		case <-time.After(retryQueue):
		case <-ctx.Done():
			return // the next start closes it
		}
	}
	d.log.Info("deploy ended", "deploy", j.row.ID, "service", r.dep.Service, "state", state, "step", step, "reason", reason)
	d.nudge()
	end := context.WithoutCancel(ctx)
	switch state {
	case store.DeployLive:
		if _, err := d.Clean(end); err != nil {
			d.log.Warn("old releases not removed", "err", err)
		}
	case store.DeployInterrupted:
		d.again(end, r.dep, j.want)
	}
}

// finish stores the end of a deploy and tells everyone who waits for it. It reports whether the row is closed.
func (d *Deployer) finish(ctx context.Context, id int64, state store.DeployState, step, reason string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	final, err := d.Store.FinishDeploy(context.WithoutCancel(ctx), id, state, step, reason)
	if err != nil {
		d.log.Error("end of deploy not stored", "deploy", id, "err", err)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			return false
		}
		final.ID, final.State, final.Error = id, state, reason
	}
	delete(d.jobs, id) // from here on Cancel finds it ended
	delete(d.committed, id)
	d.announce(final)
	d.signalEnd()
	return true
}

// signalEnd wakes who waits for the end of a deploy. Called with the lock held.
func (d *Deployer) signalEnd() {
	close(d.ended)
	d.ended = make(chan struct{})
}

// mark names the processes of this data directory's builds.
func (d *Deployer) mark() string { return d.Dirs.Releases }

// recover ends what an earlier daemon could not: its builds, its running deploys, their candidates and their files.
// What was queued stays queued; what was interrupted is queued once more.
func (d *Deployer) recover(ctx context.Context) error {
	if n := envs.KillMarked(d.mark()); n > 0 {
		d.log.Warn("left-over build processes killed", "count", n)
	}
	if err := d.closeSwitched(ctx); err != nil {
		return err
	}
	cut, err := d.Store.InterruptDeploys(ctx)
	if err != nil {
		return err
	}
	for _, row := range cut {
		d.log.Warn("deploy was interrupted", "deploy", row.ID, "service", row.Service, "step", row.FailedStep)
		if err := d.restore(ctx, row.Service); err != nil {
			d.log.Error("service not restored after an interrupted deploy", "service", row.Service, "err", err)
		}
	}
	queued, err := d.Store.Deploys(ctx, store.DeployFilter{States: []store.DeployState{store.DeployQueued}})
	if err != nil {
		return err
	}
	for _, row := range queued {
		d.hub.open(row.ID)
	}
	for _, row := range cut {
		w, err := d.wishesOf(ctx, row.ID)
		if err != nil {
			d.log.Error("interrupted deploy not queued again", "deploy", row.ID, "err", err)
			continue
		}
		d.again(ctx, row, w)
		d.forgetWishes(ctx, row.ID)
	}
	d.endPartly(ctx)
	if err := errors.Join(os.RemoveAll(d.incoming("")), d.Envs.Sweep()); err != nil {
		d.log.Warn("left-over files of deploys not removed", "err", err)
	}
	if _, err := d.Clean(ctx); err != nil {
		d.log.Warn("old releases not removed", "err", err)
	}
	return nil
}

// closeSwitched ends as live the deploys that had switched before the daemon ended.
func (d *Deployer) closeSwitched(ctx context.Context) error {
	running, err := d.Store.Deploys(ctx, store.DeployFilter{States: []store.DeployState{store.DeployRunning}})
	if err != nil {
		return err
	}
	for _, row := range running {
		svc, err := d.Store.Service(ctx, row.Service)
		if errors.Is(err, store.ErrNotFound) || err == nil && (row.Release == "" || svc.Release != row.Release) {
			continue
		}
		if err == nil {
			_, err = d.Store.FinishDeploy(ctx, row.ID, store.DeployLive, "", "")
		}
		if err == nil {
			d.forgetWishes(ctx, row.ID)
			err = d.restore(ctx, row.Service) // what was live before may still run
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// again queues an interrupted deploy once more: only once, lest a deploy that brings the daemon down do so for ever,
// and not when a newer one waits.
func (d *Deployer) again(ctx context.Context, row store.Deploy, w wishes) {
	queued := false
	defer func() {
		if !queued && w.Canary == nil { // nobody goes on with it
			d.abandonTrial(ctx, row)
		}
	}()
	if row.Trigger == TriggerRestart {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting, err := d.Store.Deploys(ctx, store.DeployFilter{Service: row.Service, States: []store.DeployState{store.DeployQueued}})
	if err == nil && len(waiting) == 0 {
		next := store.Deploy{Service: row.Service, Kind: row.Kind, Source: row.Source, Actor: row.Actor, Trigger: TriggerRestart, Reason: row.Reason, Origin: row.Origin}
		if w.Pinned {
			next.Commit = row.Commit
		}
		if w.Resume = row.Kind == KindDeploy && w.Canary == nil && d.partly(ctx, row); row.Kind == KindRollback || w.Resume {
			next.Commit, next.Release = row.Commit, row.Release
		}
		_, err = d.enqueue(ctx, next, w)
		queued = err == nil
	}
	if err != nil {
		d.log.Error("interrupted deploy not queued again", "deploy", row.ID, "err", err)
	}
}

// restore retires the candidates of a service and sees that its live instances run.
func (d *Deployer) restore(ctx context.Context, service string) error {
	svc, err := d.Store.Service(ctx, service)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := d.Store.Instances(ctx, service, "")
	if err != nil {
		return err
	}
	var ids []string
	for _, i := range all {
		if !i.Live && i.Purpose == store.PurposeNone {
			ids = append(ids, i.ID)
		}
	}
	if len(ids) > 0 {
		err = d.Fleet.Retire(ctx, ids)
	}
	if svc.Release != "" && svc.Wanted == store.WantedRunning {
		err = errors.Join(err, d.Fleet.StartLive(ctx, service))
	}
	return err
}

// incoming is where a deploy's checkout lies until it has a release.
func (d *Deployer) incoming(name string) string {
	return filepath.Join(d.Dirs.Releases, ".incoming", name)
}
