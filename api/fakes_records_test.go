package api

import (
	"context"
	"fmt"
	"slices"

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
func (r recordReader) Stats(_ context.Context, f records.Filter) (records.Stats, error) {
	s := records.Stats{ByService: map[string]int64{}}
	for _, x := range r.backend.records {
		if !x.StartedAt.Before(f.Since) && x.StartedAt.Before(f.Until) {
			s.Count++
			s.ByService[x.Service]++
			s.RequestBytes += x.Request.Size
			s.ResponseBytes += x.Response.Size
		}
	}
	return s, r.fault["stats"]
}
func (b *backend) Ledger() records.Ledger {
	return records.Ledger{Accepted: 5, Recorded: 3, InFlight: 1, Dropped: map[string]int64{"queue_full": 1}}
}
func (b *backend) Ledgers() map[string]records.Ledger {
	return map[string]records.Ledger{"ocr": b.Ledger()}
}
