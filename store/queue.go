package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const (
	insertDeploy = `INSERT INTO deploys (service, kind, source_kind, source_url, source_ref, source_subdir, commit_sha, release,
  state, warnings, actor, trigger, reason, origin, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?) RETURNING ` + deployColumns
	supersede = `UPDATE deploys SET state = 'superseded', finished_at = ?, error = ? WHERE service = ? AND state = 'queued' RETURNING ` + deployColumns
	// The oldest queued deploy whose service is not deploying, while fewer than ?2 deploys run in all.
	claimDeploy = `UPDATE deploys SET state = 'running', started_at = ?1 WHERE id = (
  SELECT q.id FROM deploys q WHERE q.state = 'queued'
  AND NOT EXISTS (SELECT 1 FROM deploys r WHERE r.service = q.service AND r.state = 'running')
  AND (SELECT count(*) FROM deploys WHERE state = 'running') < ?2 ORDER BY q.id LIMIT 1) RETURNING ` + deployColumns
	finishDeploy = `UPDATE deploys SET state = ?, failed_step = ?, error = ?, finished_at = ?
  WHERE id = ? AND state IN ('queued', 'running') RETURNING ` + deployColumns
	interruptDeploys = `UPDATE deploys SET state = 'interrupted', finished_at = ?1, error = ?2,
  failed_step = coalesce((SELECT name FROM steps WHERE deploy = deploys.id AND state = 'running' ORDER BY seq DESC LIMIT 1), '')
  WHERE state = 'running' RETURNING ` + deployColumns
	closeSteps = `UPDATE steps SET state = ?, finished_at = ? WHERE deploy = ? AND state = 'running'`
)

// EnqueueDeploy queues d (Service, Kind, Source, Commit, Release, Actor, Trigger, Reason and Origin are read) and returns it as
// stored. A deploy of the same service that was still queued gives way: it is superseded in the same transaction
// and returned as well; a running one is left to run.
func (s *Store) EnqueueDeploy(ctx context.Context, d Deploy) (queued Deploy, superseded []Deploy, err error) {
	if d.Service == "" {
		return Deploy{}, nil, errors.New("queue deploy: it names no service")
	}
	if d.Kind == "" {
		d.Kind = "deploy"
	}
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		now := micros(s.stamp())
		superseded, err = query(ctx, tx, scanDeploy, supersede, now, "a newer deploy took its place", d.Service)
		if err != nil {
			return err
		}
		queued, err = one(ctx, tx, scanDeploy, insertDeploy, d.Service, d.Kind, d.Source.Kind, d.Source.URL, d.Source.Ref,
			d.Source.Subdir, d.Commit, d.Release, list(d.Warnings), d.Actor, d.Trigger, d.Reason, d.Origin, now)
		return err
	})
	return queued, superseded, wrap(err, "queue deploy of %s", d.Service)
}

// ClaimDeploy marks the next queued deploy as running and returns it: the oldest whose service has none running,
// while fewer than maxRunning run in all. ok is false when there is nothing to do.
func (s *Store) ClaimDeploy(ctx context.Context, maxRunning int) (d Deploy, ok bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		d, err = one(ctx, tx, scanDeploy, claimDeploy, micros(s.stamp()), maxRunning)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return Deploy{}, false, nil
	}
	return d, err == nil, wrap(err, "claim deploy")
}

// FinishDeploy ends a queued or running deploy as live, failed, superseded, cancelled or interrupted; steps that
// still run end with it, done when live and failed otherwise. One that ended before is ErrConflict.
func (s *Store) FinishDeploy(ctx context.Context, id int64, state DeployState, failedStep, reason string) (Deploy, error) {
	if !state.Ended() {
		return Deploy{}, fmt.Errorf("finish deploy %d: %q is not a final state", id, state)
	}
	var d Deploy
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		now := micros(s.stamp())
		d, err = one(ctx, tx, scanDeploy, finishDeploy, state, failedStep, reason, now, id)
		if errors.Is(err, ErrNotFound) {
			return whyNotFinished(ctx, tx, id)
		}
		if err != nil {
			return err
		}
		return endSteps(ctx, tx, d, now)
	})
	return d, wrap(err, "finish deploy %d", id)
}

func whyNotFinished(ctx context.Context, tx *sql.Tx, id int64) error {
	d, err := one(ctx, tx, scanDeploy, selectDeploy, id)
	if err != nil {
		return err
	}
	return fmt.Errorf("it is %s already: %w", d.State, ErrConflict)
}

func endSteps(ctx context.Context, tx *sql.Tx, d Deploy, now int64) error {
	state := StepFailed
	if d.State == DeployLive {
		state = StepDone
	}
	_, err := tx.ExecContext(ctx, closeSteps, state, now, d.ID)
	return err
}

// InterruptDeploys ends every running deploy as interrupted and returns them: at the daemon's start none can be
// running, so they were cut off by its end. Whether to queue them again is for the caller to say.
func (s *Store) InterruptDeploys(ctx context.Context) ([]Deploy, error) {
	var cut []Deploy
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		now := micros(s.stamp())
		if cut, err = query(ctx, tx, scanDeploy, interruptDeploys, now, "aictl stopped while this deploy was running"); err != nil {
			return err
		}
		for _, d := range cut {
			if err := endSteps(ctx, tx, d, now); err != nil {
				return err
			}
		}
		return nil
	})
	return cut, wrap(err, "close interrupted deploys")
}
