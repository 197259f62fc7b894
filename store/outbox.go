package store

import (
	"context"
	"time"
)

// Progress is how far the telling of a report is.
type Progress string

// The progress of a report.
const (
	ReportWaiting Progress = "waiting" // for its first or next try
	ReportTold    Progress = "told"
	ReportGivenUp Progress = "given_up"
)

// Report is what a forge is to be told about a commit.
type Report struct {
	ID          int64
	Address     string // of the Gitea, without a trailing slash
	Repository  string // owner/repo
	Commit      string // full SHA
	Context     string // aictl/<service>
	Deploy      int64  // that it tells of
	State       string // pending, success, failure, error
	Description string
	TargetURL   string
	Version     int64 // of what is to be told
	Progress    Progress
	Tries       int       // of this version
	Error       string    // of the last try; "" when it went well, or there was none
	NextAt      time.Time // no try before it
	CreatedAt   time.Time // of this version
	UpdatedAt   time.Time
}

const (
	reportColumns = `id, address, repository, commit_sha, context, deploy, state, description, target_url, version, progress, tries, error, next_at, created_at, updated_at`
	// The newest state wins: an older deploy says no more about a commit of which a newer one has told, and what is told already is not told again.
	putReport = `INSERT INTO reports (address, repository, commit_sha, context, deploy, state, description, target_url, next_at, created_at, updated_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9)
  ON CONFLICT (address, repository, commit_sha, context) DO UPDATE SET deploy = ?5, state = ?6, description = ?7, target_url = ?8,
  version = version + 1, progress = 'waiting', tries = 0, error = '', next_at = ?9, created_at = ?9, updated_at = ?9
  WHERE deploy < ?5 OR deploy = ?5 AND (state <> ?6 OR description <> ?7)`
	dueReports   = `SELECT ` + reportColumns + ` FROM reports WHERE progress = 'waiting' AND next_at <= ? ORDER BY next_at, id LIMIT ?`
	nextReport   = `SELECT ifnull(min(next_at), 0) FROM reports WHERE progress = 'waiting'`
	reportOf     = `SELECT ` + reportColumns + ` FROM reports WHERE deploy = ? ORDER BY id DESC LIMIT 1`
	openReports  = `SELECT ` + reportColumns + ` FROM reports WHERE progress <> 'told' ORDER BY id DESC LIMIT ?`
	tellReport   = `UPDATE reports SET progress = 'told', tries = tries + 1, error = '', updated_at = ? WHERE id = ? AND version = ?`
	failReport   = `UPDATE reports SET progress = ?, tries = tries + 1, error = ?, next_at = ?, updated_at = ? WHERE id = ? AND version = ?`
	hurryReports = `UPDATE reports SET next_at = ?1 WHERE progress = 'waiting' AND address = ?2 AND next_at > ?1`
	pruneReports = `DELETE FROM reports WHERE progress <> 'waiting' AND updated_at < ?`
)

// PutReport has a forge told of a commit (fields up to TargetURL), instead of what it was to be told before. ok is false when a newer deploy has told
// of the commit already, or this one the same.
func (s *Store) PutReport(ctx context.Context, r Report) (ok bool, err error) {
	res, err := s.w.ExecContext(ctx, putReport, r.Address, r.Repository, r.Commit, r.Context, r.Deploy, r.State, r.Description, r.TargetURL, micros(s.stamp()))
	if err != nil {
		return false, wrap(err, "store the report of deploy %d", r.Deploy)
	}
	n, err := res.RowsAffected()
	return n > 0, wrap(err, "store the report of deploy %d", r.Deploy)
}

// DueReports lists at most n reports whose time has come, the longest waiting first.
func (s *Store) DueReports(ctx context.Context, now time.Time, n int) ([]Report, error) {
	v, err := query(ctx, s.r, scanReport, dueReports, micros(now), limit(n))
	return v, wrap(err, "list due reports")
}

// NextReport is when the next report is due; ok is false when none waits.
func (s *Store) NextReport(ctx context.Context) (at time.Time, ok bool, err error) {
	us, err := one(ctx, s.r, func(r row) (us int64, err error) { return us, r.Scan(&us) }, nextReport)
	return timeOf(us), us != 0, wrap(err, "find the next report")
}

// ReportOf returns what is or was told of a deploy, or ErrNotFound: nothing, or a newer deploy of the same commit has its place.
func (s *Store) ReportOf(ctx context.Context, deploy int64) (Report, error) {
	v, err := one(ctx, s.r, scanReport, reportOf, deploy)
	return v, wrap(err, "report of deploy %d", deploy)
}

// OpenReports lists at most n reports that are not told, the newest first.
func (s *Store) OpenReports(ctx context.Context, n int) ([]Report, error) {
	v, err := query(ctx, s.r, scanReport, openReports, limit(n))
	return v, wrap(err, "list open reports")
}

// ReportDone stores that a report was told; one that has changed meanwhile still waits.
func (s *Store) ReportDone(ctx context.Context, r Report) error {
	_, err := s.w.ExecContext(ctx, tellReport, micros(s.stamp()), r.ID, r.Version)
	return wrap(err, "store that the report of deploy %d was told", r.Deploy)
}

// ReportFailed stores why a report was not told, and when to try again; a zero next gives it up. One that has changed meanwhile is left as it is.
func (s *Store) ReportFailed(ctx context.Context, r Report, why string, next time.Time) error {
	progress := ReportWaiting
	if next.IsZero() {
		progress, next = ReportGivenUp, s.stamp()
	}
	_, err := s.w.ExecContext(ctx, failReport, progress, why, micros(next), micros(s.stamp()), r.ID, r.Version)
	return wrap(err, "store why the report of deploy %d was not told", r.Deploy)
}

// HurryReports makes the reports that wait for a Gitea due now, because it answers again.
func (s *Store) HurryReports(ctx context.Context, address string) error {
	_, err := s.w.ExecContext(ctx, hurryReports, micros(s.stamp()), address)
	return wrap(err, "hurry the reports for %s", address)
}

// PruneReports forgets reports that do not wait and have not changed since a time.
func (s *Store) PruneReports(ctx context.Context, before time.Time) error {
	_, err := s.w.ExecContext(ctx, pruneReports, micros(before))
	return wrap(err, "forget old reports")
}

func scanReport(r row) (Report, error) {
	var v Report
	var next, created, updated int64
	err := r.Scan(&v.ID, &v.Address, &v.Repository, &v.Commit, &v.Context, &v.Deploy, &v.State, &v.Description, &v.TargetURL, &v.Version,
		&v.Progress, &v.Tries, &v.Error, &next, &created, &updated)
	v.NextAt, v.CreatedAt, v.UpdatedAt = timeOf(next), timeOf(created), timeOf(updated)
	return v, err
}
