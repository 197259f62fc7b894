package records

import (
	"context"
	"fmt"
)

// eachPage is how many records Each lists at a time.
const eachPage = 500

// Each visits the records a filter selects, with headers and bodies, in the filter's order, as many as there are, or
// f.Limit when that is not 0. It holds the blocks used last and one whole record at a time, and no transaction
// between them, so records that come in meanwhile neither repeat nor skip any. A record that is removed meanwhile is
// passed over; one whose block is damaged becomes a warning. It ends with the first error of visit.
func (a *Archive) Each(ctx context.Context, f Filter, visit func(*Exchange) error) (warnings []string, err error) {
	left := f.Limit
	for {
		f.Limit = eachPage
		if left > 0 {
			f.Limit = min(left, eachPage)
		}
		s, err := a.selected(ctx, f)
		if err != nil {
			return warnings, fmt.Errorf("list records: %w", err)
		}
		if f.Cursor == "" {
			warnings = s.warnings
		}
		damaged, err := a.eachRef(ctx, s.refs, func(r ref, rec *record) error {
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
		warnings = append(warnings, damaged...)
		if err != nil {
			return warnings, err
		}
		if left > 0 {
			if left -= len(s.refs); left <= 0 {
				return warnings, nil
			}
		}
		if s.next == "" {
			return warnings, nil
		}
		f.Cursor = s.next
	}
}
