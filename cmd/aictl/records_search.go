package main

import (
	"context"
	"fmt"

	"aictl/api"
)

// searchRecords is a page as full as can be: a search that looks into bodies goes on until it has found enough or come to the
// end, and on a terminal tells how far it is.
func (a *app) searchRecords(ctx context.Context, client *api.Client, q api.RecordsQuery) (api.RecordList, error) {
	all, err := client.Records(ctx, q)
	for wanted := q.Limit; err == nil && all.UpTo != nil && len(all.Records) < wanted; {
		a.searchProgress(all)
		q.Cursor, q.Limit = all.Next, wanted-len(all.Records)
		var more api.RecordList
		if more, err = client.Records(ctx, q); err != nil {
			break
		}
		more.Records = append(all.Records, more.Records...)
		more.Scanned += all.Scanned
		more.Warnings = append(all.Warnings, more.Warnings...)
		all = more
	}
	if a.err.tty && all.Scanned > 0 {
		fmt.Fprint(a.err, "\r\033[K")
	}
	return all, err
}

func (a *app) searchProgress(so api.RecordList) {
	if a.err.tty {
		fmt.Fprintf(a.err, "\r\033[K%s", a.t("looked into %d records, back to %s; found %d", so.Scanned, so.UpTo.Local().Format("2006-01-02 15:04:05"), len(so.Records)))
	}
}
