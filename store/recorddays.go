package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// RecordSeal says what the hash chain of a day's records was after so many of them.
type RecordSeal struct {
	Day      string // 2026-11-21
	Count    int64
	Head     [32]byte
	SealedAt time.Time
}

// RecordDay is what was taken from a day's records on purpose: how many were erased on somebody's request, how many removed by
// retention, and since when the whole day is gone (zero when it is not).
type RecordDay struct {
	Day     string
	Erased  int64
	Removed int64
	GoneAt  time.Time
}

const (
	selectSeals  = `SELECT day, count, head, sealed_at FROM record_seals ORDER BY day, count`
	insertSeal   = `INSERT INTO record_seals (day, count, head, sealed_at) VALUES (?, ?, ?, ?)`
	selectDays   = `SELECT day, erased, removed, gone_at FROM record_days ORDER BY day`
	addToDay     = `INSERT INTO record_days (day, erased, removed) VALUES (?, ?, ?) ON CONFLICT (day) DO UPDATE SET erased = erased + excluded.erased, removed = removed + excluded.removed`
	dayGone      = `INSERT INTO record_days (day, gone_at) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET gone_at = excluded.gone_at`
	forgetCounts = `UPDATE record_days SET erased = 0, removed = 0 WHERE day = ?`
	forgetSeals  = `DELETE FROM record_seals WHERE day = ?`
)

// RecordSeals returns all seals, by day and count.
func (s *Store) RecordSeals(ctx context.Context) ([]RecordSeal, error) {
	seals, err := query(ctx, s.r, scanSeal, selectSeals)
	return seals, wrap(err, "seals of records")
}

func scanSeal(r row) (seal RecordSeal, err error) {
	var head []byte
	var at int64
	if err := r.Scan(&seal.Day, &seal.Count, &head, &at); err != nil {
		return seal, err
	}
	if len(head) != len(seal.Head) {
		return seal, fmt.Errorf("%w: the seal of %s has a head of %d bytes", ErrCorrupt, seal.Day, len(head))
	}
	copy(seal.Head[:], head)
	seal.SealedAt = time.UnixMicro(at).UTC()
	return seal, nil
}

// AddRecordSeal keeps a seal. One of the same day and count is there already is ErrUnique.
func (s *Store) AddRecordSeal(ctx context.Context, seal RecordSeal) error {
	return wrap(s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, insertSeal, seal.Day, seal.Count, seal.Head[:], seal.SealedAt.UnixMicro())
		return err
	}), "seal the records of %s", seal.Day)
}

// RecordDays returns the days from which something was taken.
func (s *Store) RecordDays(ctx context.Context) ([]RecordDay, error) {
	days, err := query(ctx, s.r, func(r row) (d RecordDay, err error) {
		var gone int64
		err = r.Scan(&d.Day, &d.Erased, &d.Removed, &gone)
		if gone != 0 {
			d.GoneAt = time.UnixMicro(gone).UTC()
		}
		return d, err
	}, selectDays)
	return days, wrap(err, "days of records")
}

// TakeRecords notes that so many of a day's records are about to be erased or removed.
func (s *Store) TakeRecords(ctx context.Context, day string, erased, removed int64) error {
	return wrap(s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, addToDay, day, erased, removed)
		return err
	}), "note what is taken from the records of %s", day)
}

// TakeRecordDay notes that a day's file is about to be removed: its seals go, for a record that comes late begins the day anew.
func (s *Store) TakeRecordDay(ctx context.Context, day string, at time.Time) error {
	return wrap(s.write(ctx, func(tx *sql.Tx) error {
		for _, c := range []struct {
			text string
			args []any
		}{{forgetSeals, []any{day}}, {forgetCounts, []any{day}}, {dayGone, []any{day, at.UnixMicro()}}} {
			if _, err := tx.ExecContext(ctx, c.text, c.args...); err != nil {
				return err
			}
		}
		return nil
	}), "note that the records of %s are removed", day)
}
