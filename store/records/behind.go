package records

import (
	"context"
	"database/sql"
	"fmt"
)

// Behind counts the records that come after a position, by day. Every day that has a file is in the answer; records that were
// removed since they were committed are counted, too.
func (a *Archive) Behind(ctx context.Context, from Position) (map[string]int64, error) {
	latest, err := a.Latest(ctx)
	if err != nil {
		return nil, err
	}
	behind := map[string]int64{}
	for d, end := range latest {
		seq := from[d]
		if seq > end { // the day was removed and begun anew
			seq = 0
		}
		behind[d] = end - seq
	}
	return behind, nil
}

// Latest is the position after the last record of every day. A day whose file cannot be read is left out.
func (a *Archive) Latest(ctx context.Context) (Position, error) {
	all, _, err := days(a.dir)
	if err != nil {
		return nil, fmt.Errorf("find the end of the records: %w", err)
	}
	at := Position{}
	for _, d := range all {
		err := a.readers.with(ctx, d, func(db *sql.DB) error {
			end, err := a.endOf(ctx, d, db)
			at[d.String()] = end
			return err
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			delete(at, d.String())
			if a.ends.tell(d) {
				a.log.Warn("day file of records cannot be followed", "day", d.String(), "err", err)
			}
		}
	}
	return at, nil
}
