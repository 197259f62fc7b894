package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aictl/store/internal/sqlite"
)

// Attempt is the last commit of a reference that was considered for a service: deployed, superseded or skipped.
type Attempt struct {
	Service string
	Ref     string // full: refs/heads/main
	SHA     string
	Before  string // the one considered before it
	Deploy  int64  // 0: it was skipped
	Outcome string // for people
	At      time.Time
}

// DeployPause keeps pushes from deploying a service.
type DeployPause struct {
	Service string
	Why     string
	Actor   string
	At      time.Time
}

const (
	attemptColumns = `service, ref, sha, before, deploy, outcome, at`
	upsertAttempt  = `INSERT INTO attempts (` + attemptColumns + `) VALUES (?, ?, ?, '', ?, ?, ?)
  ON CONFLICT (service, ref) DO UPDATE SET before = sha, sha = excluded.sha, deploy = excluded.deploy, outcome = excluded.outcome, at = excluded.at`
	selectAttempt = `SELECT ` + attemptColumns + ` FROM attempts WHERE service = ? AND ref = ?`
	listAttempts  = `SELECT ` + attemptColumns + ` FROM attempts WHERE service = ? ORDER BY ref`
	upsertPause   = `INSERT INTO deploy_pauses (service, why, actor, at) VALUES (?, ?, ?, ?)
  ON CONFLICT (service) DO UPDATE SET why = excluded.why, actor = excluded.actor, at = excluded.at`
	listPauses  = `SELECT service, why, actor, at FROM deploy_pauses ORDER BY service`
	deletePause = `DELETE FROM deploy_pauses WHERE service = ?`
)

// SetAttempt stores what was considered last for a service; Before and At are the store's own. A service that does not exist is
// ErrNotFound.
func (s *Store) SetAttempt(ctx context.Context, a Attempt) error {
	_, err := s.w.ExecContext(ctx, upsertAttempt, a.Service, a.Ref, a.SHA, a.Deploy, a.Outcome, micros(s.stamp()))
	return wrap(ofService(err), "note commit %s for %s", a.SHA, a.Service)
}

// Attempt returns what was considered last of a reference for a service, or ErrNotFound.
func (s *Store) Attempt(ctx context.Context, service, ref string) (Attempt, error) {
	a, err := one(ctx, s.r, scanAttempt, selectAttempt, service, ref)
	return a, wrap(err, "last commit of %s that was considered for %s", ref, service)
}

// Attempts lists what was considered last for a service, by reference.
func (s *Store) Attempts(ctx context.Context, service string) ([]Attempt, error) {
	v, err := query(ctx, s.r, scanAttempt, listAttempts, service)
	return v, wrap(err, "commits that were considered for %s", service)
}

// PauseDeploys keeps pushes from deploying a service until ResumeDeploys. A service that does not exist is ErrNotFound.
func (s *Store) PauseDeploys(ctx context.Context, service, why, actor string) error {
	_, err := s.w.ExecContext(ctx, upsertPause, service, why, actor, micros(s.stamp()))
	return wrap(ofService(err), "pause deploys of %s", service)
}

// ResumeDeploys ends a pause; one that is not is ErrNotFound.
func (s *Store) ResumeDeploys(ctx context.Context, service string) error {
	return wrap(changed(s.w.ExecContext(ctx, deletePause, service)), "resume deploys of %s", service)
}

// DeployPauses lists the services that no push deploys for now, by name.
func (s *Store) DeployPauses(ctx context.Context) ([]DeployPause, error) {
	v, err := query(ctx, s.r, scanPause, listPauses)
	return v, wrap(err, "list paused deploys")
}

// ofService tells a reference to a service that does not exist.
func ofService(err error) error {
	if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrForeign) {
		return fmt.Errorf("no such service: %w", ErrNotFound)
	}
	return err
}

func scanAttempt(r row) (Attempt, error) {
	var a Attempt
	var at int64
	err := r.Scan(&a.Service, &a.Ref, &a.SHA, &a.Before, &a.Deploy, &a.Outcome, &at)
	a.At = timeOf(at)
	return a, err
}

func scanPause(r row) (DeployPause, error) {
	var p DeployPause
	var at int64
	err := r.Scan(&p.Service, &p.Why, &p.Actor, &at)
	p.At = timeOf(at)
	return p, err
}
