package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"aictl/store/internal/sqlite"
)

const stepColumns = `deploy, seq, name, state, detail, started_at, finished_at`

const (
	insertStep = `INSERT INTO steps (deploy, seq, name, state, started_at)
  VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM steps WHERE deploy = ?1), ?2, 'running', ?3) RETURNING ` + stepColumns
	finishStep = `UPDATE steps SET state = ?, detail = ?, finished_at = ? WHERE deploy = ? AND seq = ? AND state = 'running'`
	detailStep = `UPDATE steps SET detail = ? WHERE deploy = ? AND seq = ?`
	listSteps  = `SELECT ` + stepColumns + ` FROM steps WHERE deploy = ? ORDER BY seq`
)

// StartStep adds a running step to a deploy; its Seq counts from 1.
func (s *Store) StartStep(ctx context.Context, deploy int64, name string) (Step, error) {
	var v Step
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		v, err = one(ctx, tx, scanStep, insertStep, deploy, name, micros(s.stamp()))
		if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrForeign) {
			return fmt.Errorf("no such deploy: %w", ErrNotFound)
		}
		return err
	})
	return v, wrap(err, "start step %s of deploy %d", name, deploy)
}

// FinishStep ends a running step as done, failed or skipped with one line of detail for people.
func (s *Store) FinishStep(ctx context.Context, deploy int64, seq int, state StepState, detail string) error {
	if state == StepRunning {
		return fmt.Errorf("finish step %d of deploy %d: running is not a final state", seq, deploy)
	}
	err := changed(s.w.ExecContext(ctx, finishStep, state, detail, micros(s.stamp()), deploy, seq))
	return wrap(err, "finish step %d of deploy %d", seq, deploy)
}

// SetStepDetail replaces a step's line of detail, to show progress.
func (s *Store) SetStepDetail(ctx context.Context, deploy int64, seq int, detail string) error {
	err := changed(s.w.ExecContext(ctx, detailStep, detail, deploy, seq))
	return wrap(err, "set detail of step %d of deploy %d", seq, deploy)
}

// Steps lists a deploy's steps in order.
func (s *Store) Steps(ctx context.Context, deploy int64) ([]Step, error) {
	v, err := query(ctx, s.r, scanStep, listSteps, deploy)
	return v, wrap(err, "list steps of deploy %d", deploy)
}

func scanStep(r row) (Step, error) {
	var v Step
	var started, finished int64
	err := r.Scan(&v.Deploy, &v.Seq, &v.Name, &v.State, &v.Detail, &started, &finished)
	v.StartedAt, v.FinishedAt = timeOf(started), timeOf(finished)
	return v, err
}
