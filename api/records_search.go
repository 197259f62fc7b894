package api

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aictl/store/records"
)

// scanLimit bounds how many records one page looks at for the conditions that the archive cannot search by.
const scanLimit = 20000

// recordSelection is a checked recordsInput: what the archive searches by, and what is looked at afterwards.
type recordSelection struct {
	filter      records.Filter // its Limit is the page's
	path        *regexp.Regexp // nil is any
	minDuration time.Duration
}

// selection checks what the schema cannot.
func (in *recordsInput) selection() (recordSelection, error) {
	sel := recordSelection{filter: records.Filter{
		Services: in.Service, Release: in.Release, Instance: in.Instance, Session: in.Session, TraceID: in.TraceID,
		Method: in.Method, End: records.End(in.End), Since: in.Since, Until: in.Until, Limit: in.Limit, Cursor: in.Cursor,
	}}
	if in.MinDuration != "" {
		d, err := time.ParseDuration(in.MinDuration)
		if err != nil || d < 0 {
			return sel, invalid("query.min_duration", "want a duration such as 250ms or 2s")
		}
		sel.minDuration = d
	}
	if !in.Since.IsZero() && !in.Until.IsZero() && !in.Since.Before(in.Until) {
		return sel, invalid("query.until", "must be after since")
	}
	var err error
	if sel.filter.StatusMin, sel.filter.StatusMax, err = statusRange(in.Status); err != nil {
		return sel, err
	}
	sel.filter.PathPrefix, sel.path = splitGlob(in.Path)
	return sel, nil
}

// statusRange reads "500", "5xx" or "error"; 0 is no bound.
func statusRange(text string) (lowest, highest int, err error) {
	switch {
	case text == "":
		return 0, 0, nil
	case text == "error":
		return 400, 0, nil
	}
	digit, class := strings.CutSuffix(text, "xx")
	n, err := strconv.Atoi(digit)
	if err != nil {
		return 0, 0, invalid("query.status", "want a status (500), a class (5xx), or error")
	}
	if class {
		return n * 100, n*100 + 99, nil
	}
	return n, n, nil
}

// splitGlob returns the beginning that every path of a glob has, and what tells the rest; nil when that is anything.
func splitGlob(glob string) (prefix string, rest *regexp.Regexp) {
	if glob == "" {
		return "", nil
	}
	at := strings.IndexAny(glob, "*?")
	if at < 0 {
		at = len(glob)
	}
	if prefix = glob[:at]; glob[at:] == "*" {
		return prefix, nil
	}
	pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(glob))
	return prefix, regexp.MustCompile("(?s)^" + pattern + "$")
}

func (sel recordSelection) wants(x records.Exchange) bool {
	return x.Duration >= sel.minDuration && (sel.path == nil || sel.path.MatchString(x.Path))
}

// list returns a page. When the archive cannot search by everything, it reads on until the page is at least half full; it
// never asks for more records than still fit, so that the cursor is right after the last one it has looked at.
func (sel recordSelection) list(ctx context.Context, archive Records) (out []records.Exchange, next string, err error) {
	f := sel.filter
	for scanned := 0; ; {
		f.Limit = sel.filter.Limit - len(out)
		page, err := archive.List(ctx, f)
		if err != nil {
			return nil, "", err
		}
		for _, x := range page.Records {
			if sel.wants(x) {
				out = append(out, x)
			}
		}
		scanned += len(page.Records)
		f.Cursor = page.Next
		if page.Next == "" || 2*len(out) >= sel.filter.Limit || scanned >= scanLimit {
			return out, page.Next, nil
		}
	}
}

// countRecords sums up the archive day by day, from its first record to its last.
func countRecords(ctx context.Context, archive Records) (RecordStats, error) {
	out := RecordStats{Days: []RecordDay{}, Services: map[string]int64{}, Warnings: []string{}}
	first, last, ok, err := span(ctx, archive)
	if err != nil || !ok {
		return out, err
	}
	for day := first.UTC().Truncate(24 * time.Hour); !day.After(last); day = day.AddDate(0, 0, 1) {
		s, err := archive.Stats(ctx, records.Filter{Since: day, Until: day.AddDate(0, 0, 1)})
		if err != nil {
			return out, err
		}
		out.Warnings = append(out.Warnings, s.Warnings...)
		if s.Count == 0 {
			continue
		}
		size := s.RequestBytes + s.ResponseBytes
		out.Days = append(out.Days, RecordDay{Day: day.Format(time.DateOnly), Records: s.Count, Bytes: size})
		out.Records += s.Count
		out.Bytes += size
		for name, n := range s.ByService {
			out.Services[name] += n
		}
	}
	return out, nil
}

// span returns when the first and the last record started; not ok when there is none.
func span(ctx context.Context, archive Records) (first, last time.Time, ok bool, err error) {
	oldest, err := archive.List(ctx, records.Filter{Limit: 1, OldestFirst: true})
	if err != nil || len(oldest.Records) == 0 {
		return first, last, false, err
	}
	newest, err := archive.List(ctx, records.Filter{Limit: 1})
	if err != nil || len(newest.Records) == 0 {
		return first, last, false, err
	}
	return oldest.Records[0].StartedAt, newest.Records[0].StartedAt, true, nil
}
