package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// eachPage is how many records Each finds before it visits them.
const eachPage = 500

// Each visits the records a filter selects, with headers and bodies, in the filter's order, as many as there are, or
// f.Limit when that is not 0. It holds the blocks used last and one whole record at a time, and no transaction
// between them, so records that come in meanwhile neither repeat nor skip any. A record that is removed meanwhile is
// passed over; one whose block is damaged becomes a warning. It ends with the first error of visit.
func (a *Archive) Each(ctx context.Context, f Filter, visit func(*Exchange) error) (warnings []string, err error) {
	var damaged []string
	warnings, err = a.eachSelected(ctx, f, func(refs []ref) error {
		more, err := a.eachRef(ctx, refs, func(r ref, rec *record) error {
			if rec == nil {
				return nil
			}
			x, err := a.whole(rec)
			if err == nil {
				err = visit(&x)
			}
			if err != nil {
				return fmt.Errorf("visit record %s: %w", r.id, err)
			}
			return nil
		})
		damaged = append(damaged, more...)
		return err
	})
	return append(warnings, damaged...), err
}

// eachSelected visits where the records are that a filter selects, some at a time. What is looked up is looked up once a day.
func (a *Archive) eachSelected(ctx context.Context, f Filter, visit func([]ref) error) (warnings []string, err error) {
	after, err := f.after()
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	left, all := f.Limit, f.Limit <= 0
	f.ScanLimit = 0
	var fault error // of visit; others of a day become warnings
	warnings, err = a.eachDay(ctx, f, func(d day, db *sql.DB) error {
		if fault != nil || !all && left <= 0 || after != nil && d != after.day && (d < after.day) == f.OldestFirst {
			return nil
		}
		on, err := a.search(ctx, f, d, db)
		if err != nil {
			return err
		}
		for from := after.on(d); all || left > 0; {
			limit := eachPage
			if !all {
				limit = min(left, eachPage)
			}
			var found selection
			if err := a.page(ctx, f, on, db, from, &found, limit); err != nil {
				return err
			}
			left -= len(found.refs)
			if fault = visit(found.refs); fault != nil || len(found.refs) < limit {
				return nil
			}
			from = &cursor{day: d, id: found.seen.id, oldestFirst: f.OldestFirst}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("list records: %w", err)
	}
	return warnings, errors.Join(fault, err)
}
