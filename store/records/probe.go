package records

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"
)

// probeRows is how many rows are gone through for what is frequent, before a day's rollups are read for what is not; smaller in tests.
var probeRows = 50_000

// firstPage is page, for a search that is not narrowed: it is only when the next rows do not fill the page.
func (a *Archive) firstPage(ctx context.Context, f Filter, s *search, db *sql.DB, after *cursor, found *selection, limit int) error {
	if !f.narrowed() {
		return a.page(ctx, f, s, db, after, found, limit)
	}
	edge, err := s.edge(ctx, f, db, after)
	if err != nil {
		return err
	}
	if edge != nil {
		all, within := s.where, "id >= ?"
		if f.OldestFirst {
			within = "id <= ?"
		}
		s.where = all.copy()
		s.where.and(within, edge.id[:])
		err := a.page(ctx, f, s, db, after, found, limit)
		if s.where = all; err != nil || found.spent || len(found.refs) >= limit {
			return err
		}
		after = edge
		if err := a.narrow(ctx, f, s, db); err != nil {
			return err
		}
	}
	return a.page(ctx, f, s, db, after, found, limit)
}

// edge is the last of the next rows that are gone through first; nil when there are not so many.
func (s *search) edge(ctx context.Context, f Filter, db *sql.DB, after *cursor) (*cursor, error) {
	w, order := &where{}, " ORDER BY id DESC"
	beyond := "id < ?"
	if f.OldestFirst {
		order, beyond = " ORDER BY id", "id > ?"
	}
	if after != nil {
		w.and(beyond, after.id[:])
	}
	f.times(w)
	var id []byte
	err := db.QueryRowContext(ctx, "SELECT id FROM exchanges"+w.String()+order+" LIMIT 1 OFFSET ?", append(w.args, probeRows)...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	at := &cursor{day: s.day, oldestFirst: f.OldestFirst}
	at.id, err = uuid.FromBytes(id)
	return at, err
}
