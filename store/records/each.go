package records

import (
	"context"
	"errors"
	"fmt"
)

// eachPage is how many records Each lists at a time.
const eachPage = 500

// Each visits the records a filter selects, with headers and bodies, in the filter's order, as many as there are, or
// f.Limit when that is not 0. It holds one page of listed records and one whole record at a time, and no transaction
// between them, so records that come in meanwhile neither repeat nor skip any. A record that is removed meanwhile is
// passed over. It ends with the first error of visit.
func (a *Archive) Each(ctx context.Context, f Filter, visit func(*Exchange) error) (warnings []string, err error) {
	left := f.Limit
	for {
		f.Limit = eachPage
		if left > 0 {
			f.Limit = min(left, eachPage)
		}
		page, err := a.List(ctx, f)
		if err != nil {
			return warnings, err
		}
		if f.Cursor == "" {
			warnings = page.Warnings
		}
		for _, listed := range page.Records {
			x, err := a.Get(ctx, listed.ID)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err == nil {
				err = visit(&x)
			}
			if err != nil {
				return warnings, fmt.Errorf("visit record %s: %w", listed.ID, err)
			}
		}
		if left > 0 {
			if left -= len(page.Records); left <= 0 {
				return warnings, nil
			}
		}
		if page.Next == "" {
			return warnings, nil
		}
		f.Cursor = page.Next
	}
}
