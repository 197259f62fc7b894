package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "is empty",
		"   ":                       "is empty",
		"* * * *":                   "has 4 fields, not five",
		"* * * * * *":               "has 6 fields, not five",
		"60 * * * *":                "not understood",
		"* * * * 7":                 "Sunday is 0 or SUN",
		"5/ * * * *":                "not understood",
		"0 0 30 2 *":                "never comes",
		"@reboot":                   "is not one of @hourly",
		"@every":                    "is not one of @hourly",
		"@every soon":               "is not a duration",
		"@every 10ms":               "too often",
		"@every -5m":                "too often",
		"TZ=UTC 0 0 * * *":          "under timezone",
		"CRON_TZ=0":                 "under timezone",
		strings.Repeat("*", 10_000): "has 1 fields",
	} {
		if _, err := Parse(text, "", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if _, err := Parse("@daily", "Middle/Earth", ""); err == nil || !strings.Contains(err.Error(), "is no time zone") {
		t.Errorf("a time zone that is none: %v", err)
	}
}

// TestNext: times are in the zone of the schedule, first the one after which is asked.
func TestNext(t *testing.T) {
	for _, tc := range []struct {
		name, text, zone string
		times            []string
	}{
		{"steps", "*/20 * * * *", "UTC", []string{"2026-01-01T00:00:00Z", "2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z", "2026-01-01T01:00:00Z"}},
		{"between", "*/20 * * * *", "UTC", []string{"2026-01-01T00:00:00.5Z", "2026-01-01T00:20:00Z"}},
		{"names", "0 9 * JAN MON-FRI", "Asia/Shanghai", []string{"2026-01-30T09:00:00+08:00", "2027-01-01T09:00:00+08:00"}},
		{"daily", "@daily", "Asia/Shanghai", []string{"2026-06-01T12:00:00+08:00", "2026-06-02T00:00:00+08:00"}},
		{"leap day", "0 0 29 2 *", "UTC", []string{"2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
		{"day or weekday", "0 0 13 * FRI", "UTC", []string{"2026-02-12T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"}},

		// Berlin 2026: 2:00 → 3:00 on March 29, 3:00 → 2:00 on October 25.
		{"an hour left out: as soon as it is over", "30 2 * * *", "Europe/Berlin",
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"many in an hour left out: one run", "*/10 2 * * *", "Europe/Berlin",
			[]string{"2026-03-28T02:50:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
		{"left out and right after: one run", "0 2,3 * * *", "Europe/Berlin",
			[]string{"2026-03-28T03:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"}},
		{"an hour that comes twice: the first", "30 2 * * *", "Europe/Berlin",
			[]string{"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"asked in the second of the two", "*/30 2 * * *", "Europe/Berlin",
			[]string{"2026-10-25T02:10:00+01:00", "2026-10-26T02:00:00+01:00"}},
		{"every hour goes by the time that passes", "30 * * * *", "Europe/Berlin",
			[]string{"2026-10-25T01:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"}},
		{"every hour where one is left out", "30 * * * *", "Europe/Berlin",
			[]string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"}},
		// Clocks are changed at midnight there: 0:00 → 1:00.
		{"midnight left out", "@daily", "Africa/Cairo",
			[]string{"2026-04-23T00:00:00+02:00", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"}},
		// Half an hour, 2:00 → 2:30 on October 4.
		{"half an hour left out", "15 2 * * *", "Australia/Lord_Howe",
			[]string{"2026-10-03T02:15:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
	} {
		s, err := Parse(tc.text, tc.zone, "")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		at := moment(t, tc.times[0])
		for _, want := range tc.times[1:] {
			next := s.Next(at)
			if got := next.Format(time.RFC3339); got != want {
				t.Errorf("%s: after %s comes %s, want %s", tc.name, at.Format(time.RFC3339Nano), got, want)
				break
			}
			at = next
		}
	}
}

func TestIntervalsAreSpreadAndDoNotDependOnTheirBegin(t *testing.T) {
	now := moment(t, "2026-11-21T10:00:00Z")
	seen := map[time.Time]bool{}
	for _, key := range []string{"ocr", "asr", "tts"} {
		s, err := Parse("@every 10m", "UTC", key)
		if err != nil {
			t.Fatal(err)
		}
		first := s.Next(now)
		if d := first.Sub(now); d <= 0 || d > 10*time.Minute {
			t.Errorf("%s: first after %s", key, d)
		}
		if again := s.Next(first.Add(-time.Millisecond)); !again.Equal(first) {
			t.Errorf("%s: asked a moment before it comes %s, not %s", key, again, first)
		}
		if second := s.Next(first); second.Sub(first) != 10*time.Minute {
			t.Errorf("%s: the second after %s", key, second.Sub(first))
		}
		if early := s.Next(time.Unix(-1, 0)); early.Before(time.Unix(-1, 0).Add(1)) || early.After(time.Unix(600, 0)) {
			t.Errorf("%s: before the epoch comes %s", key, early)
		}
		seen[first] = true
	}
	if len(seen) != 3 {
		t.Errorf("not spread: %v", seen)
	}
	if !(Schedule{}).Next(now).IsZero() {
		t.Error("no schedule has a next run")
	}
}

func FuzzNextIsLater(f *testing.F) {
	f.Add("*/5 * * * *", "Europe/Berlin", int64(1774746000))
	f.Add("30 2 * * 0-6/2", "Africa/Cairo", int64(0))
	f.Add("@every 1h30m", "", int64(-5))
	f.Add("0 0 29 FEB *", "UTC", int64(4e9))
	f.Add("@yearly", "America/Sao_Paulo", int64(1e9))
	f.Fuzz(func(t *testing.T, text, zone string, unix int64) {
		s, err := Parse(text, zone, "x")
		if err != nil {
			return
		}
		if unix < -1e10 || unix > 1e10 {
			return
		}
		at := time.Unix(unix, 0)
		for range 3 {
			next := s.Next(at)
			if next.IsZero() {
				return // in a few years' time at the earliest
			}
			if !next.After(at) {
				t.Fatalf("%q in %q: after %s comes %s", text, zone, at, next)
			}
			at = next
		}
	})
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestTimesSurviveBeingStored: times are stored in microseconds. One read again must not come again.
func TestTimesSurviveBeingStored(t *testing.T) {
	for _, key := range []string{"nightly", "ocr", "a", "b", "c"} {
		s, err := Parse("@every 12s", "", key)
		if err != nil {
			t.Fatal(err)
		}
		due := s.Next(time.Date(2026, 11, 21, 7, 34, 36, 0, time.UTC))
		if again := s.Next(time.UnixMicro(due.UnixMicro())); !again.Equal(due.Add(12 * time.Second)) {
			t.Errorf("%s: after %s comes %s", key, due, again)
		}
	}
}
