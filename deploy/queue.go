package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
		row, w, ok, err := d.claim(ctx)
		if err != nil || !ok {
			return nil, err
		}
		jctx, cancel := context.WithCancelCause(ctx)
		d.mu.Lock()
		d.jobs[row.ID] = cancel
		d.mu.Unlock()
		running.Go(func() {
			defer cancel(nil)
			d.carryOut(jctx, row, w)
		})
	}
	return nil, nil
}

func (d *Deployer) claim(ctx context.Context) (store.Deploy, wishes, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row, ok, err := d.Store.ClaimDeploy(ctx, maxRunning)
	if err != nil || !ok {
		return row, wishes{}, false, err
	}
	var w wishes
	set, err := d.Store.Setting(ctx, wishKey(row.ID))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return row, w, true, nil
	case err == nil:
		err = json.Unmarshal([]byte(set.Value), &w)
	}
	if err != nil {
		err = fmt.Errorf("read what deploy %d was asked for: %w", row.ID, err)
		_, ferr := d.Store.FinishDeploy(ctx, row.ID, store.DeployFailed, "", err.Error())
		d.announce(row)
		return row, w, false, errors.Join(err, ferr)
	}
	return row, w, true, nil
}

// carryOut runs one claimed deploy to its end.
func (d *Deployer) carryOut(ctx context.Context, row store.Deploy, w wishes) {
	r := newRunner(d, row, w)
	state, step, reason := r.run(ctx)
	end := context.WithoutCancel(ctx)
	d.mu.Lock()
	delete(d.jobs, row.ID) // from here on Cancel finds it ended
	delete(d.committed, row.ID)
	final, err := d.Store.FinishDeploy(end, row.ID, state, step, reason)
	if err != nil {
		d.log.Error("end of deploy not stored", "deploy", row.ID, "err", err)
		final.ID, final.State, final.Error = row.ID, state, reason
	}
	d.announce(final)
	close(d.ended)
	d.ended = make(chan struct{})
	d.mu.Unlock()
	d.log.Info("deploy ended", "deploy", row.ID, "service", r.dep.Service, "state", state, "step", step, "reason", reason)
	d.nudge()
	if state == store.DeployLive {
		if _, err := d.Clean(end); err != nil {
			d.log.Warn("old releases not removed", "err", err)
		}
	}
}

// mark names the processes of this data directory's builds.
func (d *Deployer) mark() string { return d.Dirs.Releases }

// recover ends what an earlier daemon could not: its builds, its running deploys, their candidates and their files.
// What was queued stays queued.
func (d *Deployer) recover(ctx context.Context) error {
	if n := envs.KillMarked(d.mark()); n > 0 {
		d.log.Warn("left-over build processes killed", "count", n)
	}
	cut, err := d.Store.InterruptDeploys(ctx)
	if err != nil {
		return err
	}
	for _, row := range cut {
		d.log.Warn("deploy was interrupted", "deploy", row.ID, "service", row.Service, "step", row.FailedStep)
		d.forgetWishes(ctx, row.ID)
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
	if err := errors.Join(os.RemoveAll(d.incoming("")), d.Envs.Sweep()); err != nil {
		d.log.Warn("left-over files of deploys not removed", "err", err)
	}
	if _, err := d.Clean(ctx); err != nil {
		d.log.Warn("old releases not removed", "err", err)
	}
	return nil
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
		if !i.Live {
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
