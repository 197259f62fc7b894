package compare

import (
	"encoding/json"
	"strings"
	"time"
)

// nearNow is how far a clock's value may be from when its answer came.
const nearNow = 2 * time.Minute

// layouts are how services write times; fractions of a second are read with all of them. Those without a zone may be of any.
var layouts = []struct {
	text  string
	naive bool
}{
	{time.RFC3339, false}, {"2006-01-02T15:04:05Z0700", false}, {"2006-01-02 15:04:05Z07:00", false}, {"2006-01-02 15:04:05 -0700 MST", false},
	{time.RFC1123, false}, {time.RFC1123Z, false}, {time.UnixDate, true}, {time.ANSIC, true},
	{"2006-01-02T15:04:05", true}, {"2006-01-02 15:04:05", true}, {"2006/01/02 15:04:05", true}, {"20060102150405", true},
}

// tellsTime reports whether a value is the time at which its answer came, give or take: one that no two answers share.
func tellsTime(v any, at time.Time) bool {
	switch v := v.(type) {
	case json.Number:
		return epochNear(v, at)
	case string:
		if len(v) < len(time.DateOnly) || len(v) > 64 {
			return false
		}
		return writtenNear(strings.TrimSpace(v), at)
	}
	return false
}

// epochNear reads seconds, milli-, micro- and nanoseconds since 1970: at any time from 2001 to 2286 the size tells which.
func epochNear(n json.Number, at time.Time) bool {
	f, err := n.Float64()
	if err != nil || f < 1e9 {
		return false
	}
	for _, unit := range []float64{1, 1e3, 1e6, 1e9} {
		if s := f / unit; s < 1e10 {
			return within(s-float64(at.UnixNano())/1e9, nearNow.Seconds())
		}
	}
	return false
}

func within(x, most float64) bool { return x >= -most && x <= most }

func writtenNear(s string, at time.Time) bool {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		d := at.Sub(day.Add(12 * time.Hour))
		return d.Abs() < 27*time.Hour // today, anywhere on earth
	}
	for _, l := range layouts {
		t, err := time.Parse(l.text, s)
		if err != nil {
			continue
		}
		d := t.Sub(at)
		if l.naive && d.Abs() < 15*time.Hour {
			d -= d.Round(15 * time.Minute) // the zones' offsets are multiples of it
		}
		return d.Abs() <= nearNow
	}
	return false
}
