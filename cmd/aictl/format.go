package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// humanSize shows bytes in binary units with three significant digits: 512 B, 1.5 KiB, 12.3 MiB.
func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		value /= 1024
		if value < 1023.5 || unit == "PiB" {
			if value < 99.95 {
				return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + " " + unit
			}
			return strconv.FormatFloat(value, 'f', 0, 64) + " " + unit
		}
	}
	return ""
}

// shortDuration shows a span with at most two units: 12s, 3m20s, 5h12m, 4d3h.
func shortDuration(d time.Duration) string {
	d = max(d, 0)
	pair := func(a time.Duration, unitA string, b time.Duration, unitB string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, unitA)
		}
		return fmt.Sprintf("%d%s%d%s", a, unitA, b, unitB)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return pair(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	case d < day:
		return pair(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	default:
		return pair(d/day, "d", d%day/time.Hour, "h")
	}
}

// latency shows a request's or a step's time: 0.4ms, 12ms, 1.24s, 2m5s.
func latency(d time.Duration) string {
	switch {
	case d < 0:
		return "0ms"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + "ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	default:
		return shortDuration(d)
	}
}

// ago shows when something happened relative to now: "just now", "20s ago", "3h ago".
func (a *app) ago(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := now.Sub(at)
	switch {
	case d < time.Second:
		return a.t("just now")
	case d < time.Minute:
		return a.t("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return a.t("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return a.t("%dh ago", int(d.Hours()))
	case d < 60*24*time.Hour:
		return a.t("%dd ago", int(d.Hours()/24))
	}
	return at.Local().Format(time.DateOnly)
}

// shortCommit is the first eight digits of a commit.
func shortCommit(sha string) string {
	if len(sha) > 8 {
		return sha[:8]
	}
	return sha
}

// orDash stands in for an empty cell.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// parseSince reads a point in time: a span back from now ("10m", "2h", "3d") or a time ("15:04", "2006-01-02",
// "2006-01-02 15:04:05", RFC 3339).
func parseSince(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d.Abs()), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	local := now.Location()
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, local); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", time.TimeOnly} {
		if t, err := time.ParseInLocation(layout, text, local); err == nil {
			y, m, d := now.Date()
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, local), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: use a span such as 10m, 2h or 3d, or a time such as %q", text, "2006-01-02 15:04")
}
