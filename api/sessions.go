package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aictl/store/records"
)

// Bounds of a list of sessions.
const (
	sessionPage  = 5000 // records read at once
	maxOfSession = 20   // services, users and models told of one
)

// gathering bounds what is gone through to list sessions.
type gathering struct {
	sessions int // held in memory
	records  int
}

var usualGathering = gathering{sessions: 100000, records: 2000000}

// gather sums up the sessions of the records that a filter selects, newest records first, as far as the bounds
// go. warnings tell where they were met.
func (g gathering) gather(ctx context.Context, archive Records, f records.Filter) (found []*RecordSession, warnings []string, err error) {
	byID := map[string]*RecordSession{}
	full := false
	f.Limit, f.Cursor, f.OldestFirst = sessionPage, "", false
	for gathered := 0; ; {
		page, err := archive.List(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		if f.Cursor == "" {
			warnings = page.Warnings
		}
		for i := range page.Records {
			x := &page.Records[i]
			s := byID[x.Session]
			switch {
			case x.Session == "":
				continue
			case s == nil && len(byID) == g.sessions:
				full = true
				continue
			case s == nil:
				s = &RecordSession{ID: x.Session, Last: x.StartedAt, First: x.StartedAt, Services: []string{}, Users: []string{}, Models: []string{}}
				byID[x.Session] = s
				found = append(found, s)
			}
			s.add(x)
		}
		if gathered += len(page.Records); page.Next == "" {
			break
		}
		if f.Cursor = page.Next; gathered >= g.records {
			last := page.Records[len(page.Records)-1].StartedAt
			warnings = append(warnings, fmt.Sprintf("only the newest %d records were gone through, back to %s: narrow the search with until", gathered, last.Format("2006-01-02 15:04:05 MST")))
			break
		}
	}
	if full {
		warnings = append(warnings, fmt.Sprintf("there are more than %d sessions: narrow the search with since and until", g.sessions))
	}
	slices.SortStableFunc(found, afterSession)
	return found, warnings, nil
}

func (s *RecordSession) add(x *records.Exchange) {
	s.Records++
	if x.Status == 0 || x.Status >= 400 {
		s.Errors++
	}
	if x.StartedAt.Before(s.First) {
		s.First = x.StartedAt
	}
	if x.StartedAt.After(s.Last) {
		s.Last = x.StartedAt
	}
	for _, told := range []struct {
		list *[]string
		name string
	}{{&s.Services, x.Service}, {&s.Users, x.User}, {&s.Models, x.Model}} {
		if told.name != "" && len(*told.list) < maxOfSession && !slices.Contains(*told.list, told.name) {
			*told.list = append(*told.list, told.name)
		}
	}
}

// afterSession is the order of the list: the latest first, and by id where that is the same.
func afterSession(a, b *RecordSession) int {
	return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID))
}

// pageOfSessions cuts a page out of a sorted list. A session that goes on meanwhile moves to the front, and is not on a
// later page again.
func pageOfSessions(found []*RecordSession, after string, limit int) (page []RecordSession, next string, err error) {
	begin := 0
	if after != "" {
		place, err := parseSessionCursor(after)
		if err != nil {
			return nil, "", err
		}
		begin, _ = slices.BinarySearchFunc(found, place, func(s, place *RecordSession) int {
			if afterSession(s, place) <= 0 {
				return -1
			}
			return 1
		})
	}
	page = []RecordSession{}
	for _, s := range found[begin:min(begin+limit, len(found))] {
		page = append(page, *s)
	}
	if begin+limit < len(found) {
		next = sessionCursor(found[begin+limit-1])
	}
	return page, next, nil
}

func sessionCursor(s *RecordSession) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(s.Last.UnixMicro(), 10) + " " + s.ID))
}

func parseSessionCursor(text string) (*RecordSession, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, id, ok := strings.Cut(string(raw), " ")
	micros, numberErr := strconv.ParseInt(at, 10, 64)
	if err != nil || numberErr != nil || !ok {
		return nil, invalid("query.cursor", "want the next of the page before")
	}
	return &RecordSession{ID: id, Last: microTime(micros)}, nil
}
