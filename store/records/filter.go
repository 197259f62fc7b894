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

func (f Filter) where() *where {
	w := &where{}
	f.services(w)
	w.equal("release = ?", f.Release)
	w.equal("instance = ?", f.Instance)
	w.equal("session = ?", f.Session)
	if f.TraceID != "" {
		w.and("trace_id = ?", any(encodeTrace(strings.ToLower(f.TraceID))))
	}
	w.equal("method = ?", strings.ToUpper(f.Method))
	if f.PathPrefix != "" {
		w.and("substr(path, 1, length(?)) = ?", f.PathPrefix, f.PathPrefix)
	}
	w.equal(`"end" = ?`, string(f.End))
	f.status(w)
	f.times(w)
	return w
}

func (f Filter) services(w *where) {
	var or []string
	var args []any
	for _, s := range f.Services {
		if strings.ContainsAny(s, "*?[") {
			or = append(or, "service GLOB ?")
		} else {
			or = append(or, "service = ?")
		}
		args = append(args, s)
	}
	if len(or) > 0 {
		w.and("("+strings.Join(or, " OR ")+")", args...)
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
