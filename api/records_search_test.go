package api

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

func TestSelection(t *testing.T) {
	for name, tc := range map[string]struct {
		in   RecordsInput
		want records.Filter
		bad  string
	}{
		"all":              {},
		"whole path":       {in: RecordsInput{Path: "/predict"}, want: records.Filter{PathGlob: "/predict"}},
		"prefix":           {in: RecordsInput{Path: "/v1/*"}, want: records.Filter{PathPrefix: "/v1/"}},
		"glob":             {in: RecordsInput{Path: "/a?c*d"}, want: records.Filter{PathGlob: "/a?c*d"}},
		"suffix":           {in: RecordsInput{Path: "*.png"}, want: records.Filter{PathGlob: "*.png"}},
		"status":           {in: RecordsInput{Status: "404"}, want: records.Filter{StatusMin: 404, StatusMax: 404}},
		"class":            {in: RecordsInput{Status: "5xx"}, want: records.Filter{StatusMin: 500, StatusMax: 599}},
		"error":            {in: RecordsInput{Status: "error"}, want: records.Filter{Failed: true}},
		"none":             {in: RecordsInput{Status: "none"}, want: records.Filter{Unanswered: true}},
		"tags":             {in: RecordsInput{Tag: []string{"a=b=c", "d"}}, want: records.Filter{Tags: map[string]string{"a": "b=c", "d": ""}}},
		"sources":          {in: RecordsInput{Source: []string{"gateway", "replay"}}, want: records.Filter{Sources: []records.Source{"", "replay"}}},
		"durations":        {in: RecordsInput{MinDuration: "1ms", MaxDuration: "2s"}, want: records.Filter{MinDuration: time.Millisecond, MaxDuration: 2 * time.Second}},
		"hash":             {in: RecordsInput{BodyHash: "AB"}, want: records.Filter{BodyHash: "ab"}},
		"teapot":           {in: RecordsInput{Status: "teapot"}, bad: "query.status"},
		"tag without name": {in: RecordsInput{Tag: []string{"=x"}}, bad: "query.tag"},
		"no source":        {in: RecordsInput{Source: []string{"x"}}, bad: "query.source"},
		"negative":         {in: RecordsInput{MaxDuration: "-1s"}, bad: "query.max_duration"},
		"turned round":     {in: RecordsInput{MinDuration: "2s", MaxDuration: "1s"}, bad: "query.max_duration"},
		"until first":      {in: RecordsInput{Since: testNow, Until: testNow}, bad: "query.until"},
	} {
		got, err := tc.in.selection()
		if tc.bad != "" {
			var p *Error
			if !errors.As(err, &p) || len(p.Errors) == 0 || p.Errors[0].Path != tc.bad {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestPageHasWarnings: a list over a damaged day file says so.
func TestPageHasWarnings(t *testing.T) {
	b := newBackend()
	b.warnings = []string{"day file 2026-11-20.db cannot be read"}
	if w := ask(newServer(t, b).Handler(true), "GET", "/api/v1/records", ""); !strings.Contains(w.Body.String(), `"warnings":["day file 2026-11-20.db cannot`) {
		t.Errorf("got %s", w.Body)
	}
}

func TestRecordStats(t *testing.T) {
	b := newBackend()
	var got RecordStats
	w := ask(newServer(t, b).Handler(true), "GET", "/api/v1/records/stats?by=service&status=error", "")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	days := []RecordDay{{"2026-11-21", 2, 8}, {"2026-11-23", 1, 5}}
	if got.Records != 3 || got.Bytes != 13 || got.Errors != 1 || got.Duration.P50 != 1.5 || !slices.Equal(got.Days, days) || got.Services["a"] != 2 ||
		got.Statuses[200] != 3 || got.Ends["complete"] != 3 || got.By != "service" || len(got.Groups) != 1 || got.Groups[0].Records != 2 || got.Ledger.Accepted != 5 {
		t.Errorf("got %+v", got)
	}
	if b.by != records.ByService || !b.filter.Failed {
		t.Errorf("asked for %q of %+v", b.by, b.filter)
	}
	if w = ask(newServer(t, b).Handler(true), "GET", "/api/v1/records/stats?by=colour", ""); w.Code != 422 {
		t.Errorf("by colour: %d %s", w.Code, w.Body)
	}
}
