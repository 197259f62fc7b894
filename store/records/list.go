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
}

// List returns a page of the records a filter selects, newest first unless OldestFirst. A cursor that is not of
// such a list is ErrBadCursor.
func (a *Archive) List(ctx context.Context, f Filter) (Page, error) {
	var page Page
	after, err := f.after()
	if err != nil {
		return page, fmt.Errorf("list records: %w", err)
	}
	limit := f.limit()
	page.Warnings, err = a.eachDay(ctx, f, func(d day, db *sql.DB) error {
		if len(page.Records) > limit || (after != nil && d != after.day && (d < after.day) == f.OldestFirst) {
			return nil
		}
		w, err := f.whereIn(ctx, db)
		if err != nil {
			return err
		}
		text, args := f.query(w, d, after, limit+1-len(page.Records))
		return eachRow(ctx, db, text, args, func(rows *sql.Rows) error {
			x, err := scanListed(rows)
			if err == nil {
				page.Records = append(page.Records, x)
			}
			return err
		})
	})
	if len(page.Records) > limit {
		page.Records = page.Records[:limit]
		page.Next, err = nextAfter(page.Records[limit-1], f.OldestFirst)
	}
	if err != nil {
		return Page{}, fmt.Errorf("list records: %w", err)
	}
	return page, nil
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

func nextAfter(last Exchange, oldestFirst bool) (string, error) {
	id, err := uuid.Parse(last.ID)
	return cursor{day: dayOf(last.StartedAt), id: id, oldestFirst: oldestFirst}.String(), err
}

func (f Filter) query(w *where, d day, after *cursor, limit int) (string, []any) {
	order, beyond := " ORDER BY id DESC", "id < ?"
	if f.OldestFirst {
		order, beyond = " ORDER BY id", "id > ?"
	}
	if after != nil && after.day == d {
		w.and(beyond, after.id[:])
	}
	return "SELECT " + listColumns + " FROM exchanges" + w.String() + order + " LIMIT ?", append(w.args, limit)
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

func scanListed(rows *sql.Rows) (Exchange, error) {
	var x Exchange
	err := scanExchange(rows, &x, &sides{})
	return x, err
}

// sides is what a row says of its messages beyond Message itself.
type sides struct {
	reqFlags, respFlags   int64
	reqHeader, respHeader string
	reqBody, respBody     []byte
}

func scanExchange(rows *sql.Rows, x *Exchange, s *sides, more ...any) error {
	var id, reqSum, respSum []byte
	var session sql.NullString
	var trace any
	var started, first, duration int64
	into := append([]any{&id, &x.Service, &x.Release, &x.Instance, &session, &trace, &x.Method, &x.Path, &x.Query, &x.Remote,
		&x.Status, &started, &first, &duration, &x.End, &x.Error,
		&x.Request.Size, &reqSum, &s.reqFlags, &x.Response.Size, &respSum, &s.respFlags}, more...)
	if err := rows.Scan(into...); err != nil {
		return err
	}
	key, err := uuid.FromBytes(id)
	if err != nil || len(reqSum) != 32 || len(respSum) != 32 {
		return fmt.Errorf("%w: a row whose id or digests have the wrong length", ErrCorrupt)
	}
	x.ID, x.Session, x.TraceID = key.String(), session.String, decodeTrace(trace)
	x.StartedAt, x.FirstByte, x.Duration = time.UnixMicro(started).UTC(), micros(first), micros(duration)
	copy(x.Request.SHA256[:], reqSum)
	copy(x.Response.SHA256[:], respSum)
	setFlags(&x.Request, s.reqFlags)
	setFlags(&x.Response, s.respFlags)
	return nil
}

func setFlags(m *Message, flags int64) {
	m.Truncated, m.Omitted = flags&flagTruncated != 0, flags&flagOmitted != 0
}
