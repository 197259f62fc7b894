package records

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Stats sums up the records a filter selects. Sizes are of every byte that passed, kept or not.
type Stats struct {
	Count         int64
	ByService     map[string]int64
	ByStatus      map[int]int64
	ByEnd         map[End]int64
	RequestBytes  int64
	ResponseBytes int64
	First, Last   time.Time // StartedAt
	Duration      Percentiles
	FirstByte     Percentiles // of those that got an answer
	Warnings      []string
}

const statColumns = `(SELECT text FROM names WHERE n = service), status, (SELECT text FROM names WHERE n = "end"), started_at, first_byte, duration, req_size, resp_size`

// Stats reads every record the filter selects; Limit, Cursor and order do not matter.
func (a *Archive) Stats(ctx context.Context, f Filter) (Stats, error) {
	s := Stats{ByService: map[string]int64{}, ByStatus: map[int]int64{}, ByEnd: map[End]int64{}}
	var durations, firsts histogram
	var err error
	s.Warnings, err = a.eachDay(ctx, f, func(d day, db *sql.DB) error {
		on, err := a.search(ctx, f, d, db)
		if err != nil {
			return err
		}
		w := on.where
		return eachRow(ctx, db, "SELECT "+statColumns+" FROM exchanges"+w.String(), w.args, func(rows *sql.Rows) error {
			return s.add(rows, &durations, &firsts)
		})
	})
	if err != nil {
		return Stats{}, fmt.Errorf("sum up records: %w", err)
	}
	s.Duration, s.FirstByte = durations.percentiles(), firsts.percentiles()
	return s, nil
}

func (s *Stats) add(rows *sql.Rows, durations, firsts *histogram) error {
	var service string
	var end End
	var status int
	var started, first, duration, in, out int64
	if err := rows.Scan(&service, &status, &end, &started, &first, &duration, &in, &out); err != nil {
		return err
	}
	s.Count++
	s.ByService[service]++
	s.ByStatus[status]++
	s.ByEnd[end]++
	s.RequestBytes += in
	s.ResponseBytes += out
	at := time.UnixMicro(started).UTC()
	if s.First.IsZero() || at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
	durations.add(duration)
	if first > 0 {
		firsts.add(first)
	}
	return nil
}
