package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"aictl/store/internal/sqlite"
)

const (
	insertLease = `INSERT INTO port_leases (port, owner, at) VALUES (?, ?, ?)`
	leaseHeld   = `SELECT count(*) FROM port_leases WHERE port = ? AND owner = ?`
	selectLease = `SELECT port, owner, at FROM port_leases WHERE owner = ?`
	listLeases  = `SELECT port, owner, at FROM port_leases ORDER BY port`
	deleteLease = `DELETE FROM port_leases WHERE port = ? AND owner = ?`
)

// Lease writes into the ledger that owner has port. A port somebody else has, or an owner with another port, is
// ErrConflict; saying again what is written already changes nothing.
func (s *Store) Lease(ctx context.Context, port int, owner string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var held int
		if err := tx.QueryRowContext(ctx, leaseHeld, port, owner).Scan(&held); err != nil || held > 0 {
			return err
		}
		_, err := tx.ExecContext(ctx, insertLease, port, owner, micros(s.stamp()))
		if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrUnique) {
			return fmt.Errorf("the port or the owner has a lease: %w", ErrConflict)
		}
		return err
	})
	return wrap(err, "lease port %d for %s", port, owner)
}

// Unlease strikes owner's lease of port; one that is not there is fine.
func (s *Store) Unlease(ctx context.Context, port int, owner string) error {
	_, err := s.w.ExecContext(ctx, deleteLease, port, owner)
	return wrap(err, "release port %d of %s", port, owner)
}

// LeaseOf returns the port that owner has; ok is false when it has none.
func (s *Store) LeaseOf(ctx context.Context, owner string) (port int, ok bool, err error) {
	v, err := one(ctx, s.r, scanLease, selectLease, owner)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	return v.Port, err == nil, wrap(err, "port lease of %s", owner)
}

// Leases returns the ledger as owner by port.
func (s *Store) Leases(ctx context.Context) (map[int]string, error) {
	leases, err := s.PortLeases(ctx)
	if err != nil {
		return nil, err
	}
	owners := make(map[int]string, len(leases))
	for _, l := range leases {
		owners[l.Port] = l.Owner
	}
	return owners, nil
}

// PortLeases lists the ledger by port.
func (s *Store) PortLeases(ctx context.Context) ([]PortLease, error) {
	v, err := query(ctx, s.r, scanLease, listLeases)
	return v, wrap(err, "list port leases")
}

func scanLease(r row) (PortLease, error) {
	var v PortLease
	var at int64
	err := r.Scan(&v.Port, &v.Owner, &at)
	v.At = timeOf(at)
	return v, err
}
