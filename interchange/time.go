package interchange

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is a moment that is read from RFC 3339 text or from seconds since 1970, and written as RFC 3339 in UTC.
// It is kept in microseconds.
type Time struct{ time.Time }

// lastSecond is the end of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// UnmarshalJSON reads a time.
func (t *Time) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" || text == `""` {
		return nil
	}
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSuffix(inner, `"`))
		if err != nil {
			return fmt.Errorf("the time %.60s is neither RFC 3339, such as 2026-11-21T08:30:00.123Z, nor seconds since 1970", text)
		}
		t.Time = at.UTC().Truncate(time.Microsecond)
		return nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > lastSecond {
		return fmt.Errorf("the time %.60s is not seconds since 1970", text)
	}
	whole, part := math.Modf(seconds)
	t.Time = time.Unix(int64(whole), 0).Add(time.Duration(math.Round(part*1e6)) * time.Microsecond).UTC()
	return nil
}

// MarshalJSON writes RFC 3339 with microseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") + `"`), nil
}
