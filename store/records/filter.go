package records

import (
	"strings"
	"time"
)

// Filter selects records; empty fields select all.
type Filter struct {
	Services   []string // names or globs (*, ?, [a-z])
	Release    string
	Instance   string
	Session    string
	TraceID    string
	Method     string
	PathPrefix string
	StatusMin  int // lowest, 0 for any
	StatusMax  int // highest, 0 for any
	End        End
	Since      time.Time // the first StartedAt
	Until      time.Time // not reached by StartedAt

	Limit       int    // page size; 0 means 100, at most 10,000
	Cursor      string // Next of the page before
	OldestFirst bool
}

const (
	defaultLimit = 100
	maxLimit     = 10000
)

func (f Filter) limit() int {
	if f.Limit <= 0 {
		return defaultLimit
	}
	return min(f.Limit, maxLimit)
}

// covers reports whether a day can hold records of the filter's time.
func (f Filter) covers(d day) bool {
	return (f.Since.IsZero() || d >= dayOf(f.Since)) && (f.Until.IsZero() || d <= dayOf(f.Until))
}

// where builds a condition from constant fragments.
type where struct {
	text []string
	args []any
}

func (w *where) and(fragment string, args ...any) {
	w.text = append(w.text, fragment)
	w.args = append(w.args, args...)
}

func (w *where) equal(fragment, value string) {
	if value != "" {
		w.and(fragment, value)
	}
}

func (w *where) String() string {
	if len(w.text) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.text, " AND ")
}

// where holds everything but services, trace and session, which lookup.go adds.
func (f Filter) where() *where {
	w := &where{}
	w.equal("release = ?", f.Release)
	w.equal("instance = ?", f.Instance)
	w.equal("method = ?", strings.ToUpper(f.Method))
	if f.PathPrefix != "" {
		w.and("substr(path, 1, length(?)) = ?", f.PathPrefix, f.PathPrefix)
	}
	w.equal(`"end" = ?`, string(f.End))
	f.status(w)
	f.times(w)
	return w
}

// matching is the condition that a name is one of the services wanted.
func (f Filter) matching(column string) (text string, args []any) {
	var or []string
	for _, s := range f.Services {
		if strings.ContainsAny(s, "*?[") {
			or = append(or, column+" GLOB ?")
		} else {
			or = append(or, column+" = ?")
		}
		args = append(args, s)
	}
	return "(" + strings.Join(or, " OR ") + ")", args
}

// only is the condition on the services found on a day. One is searched by its index; for several the plus keeps
// SQLite from sorting all of theirs instead of reading the newest first.
func (w *where) only(services []string) {
	switch len(services) {
	case 0:
		w.and("FALSE")
	case 1:
		w.and("service = ?", services[0])
	default:
		args := make([]any, len(services))
		for i, s := range services {
			args[i] = s
		}
		w.and("+service IN (?"+strings.Repeat(", ?", len(services)-1)+")", args...)
	}
}

func (f Filter) status(w *where) {
	if f.StatusMin > 0 {
		w.and("status >= ?", f.StatusMin)
	}
	if f.StatusMin >= 400 {
		w.and("status >= 400") // the words of the index on errors, which a parameter would not match
	}
	if f.StatusMax > 0 {
		w.and("status <= ?", f.StatusMax)
	}
}

// times bounds StartedAt, and the ids loosely, so that the search begins near the right place.
func (f Filter) times(w *where) {
	if !f.Since.IsZero() {
		id := idAt(f.Since.Add(-idSlack))
		w.and("started_at >= ? AND id >= ?", f.Since.UnixMicro(), id[:])
	}
	if !f.Until.IsZero() {
		id := idAt(f.Until.Add(idSlack))
		w.and("started_at < ? AND id < ?", f.Until.UnixMicro(), id[:])
	}
}
