package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"aictl/store/internal/sqlite"
)

// Page is one page of records, without headers and bodies. Next is "" after the last one. Warnings name day files
// that could not be read; the others are listed all the same.
type Page struct {
	Records  []Exchange
	Next     string
	Warnings []string
	// Scanned is how many records were looked into for what their rows do not tell. When that many were Filter.ScanLimit, the page
	// may not be full, and UpTo is the time that the search has come to.
	Scanned int64
	UpTo    time.Time
}

// List returns a page of the records a filter selects, newest first unless OldestFirst. A cursor that is not of
// such a list is ErrBadCursor. Of a record whose block is damaged only what its row says is listed.
func (a *Archive) List(ctx context.Context, f Filter) (Page, error) {
	page := Page{}
	s, err := a.selected(ctx, f)
	if err != nil {
		return page, fmt.Errorf("list records: %w", err)
	}
	page.Next, page.Warnings, page.Scanned, page.UpTo = s.next, s.warnings, s.scanned, s.upTo
	damaged, err := a.eachRef(ctx, s.refs, func(r ref, rec *record) error {
		if rec != nil {
			page.Records = append(page.Records, rec.listed())
			return nil
		}
		x, err := a.rowOnly(ctx, r)
		if err == nil {
			page.Records = append(page.Records, x)
		}
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list records: %w", err)
	}
	page.Warnings = append(page.Warnings, damaged...)
	return page, nil
}

// ref says where a record is.
type ref struct {
	day day
	id  uuid.UUID
	seq int64
}

// selection is a page of where records are.
type selection struct {
	refs     []ref
	next     string
	upTo     time.Time
	seen     ref   // the last one considered
	scanned  int64 // records looked into
	damaged  int
	spent    bool // there may be more
	warnings []string
}

// selected returns a page of what a filter selects, without reading any block but those of a lookup.
func (a *Archive) selected(ctx context.Context, f Filter) (s selection, err error) {
	after, err := f.after()
	if err != nil {
		return s, err
	}
	limit := f.limit()
	s.warnings, err = a.eachDay(ctx, f, func(d day, db *sql.DB) error {
		if len(s.refs) > limit || s.spent || (after != nil && d != after.day && (d < after.day) == f.OldestFirst) {
			return nil
		}
		on, err := a.lookedUp(ctx, f, d, db)
		if err == nil {
			err = a.firstPage(ctx, f, on, db, after.on(d), &s, limit+1)
		}
		return err
	})
	last := s.seen
	if len(s.refs) > limit {
		s.refs = s.refs[:limit]
		last, s.spent = s.refs[limit-1], true
	}
	if s.spent {
		s.next = cursor{day: last.day, id: last.id, oldestFirst: f.OldestFirst}.String()
		s.upTo = idTime(last.id)
	}
	if s.damaged > 0 {
		s.warnings = append(s.warnings, fmt.Sprintf("%d records are damaged and could not be looked into", s.damaged))
	}
	return s, err
}

func (f Filter) after() (*cursor, error) {
	if f.Cursor == "" {
		return nil, nil
	}
	c, err := parseCursor(f.Cursor)
	if err == nil && c.oldestFirst != f.OldestFirst {
		err = fmt.Errorf("%w: it is of a list in the other order", ErrBadCursor)
	}
	return &c, err
}

// on is the cursor on its own day, nil on others, which are before or after it as a whole.
func (c *cursor) on(d day) *cursor {
	if c == nil || c.day != d {
		return nil
	}
	return c
}

func (f Filter) query(w *where, after *cursor, limit int) (string, []any) {
	order, beyond := " ORDER BY id DESC", "id < ?"
	if f.OldestFirst {
		order, beyond = " ORDER BY id", "id > ?"
	}
	if after != nil {
		w.and(beyond, after.id[:])
	}
	return "SELECT id, seq FROM exchanges" + w.String() + order + " LIMIT ?", append(w.args, limit)
}

// eachRef visits records, those of one day under one hold of its file. A record that is gone meanwhile is passed over; one whose
// block is damaged comes as nil, and a warning tells of it.
func (a *Archive) eachRef(ctx context.Context, refs []ref, visit func(ref, *record) error) (warnings []string, err error) {
	for len(refs) > 0 && err == nil {
		d := refs[0].day
		n := slices.IndexFunc(refs, func(r ref) bool { return r.day != d })
		if n < 0 {
			n = len(refs)
		}
		damaged := 0
		var first error
		err = a.readers.with(ctx, d, func(db *sql.DB) error {
			for _, r := range refs[:n] {
				rec, err := a.pick(ctx, d, db, r.id[:], r.seq)
				if errors.Is(err, ErrCorrupt) {
					if first == nil {
						first = err
					}
					rec, err, damaged = nil, nil, damaged+1
				}
				if err != nil {
					return err
				}
				if rec != nil && rec.state == stateRemoved {
					continue
				}
				if err := visit(r, rec); err != nil {
					return err
				}
			}
			return nil
		})
		if first != nil {
			warnings = append(warnings, fmt.Sprintf("%d records of day file %s.db cannot be read whole: %v", damaged, d, first))
		}
		refs = refs[n:]
	}
	return warnings, err
}

const selectRow = `SELECT (SELECT text FROM names WHERE n = service), (SELECT text FROM names WHERE n = release), (SELECT text FROM names WHERE n = instance),
  (SELECT text FROM names WHERE n = method), (SELECT text FROM names WHERE n = path), (SELECT text FROM names WHERE n = model), (SELECT text FROM names WHERE n = user),
  (SELECT text FROM names WHERE n = source), (SELECT text FROM names WHERE n = "end"), status, started_at, first_byte, duration, req_size, resp_size, flags
  FROM exchanges WHERE id = ?`

// rowOnly reads what the row of a record says of it.
func (a *Archive) rowOnly(ctx context.Context, r ref) (x Exchange, err error) {
	x.ID = r.id.String()
	err = a.readers.with(ctx, r.day, func(db *sql.DB) error {
		return eachRow(ctx, db, selectRow, []any{r.id[:]}, func(rows *sql.Rows) error {
			var started, first, duration, flags int64
			err := rows.Scan(&x.Service, &x.Release, &x.Instance, &x.Method, &x.Path, &x.Model, &x.User, &x.Source, &x.End, &x.Status,
				&started, &first, &duration, &x.Request.Size, &x.Response.Size, &flags)
			x.StartedAt, x.FirstByte, x.Duration = time.UnixMicro(started).UTC(), micros(first), micros(duration)
			x.Cached = flags&rowCached != 0
			x.Request.Truncated, x.Request.Omitted = flags&rowReqTruncated != 0, flags&rowReqOmitted != 0
			x.Response.Truncated, x.Response.Omitted = flags&rowRespTruncated != 0, flags&rowRespOmitted != 0
			return err
		})
	})
	return x, err
}

// eachDay visits the day files a filter's time covers, in its order. A file that cannot be read becomes a warning.
func (a *Archive) eachDay(ctx context.Context, f Filter, visit func(day, *sql.DB) error) (warnings []string, err error) {
	all, aside, err := days(a.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range aside {
		if d, ok := asideDay(name); ok && f.covers(d) {
			warnings = append(warnings, "day file "+name+" is damaged and was set aside; its records are not listed")
		}
	}
	if !f.OldestFirst {
		slices.Reverse(all)
	}
	for _, d := range all {
		if !f.covers(d) {
			continue
		}
		err := a.readers.with(ctx, d, func(db *sql.DB) error { return visit(d, db) })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, ErrClosed) {
			return nil, err
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("day file %s.db cannot be read: %v", d, err))
		}
	}
	return warnings, nil
}

func eachRow(ctx context.Context, db *sql.DB, text string, args []any, visit func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return sqlite.Explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return sqlite.Explain(rows.Err())
}
