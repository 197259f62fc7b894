package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

const deployColumns = `id, service, kind, source_kind, source_url, source_ref, source_subdir, commit_sha, release, state,
  failed_step, error, warnings, actor, trigger, reason, origin, subject, created_at, started_at, finished_at`

const (
	selectDeploy = `SELECT ` + deployColumns + ` FROM deploys WHERE id = ?`
	// An empty service or state list (?2 = ',,') matches all.
	listDeploys = `SELECT ` + deployColumns + ` FROM deploys
  WHERE (?1 = '' OR service = ?1) AND (?2 = ',,' OR instr(?2, ',' || state || ',') > 0) AND id < ?3 ORDER BY id DESC LIMIT ?4`
	setDeployCommit   = `UPDATE deploys SET commit_sha = ?, subject = ? WHERE id = ?`
	setDeployRelease  = `UPDATE deploys SET release = ? WHERE id = ?`
	setDeployWarnings = `UPDATE deploys SET warnings = ? WHERE id = ?`
)

// DeployFilter selects deploys; its zero value selects all. Before is the cursor: the id of the last one seen.
type DeployFilter struct {
	Service string
	States  []DeployState
	Before  int64
	Limit   int // <= 0 means all
}

// Deploy returns one deploy, or ErrNotFound.
func (s *Store) Deploy(ctx context.Context, id int64) (Deploy, error) {
	v, err := one(ctx, s.r, scanDeploy, selectDeploy, id)
	return v, wrap(err, "deploy %d", id)
}

// Deploys lists deploys, newest first.
func (s *Store) Deploys(ctx context.Context, f DeployFilter) ([]Deploy, error) {
	states := make([]string, len(f.States))
	for i, state := range f.States {
		states[i] = string(state)
	}
	if f.Before <= 0 {
		f.Before = 1 << 62
	}
	v, err := query(ctx, s.r, scanDeploy, listDeploys, f.Service, ","+strings.Join(states, ",")+",", f.Before, limit(f.Limit))
	return v, wrap(err, "list deploys")
}

// SetDeployCommit stores the full SHA a deploy's ref was resolved to, and the first line of that commit's message.
func (s *Store) SetDeployCommit(ctx context.Context, id int64, commit, subject string) error {
	err := changed(s.w.ExecContext(ctx, setDeployCommit, commit, subject, id))
	return wrap(err, "set commit of deploy %d", id)
}

// SetDeployRelease stores the release a deploy made.
func (s *Store) SetDeployRelease(ctx context.Context, id int64, release string) error {
	err := changed(s.w.ExecContext(ctx, setDeployRelease, release, id))
	return wrap(err, "set release of deploy %d", id)
}

// AddDeployWarnings appends to a deploy's warnings.
func (s *Store) AddDeployWarnings(ctx context.Context, id int64, warnings ...string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		d, err := one(ctx, tx, scanDeploy, selectDeploy, id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, setDeployWarnings, list(append(d.Warnings, warnings...)), id)
		return err
	})
	return wrap(err, "add warnings to deploy %d", id)
}

func scanDeploy(r row) (Deploy, error) {
	var v Deploy
	var warnings string
	var created, started, finished int64
	err := r.Scan(&v.ID, &v.Service, &v.Kind, &v.Source.Kind, &v.Source.URL, &v.Source.Ref, &v.Source.Subdir, &v.Commit,
		&v.Release, &v.State, &v.FailedStep, &v.Error, &warnings, &v.Actor, &v.Trigger,
		&v.Reason, &v.Origin, &v.Subject, &created, &started, &finished)
	if err != nil {
		return v, fmt.Errorf("read deploy: %w", err)
	}
	v.CreatedAt, v.StartedAt, v.FinishedAt = timeOf(created), timeOf(started), timeOf(finished)
	v.Warnings, err = unlist(warnings)
	return v, err
}
