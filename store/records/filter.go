package records

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"aictl/store/records/match"
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
	PathGlob   string // the whole path; * is any text and ? any one character
	StatusMin  int    // lowest, 0 for any
	StatusMax  int    // highest, 0 for any
	Failed     bool   // no answer, or a status of 400 and above
	Unanswered bool   // no answer was sent
	End        End
	Sources    []Source // who made the record; none is any
	User       string
	Model      string
	Tags       map[string]string // every one of them; "" is any value of that tag
	BodyHash   string            // SHA-256 of either body, 64 hex digits
	Labels     []LabelFilter     // every one of them
	Where      *match.Expr       // on the JSON of either body
	ScanLimit  int               // most records looked into for one page, for what rows do not tell; 0 for no bound

	MinDuration time.Duration
	MaxDuration time.Duration // 0 for any

	Since time.Time // the first StartedAt
	Until time.Time // not reached by StartedAt

	Limit       int    // page size; 0 means 100, at most 10,000
	Cursor      string // Next of the page before
	OldestFirst bool
}

const (
	defaultLimit = 100
	maxLimit     = 10000
)

// failed is what Filter.Failed means.
const failed = "(status >= 400 OR status = 0)"

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

// named compares a column of numbers with the text it stands for.
func (w *where) named(column, value string) {
	if value != "" {
		w.and(column+" = (SELECT n FROM names WHERE text = ?)", value)
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
	w.named("release", f.Release)
	w.named("instance", f.Instance)
	w.named("method", strings.ToUpper(f.Method))
	if f.PathPrefix != "" {
		w.and("path IN (SELECT n FROM names WHERE substr(text, 1, length(?)) = ?)", f.PathPrefix, f.PathPrefix)
	}
	if f.PathGlob != "" {
		w.and("path IN (SELECT n FROM names WHERE text GLOB ?)", sqlGlob.Replace(f.PathGlob))
	}
	w.named(`"end"`, string(f.End))
	w.named("user", f.User)
	w.named("model", f.Model)
	f.status(w)
	f.durations(w)
	f.origin(w)
	for _, l := range f.Labels {
		text, args := l.clause()
		w.and(text, args...)
	}
	f.times(w)
	return w
}

// sqlGlob keeps a bracket from opening a class, which paths' globs do not have.
var sqlGlob = strings.NewReplacer("[", "[[]")

func (f Filter) durations(w *where) {
	if f.MinDuration > 0 {
		w.and("duration >= ?", f.MinDuration.Microseconds())
	}
	if f.MaxDuration > 0 {
		w.and("duration <= ?", f.MaxDuration.Microseconds())
	}
}

// origin is the condition on who made a record.
func (f Filter) origin(w *where) {
	if len(f.Sources) == 0 {
		return
	}
	args := make([]any, len(f.Sources))
	for i, s := range f.Sources {
		args[i] = string(s)
	}
	w.and("source IN (SELECT n FROM names WHERE text IN (?"+strings.Repeat(", ?", len(args)-1)+"))", args...)
}

// decodeSum reads a SHA-256; what is none equals no body's.
func decodeSum(text string) []byte {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		return []byte{}
	}
	return sum
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
func (w *where) only(services []int64) {
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
	if f.Unanswered {
		w.and("status = 0")
	}
	if f.Failed {
		w.and(failed)
	}
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
