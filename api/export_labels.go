package api

import (
	"cmp"
	"context"
	"time"

	"aictl/store/records"
)

// labelledPage is how many labelled records are looked up at once.
const labelledPage = 1000

// labelled tells which records of an export have labels. Both go through the same records in the same order, so that
// one page of ids is held, and records without labels cost nothing.
type labelled struct {
	archive Records
	filter  records.Filter
	ids     []place
	more    bool
}

// place is where a record stands in the order of a list: by day, then by id.
type place struct {
	day int64
	id  string
}

func placeOf(x *records.Exchange) place {
	return place{x.StartedAt.UTC().Truncate(24 * time.Hour).Unix(), x.ID}
}

func newLabelled(archive Records, f records.Filter) (*labelled, error) {
	has, err := records.ParseLabelFilter("any")
	f.Labels = append([]records.LabelFilter{has}, f.Labels...)
	f.Limit, f.Cursor = labelledPage, ""
	return &labelled{archive: archive, filter: f, more: true}, err
}

// of returns the labels of the next record of the export.
func (l *labelled) of(ctx context.Context, x *records.Exchange) ([]records.Label, error) {
	at := placeOf(x)
	for {
		for len(l.ids) > 0 && l.before(l.ids[0], at) { // one that the export did not come by
			l.ids = l.ids[1:]
		}
		if len(l.ids) > 0 || !l.more {
			break
		}
		page, err := l.archive.List(ctx, l.filter)
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			l.ids = append(l.ids, placeOf(&page.Records[i]))
		}
		l.filter.Cursor, l.more = page.Next, page.Next != ""
	}
	if len(l.ids) == 0 || l.ids[0] != at {
		return nil, nil
	}
	current, _, err := l.archive.Labels(ctx, x.ID)
	return current, err
}

func (l *labelled) before(a, b place) bool {
	order := cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.id, b.id))
	return l.filter.OldestFirst && order < 0 || !l.filter.OldestFirst && order > 0
}
