package records

import (
	"context"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aictl/store/internal/sqlite"
)

// Query is a SELECT over the views records and labels, which docs/finding.md describes.
type Query struct {
	Text  string
	Since time.Time // only records from here
	Until time.Time // and before this
	Rows  int       // most rows; 0 means 1,000, at most 100,000
}

// QueryResult is what a query gave. Values are int64, float64, string, nil, and of a BLOB its base64.
type QueryResult struct {
	Columns   []string
	Rows      [][]any
	Truncated bool     // there were more rows, or more bytes, than may be
	Days      []string // that were read
	Warnings  []string
}

// Bounds of a query.
const (
	MaxQueryRows  = 100_000
	maxQueryBytes = 32 << 20
	maxQueries    = 2 // at a time
	// MaxQueryDays is how many days of records a query reads.
	MaxQueryDays = sqlite.MaxAttached
)

// ErrBadQuery is of a statement that is not taken: not one SELECT, or one with a fault.
var ErrBadQuery = sqlite.ErrGuest

// SQL runs a query on connections that can only read, until ctx ends. Without Since it reads the latest days.
func (a *Archive) SQL(ctx context.Context, q Query) (QueryResult, error) {
	r, err := a.runSQL(ctx, q)
	if err != nil {
		return QueryResult{}, fmt.Errorf("query records: %w", err)
	}
	return r, nil
}

func (a *Archive) runSQL(ctx context.Context, q Query) (r QueryResult, err error) {
	text := strings.TrimRight(q.Text, "; \t\r\n")
	if text == "" {
		return r, fmt.Errorf("%w: it is empty: write one such as SELECT service, count(*) FROM records GROUP BY service", ErrBadQuery)
	}
	select {
	case a.queries <- struct{}{}:
		defer func() { <-a.queries }()
	case <-ctx.Done():
		return r, ctx.Err()
	}
	list, err := a.daysOf(&q, &r)
	if err != nil {
		return r, err
	}
	files := make([]string, len(list))
	for i, d := range list {
		files[i] = d.file(a.dir)
		r.Days = append(r.Days, d.String())
	}
	guest, err := sqlite.OpenGuest(files, views(list, q), map[string]any{"record_part": a.recordPart(ctx)})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, guest.Close()) }()
	return r, a.collect(ctx, guest, text, q, &r)
}

// daysOf are the days that a query reads, oldest first. Those that cannot be read become warnings.
func (a *Archive) daysOf(q *Query, r *QueryResult) ([]day, error) {
	all, aside, err := days(a.dir)
	if err != nil {
		return nil, err
	}
	f := Filter{Since: q.Since, Until: q.Until}
	for _, name := range aside {
		if d, ok := asideDay(name); ok && f.covers(d) {
			r.Warnings = append(r.Warnings, "day file "+name+" is damaged and was set aside; its records are not read")
		}
	}
	all = slices.DeleteFunc(all, func(d day) bool { return !f.covers(d) })
	if len(all) <= MaxQueryDays {
		return all, nil
	}
	if !q.Since.IsZero() {
		return nil, fmt.Errorf("%w: %d days of records lie in that time, and a query reads at most %d: give since and until", ErrBadQuery, len(all), MaxQueryDays)
	}
	r.Warnings = append(r.Warnings, fmt.Sprintf("only the latest %d days are read; give since and until for others", MaxQueryDays))
	return all[len(all)-MaxQueryDays:], nil
}

// collect runs the query and keeps its rows within the bounds.
func (a *Archive) collect(ctx context.Context, guest *sqlite.Guest, text string, q Query, r *QueryResult) error {
	most, size := q.Rows, 0
	if most <= 0 {
		most = 1000
	}
	most = min(most, MaxQueryRows)
	r.Rows = [][]any{}
	return guest.Query(ctx, text, func(columns []string) { r.Columns = columns }, func(row []driver.Value) bool {
		if len(r.Rows) == most || size > maxQueryBytes {
			r.Truncated = true
			return false
		}
		out := make([]any, len(row))
		for i, v := range row {
			out[i] = plainValue(v)
			if s, ok := out[i].(string); ok {
				size += len(s)
			}
			size += 16
		}
		r.Rows = append(r.Rows, out)
		return true
	})
}

func plainValue(v driver.Value) any {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return v
}

// record_part gives what only a record's block has: number, of the day's file.
const (
	partSession      = "session"
	partTrace        = "trace_id"
	partQuery        = "query"
	partRemote       = "remote"
	partError        = "error"
	partTags         = "tags"
	partRequestBody  = "request_body"
	partResponseBody = "response_body"
)

func (a *Archive) recordPart(ctx context.Context) func(d, seq int64, part string) (any, error) {
	return func(d, seq int64, part string) (out any, err error) {
		rec, err := a.recordAt(ctx, day(d), seq)
		if err != nil {
			return nil, err
		}
		switch part {
		case partSession:
			return orNull(rec.texts[textSession]), nil
		case partTrace:
			return orNull(rec.traceID()), nil
		case partQuery:
			return orNull(rec.texts[textQuery]), nil
		case partRemote:
			return orNull(rec.texts[textRemote]), nil
		case partError:
			return orNull(rec.texts[textError]), nil
		case partTags:
			return tagsText(rec.texts[textTags])
		case partRequestBody:
			return bodyText(a.sideDocs(rec, request).Plain), nil
		case partResponseBody:
			return bodyText(a.sideDocs(rec, response).Plain), nil
		}
		return nil, nil
	}
}

// tagsText are a record's tags as JSON.
func tagsText(stored string) (any, error) {
	tags := decodeTags(stored)
	if len(tags) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(tags)
	return string(text), err
}

// orNull is NULL for nothing.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// bodyText is a body as TEXT, so that SQL's JSON functions read it, or as a BLOB when it is none.
func bodyText(b []byte) any {
	switch {
	case len(b) == 0:
		return nil
	case utf8.Valid(b):
		return string(b)
	}
	return b
}
