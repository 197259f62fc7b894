package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aictl/store"
	"aictl/store/records"
)

// logReader and recordReader carry the methods whose names other dependencies have too.
type logReader struct{ *backend }

func (l logReader) Read(ctx context.Context, sel LogSelection, fn func(LogLine) error) error {
	l.mu.Lock()
	l.backend.sel = sel
	l.mu.Unlock()
	if l.backend.logs != nil {
		return l.backend.logs(ctx, sel, fn)
	}
	return fn(LogLine{Time: testNow, Service: "ocr", Instance: "ocr/1", Stream: "stderr", Text: "<ready> 好"})
}

type recordReader struct{ *backend }

// List pages through the records newest first; a cursor is the id of the last one shown.
func (r recordReader) List(_ context.Context, f records.Filter) (records.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.backend.filter = f
	page := records.Page{Warnings: r.backend.warnings}
	list := slices.Clone(r.backend.records)
	if f.OldestFirst {
		slices.Reverse(list)
	}
	for _, x := range list {
		if f.Cursor != "" && x.ID >= f.Cursor {
			continue
		}
		if len(page.Records) == f.Limit {
			page.Next = page.Records[f.Limit-1].ID
			break
		}
		page.Records = append(page.Records, x)
	}
	return page, r.fault["records"]
}
func (r recordReader) Get(_ context.Context, id string) (records.Exchange, error) {
	for _, x := range r.backend.records {
		if x.ID == id {
			return x, nil
		}
	}
	return records.Exchange{}, fmt.Errorf("record %s: %w", id, store.ErrNotFound)
}
func (r recordReader) Stats(_ context.Context, f records.Filter, by records.GroupBy) (records.Stats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.backend.filter, r.backend.by = f, by
	s := records.Stats{
		Sum:       records.Sum{Count: 3, Failed: 1, RequestBytes: 6, ResponseBytes: 7, Duration: records.Percentiles{P50: 1500 * time.Microsecond}},
		ByService: map[string]int64{"a": 2, "b": 1}, ByStatus: map[int]int64{200: 3}, ByEnd: map[records.End]int64{"complete": 3},
		Days: []records.DaySum{{Day: "2026-11-21", Count: 2, Bytes: 8}, {Day: "2026-11-23", Count: 1, Bytes: 5}},
	}
	if by != "" {
		s.Groups = []records.Group{{Key: "a", Sum: records.Sum{Count: 2}}}
	}
	return s, r.fault["stats"]
}
func (b *backend) Ledger() records.Ledger {
	return records.Ledger{Accepted: 5, Recorded: 3, InFlight: 1, Dropped: map[string]int64{"queue_full": 1}}
}
func (b *backend) Ledgers() map[string]records.Ledger {
	return map[string]records.Ledger{"ocr": b.Ledger()}
}
