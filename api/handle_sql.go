package api

import (
	"context"
	"net/http"
	"time"

	"aictl/store/records"
)

// RecordsSQL is a SELECT over the views records and labels.
type RecordsSQL struct {
	Query   string    `json:"query" minLength:"1" maxLength:"65536" example:"SELECT service, count(*) FROM records GROUP BY service"`
	Since   time.Time `json:"since,omitzero" doc:"Only records from this time on; without it the latest days are read"`
	Until   time.Time `json:"until,omitzero"`
	Rows    int       `json:"rows,omitempty" minimum:"1" maximum:"100000" doc:"Most rows; 1,000 when left out"`
	Seconds int       `json:"seconds,omitempty" minimum:"1" maximum:"300" doc:"How long it may take; 30 when left out"`
}

// RecordsTable is what a query gave.
type RecordsTable struct {
	SchemaVersion int      `json:"schemaVersion" enum:"1"`
	Columns       []string `json:"columns"`
	Rows          [][]any  `json:"rows" doc:"Numbers, texts and null; of a BLOB its base64"`
	Truncated     bool     `json:"truncated" doc:"There were more rows than may be"`
	Days          []string `json:"days" doc:"The days of records that were read"`
	Warnings      []string `json:"warnings"`
}

type recordsSQLInput struct{ Body RecordsSQL }

// sqlSeconds is how long a query may take that does not say.
const sqlSeconds = 30

func (s *Server) recordsSQL(ctx context.Context, in *recordsSQLInput) (RecordsTable, error) {
	q := in.Body
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return RecordsTable{}, invalid("body.until", "must be after since")
	}
	seconds := q.Seconds
	if seconds == 0 {
		seconds = sqlSeconds
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(seconds)*time.Second, context.DeadlineExceeded)
	defer cancel()
	r, err := s.deps.Records.SQL(ctx, records.Query{Text: q.Query, Since: q.Since, Until: q.Until, Rows: q.Rows})
	return RecordsTable{
		SchemaVersion: SchemaVersion, Columns: orEmpty(r.Columns), Rows: orEmpty(r.Rows), Truncated: r.Truncated, Days: orEmpty(r.Days), Warnings: orEmpty(r.Warnings),
	}, err
}

// RecordsSQL runs a query.
func (c *Client) RecordsSQL(ctx context.Context, query RecordsSQL) (out RecordsTable, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/records/sql", nil, query, &out)
}
