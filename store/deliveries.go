package store

import (
	"context"
	"errors"
	"time"
)

// DeliveryState is where a delivery is.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryReceived DeliveryState = "received"
	DeliveryDone     DeliveryState = "done"
	DeliveryFailed   DeliveryState = "failed"
)

// Delivery is a genuine message of a webhook.
type Delivery struct {
	ID         int64
	Forge      string // name of the connection whose secret signed it, or github, gitlab, gitea
	Delivery   string // the forge's own id of it; may be empty
	Digest     [32]byte
	Event      string
	Repository string // owner/repo
	RepoID     int64  // the forge's own; 0: unknown
	Ref        string
	Change     string // JSON of what happened; "" when nothing did that could deploy
	Repeated   bool   // the same body was delivered before
	State      DeliveryState
	Outcome    string // for people
	Tries      int
	ReceivedAt time.Time
	DoneAt     time.Time
}

const (
	deliveryColumns = `id, forge, delivery, digest, event, repository, repo_id, ref, change, repeated, state, outcome, tries, received_at, done_at`
	// One statement is one transaction: what is answered is stored, and what was stored before is not stored again.
	insertDelivery = `INSERT INTO deliveries (forge, delivery, digest, event, repository, repo_id, ref, change, repeated, state, received_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, EXISTS (SELECT 1 FROM deliveries WHERE digest = ?3), 'received', ?9
  WHERE ?2 = '' OR NOT EXISTS (SELECT 1 FROM deliveries WHERE delivery = ?2) RETURNING ` + deliveryColumns
	listDeliveries = `SELECT ` + deliveryColumns + ` FROM deliveries
  WHERE id < ?1 AND (?2 = '' OR lower(repository) = lower(?2)) ORDER BY id DESC LIMIT ?3`
	openDeliveries  = `SELECT ` + deliveryColumns + ` FROM deliveries WHERE state = 'received' ORDER BY id LIMIT ?`
	findDelivery    = `SELECT ` + deliveryColumns + ` FROM deliveries WHERE lower(repository) = lower(?) AND id > ? ORDER BY id LIMIT 1`
	finishDelivery  = `UPDATE deliveries SET state = ?, outcome = ?, done_at = ? WHERE id = ? AND state = 'received'`
	tryDelivery     = `UPDATE deliveries SET tries = tries + 1 WHERE id = ?`
	lastDelivery    = `SELECT ifnull(max(id), 0) FROM deliveries`
	namesOfRepo     = `SELECT DISTINCT repository FROM deliveries WHERE forge = ? AND repo_id = ? AND repo_id <> 0 ORDER BY repository LIMIT 20`
	pruneDeliveries = `DELETE FROM deliveries WHERE state <> 'received' AND (received_at < ?1 OR id <= (SELECT max(id) FROM deliveries) - ?2)`
)

// AddDelivery stores a delivery (its first fields up to Change are read) and returns it as stored. ok is false when one of its id is
// stored already: nothing is then.
func (s *Store) AddDelivery(ctx context.Context, d Delivery) (stored Delivery, ok bool, err error) {
	stored, err = one(ctx, s.w, scanDelivery, insertDelivery, d.Forge, d.Delivery, d.Digest[:], d.Event, d.Repository, d.RepoID, d.Ref, d.Change, micros(s.stamp()))
	if errors.Is(err, ErrNotFound) {
		return Delivery{}, false, nil
	}
	return stored, err == nil, wrap(err, "store a delivery of %s", d.Forge)
}

// Deliveries lists deliveries, newest first, of a repository or of all (""), from below the id before (0 starts at the newest);
// n <= 0 means all.
func (s *Store) Deliveries(ctx context.Context, repository string, before int64, n int) ([]Delivery, error) {
	if before <= 0 {
		before = 1 << 62
	}
	v, err := query(ctx, s.r, scanDelivery, listDeliveries, before, repository, limit(n))
	return v, wrap(err, "list deliveries")
}

// OpenDeliveries lists at most n deliveries that nothing was done about yet, oldest first.
func (s *Store) OpenDeliveries(ctx context.Context, n int) ([]Delivery, error) {
	v, err := query(ctx, s.r, scanDelivery, openDeliveries, limit(n))
	return v, wrap(err, "list open deliveries")
}

// LastDelivery is the id of the newest delivery, 0 for none.
func (s *Store) LastDelivery(ctx context.Context) (int64, error) {
	id, err := one(ctx, s.r, func(r row) (id int64, err error) { return id, r.Scan(&id) }, lastDelivery)
	return id, wrap(err, "find the last delivery")
}

// DeliveryAfter returns the first delivery of a repository after the one of an id, or ErrNotFound.
func (s *Store) DeliveryAfter(ctx context.Context, repository string, after int64) (Delivery, error) {
	d, err := one(ctx, s.r, scanDelivery, findDelivery, repository, after)
	return d, wrap(err, "delivery of %s", repository)
}

// TryDelivery counts that a delivery is being worked on.
func (s *Store) TryDelivery(ctx context.Context, id int64) error {
	return wrap(changed(s.w.ExecContext(ctx, tryDelivery, id)), "begin delivery %d", id)
}

// FinishDelivery stores what came of a delivery. One that has ended is ErrNotFound.
func (s *Store) FinishDelivery(ctx context.Context, id int64, state DeliveryState, outcome string) error {
	return wrap(changed(s.w.ExecContext(ctx, finishDelivery, state, outcome, micros(s.stamp()), id)), "finish delivery %d", id)
}

// RepositoryNames are the names that a repository had in its deliveries, by the forge's own id of it.
func (s *Store) RepositoryNames(ctx context.Context, forge string, repoID int64) ([]string, error) {
	v, err := query(ctx, s.r, func(r row) (name string, err error) { return name, r.Scan(&name) }, namesOfRepo, forge, repoID)
	return v, wrap(err, "names of repository %d of %s", repoID, forge)
}

// PruneDeliveries forgets deliveries that are done: those received before a time, and all but the last keep.
func (s *Store) PruneDeliveries(ctx context.Context, before time.Time, keep int) error {
	_, err := s.w.ExecContext(ctx, pruneDeliveries, micros(before), keep)
	return wrap(err, "forget old deliveries")
}

func scanDelivery(r row) (Delivery, error) {
	var d Delivery
	var digest []byte
	var received, done int64
	err := r.Scan(&d.ID, &d.Forge, &d.Delivery, &digest, &d.Event, &d.Repository, &d.RepoID, &d.Ref, &d.Change, &d.Repeated,
		&d.State, &d.Outcome, &d.Tries, &received, &done)
	copy(d.Digest[:], digest)
	d.ReceivedAt, d.DoneAt = timeOf(received), timeOf(done)
	return d, err
}
