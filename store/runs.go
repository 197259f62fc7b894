package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"aictl/store/internal/sqlite"
)

// RunState is where a run of a job is.
type RunState string

// The states of a run. A stopped one was ended by wish, a skipped one never began, of an unknown one nobody saw the end.
const (
	RunRunning   RunState = "running"
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed"
	RunStopped   RunState = "stopped"
	RunSkipped   RunState = "skipped"
	RunUnknown   RunState = "unknown"
)

// What made a job run.
const (
	TriggerSchedule = "schedule"
	TriggerUser     = "user"
	TriggerBoot     = "boot"
	TriggerDeploy   = "deploy"
)

// Why a run that is under way was asked to end.
const (
	EndingStop    = "stop"
	EndingTimeout = "timeout"
	EndingReplace = "replace"
)

// Run is one run of a service that ends. Service's last runs are kept.
type Run struct {
	ID        int64
	Service   string
	Release   string
	Instance  string // "" when it was skipped
	Trigger   string
	State     RunState
	Machine   string    // which start of the machine it ran in
	Ending    string    // why it was asked to end, "" when it was not
	DueAt     time.Time // by the schedule; zero for other triggers
	StartedAt time.Time
	EndedAt   time.Time
	Attempts  int  // processes that were started for it
	Code      *int // nil when a signal ended it or it is not known
	Signal    string
	Reason    string // one line for people
}

// Ended reports whether the run is over.
func (r Run) Ended() bool { return r.State != RunRunning }

// KeptRuns is how many runs of one service are kept.
const KeptRuns = 100

const runColumns = `id, service, release, instance, trigger, state, machine, ending, due_at, started_at, ended_at, attempts, code, signal, reason`

const (
	insertRun = `INSERT INTO runs (service, release, instance, trigger, state, machine, due_at, started_at, ended_at, reason)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ` + runColumns
	trimRuns = `DELETE FROM runs WHERE service = ?1 AND state <> 'running' AND id <=
  (SELECT id FROM runs WHERE service = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`
	markRun   = `UPDATE runs SET ending = ? WHERE id = ? AND state = 'running'`
	finishRun = `UPDATE runs SET state = ?, ended_at = ?, attempts = ?, code = ?, signal = ?, reason = ?
  WHERE id = ? AND state = 'running' RETURNING ` + runColumns
	selectRun = `SELECT ` + runColumns + ` FROM runs WHERE id = ?`
	listRuns  = `SELECT ` + runColumns + ` FROM runs WHERE service = ? ORDER BY id DESC LIMIT ?`
	openRuns  = `SELECT ` + runColumns + ` FROM runs WHERE state = 'running' ORDER BY id`
	lastRuns  = `SELECT ` + runColumns + ` FROM runs WHERE id IN
  (SELECT max(id) FROM runs WHERE state <> 'skipped' GROUP BY service, release) ORDER BY service, id`
	lastDues = `SELECT service, max(due_at) FROM runs WHERE due_at > 0 GROUP BY service`
)

// BeginRun stores a new run that is running, or skipped (Service, Release, Instance, Trigger, State, Machine, DueAt,
// StartedAt and Reason are read), and forgets the service's oldest ones. An instance that runs already is ErrConflict.
func (s *Store) BeginRun(ctx context.Context, r Run) (Run, error) {
	var v Run
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		ended := time.Time{}
		if r.State == RunSkipped {
			ended = r.StartedAt
		}
		v, err = one(ctx, tx, scanRun, insertRun, r.Service, r.Release, r.Instance, r.Trigger, r.State, r.Machine,
			micros(r.DueAt), micros(r.StartedAt), micros(ended), r.Reason)
		switch err = sqlite.Explain(err); {
		case errors.Is(err, sqlite.ErrForeign):
			return fmt.Errorf("no such service: %w", ErrNotFound)
		case errors.Is(err, sqlite.ErrUnique):
			return fmt.Errorf("%s runs already: %w", r.Instance, ErrConflict)
		case err != nil:
			return err
		}
		_, err = tx.ExecContext(ctx, trimRuns, r.Service, KeptRuns)
		return err
	})
	return v, wrap(err, "store a run of %s", r.Service)
}

// MarkRun stores why a running run is asked to end, before it is.
func (s *Store) MarkRun(ctx context.Context, id int64, ending string) error {
	return wrap(changed(s.w.ExecContext(ctx, markRun, ending, id)), "mark run %d", id)
}

// FinishRun ends a running run (ID, State, EndedAt, Attempts, Code, Signal and Reason are read). One that has ended
// before is ErrNotFound.
func (s *Store) FinishRun(ctx context.Context, r Run) (Run, error) {
	if !r.Ended() {
		return r, fmt.Errorf("finish run %d: %s is not a final state", r.ID, r.State)
	}
	var v Run
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		v, err = one(ctx, tx, scanRun, finishRun, r.State, micros(r.EndedAt), r.Attempts, r.Code, r.Signal, r.Reason, r.ID)
		return err
	})
	return v, wrap(err, "finish run %d", r.ID)
}

// Run returns one run, or ErrNotFound.
func (s *Store) Run(ctx context.Context, id int64) (Run, error) {
	v, err := one(ctx, s.r, scanRun, selectRun, id)
	return v, wrap(err, "run %d", id)
}

// Runs lists the last n runs of a service, the newest first; n ≤ 0 is all that are kept.
func (s *Store) Runs(ctx context.Context, service string, n int) ([]Run, error) {
	v, err := query(ctx, s.r, scanRun, listRuns, service, limit(n))
	return v, wrap(err, "list runs of %s", service)
}

// OpenRuns lists the runs that have not ended.
func (s *Store) OpenRuns(ctx context.Context) ([]Run, error) {
	v, err := query(ctx, s.r, scanRun, openRuns)
	return v, wrap(err, "list open runs")
}

// LastRuns is the last run of every release of every service that was not skipped.
func (s *Store) LastRuns(ctx context.Context) ([]Run, error) {
	v, err := query(ctx, s.r, scanRun, lastRuns)
	return v, wrap(err, "list last runs")
}

// LastDues is for every service the last time of its schedule that was acted upon.
func (s *Store) LastDues(ctx context.Context) (map[string]time.Time, error) {
	type due struct {
		service string
		at      int64
	}
	all, err := query(ctx, s.r, func(r row) (d due, err error) {
		err = r.Scan(&d.service, &d.at)
		return d, err
	}, lastDues)
	dues := make(map[string]time.Time, len(all))
	for _, d := range all {
		dues[d.service] = timeOf(d.at)
	}
	return dues, wrap(err, "list last times of schedules")
}

func scanRun(r row) (Run, error) {
	var v Run
	var due, started, ended int64
	err := r.Scan(&v.ID, &v.Service, &v.Release, &v.Instance, &v.Trigger, &v.State, &v.Machine, &v.Ending, &due, &started, &ended,
		&v.Attempts, &v.Code, &v.Signal, &v.Reason)
	v.DueAt, v.StartedAt, v.EndedAt = timeOf(due), timeOf(started), timeOf(ended)
	return v, err
}
