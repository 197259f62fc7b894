package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

func TestSplitGlob(t *testing.T) {
	for _, c := range []struct{ glob, prefix, matches, not string }{
		{"", "", "/x", ""},
		{"/predict", "/predict", "/predict", "/predict/2"},
		{"/v1/*", "/v1/", "/v1/a/b", ""},
		{"*.png", "", "/a/b.png", "/a/b.png2"},
		{"/a?c", "/a", "/abc", "/abbc"},
		{"/a.b(*)", "/a.b(", "/a.b(x)", "/aXb(x)"},
		{"/[x]*y", "/[x]", "/[x]zy", "/x1y"},
	} {
		prefix, rest := splitGlob(c.glob)
		fits := func(path string) bool {
			return strings.HasPrefix(path, prefix) && (rest == nil || rest.MatchString(path))
		}
		if prefix != c.prefix || !fits(c.matches) || (c.not != "" && fits(c.not)) {
			t.Errorf("%q: prefix %q, rest %v", c.glob, prefix, rest)
		}
	}
}

func TestStatusRange(t *testing.T) {
	for text, want := range map[string][2]int{"": {}, "404": {404, 404}, "5xx": {500, 599}, "error": {400, 0}} {
		if low, high, err := statusRange(text); err != nil || low != want[0] || high != want[1] {
			t.Errorf("%q: %d %d %v", text, low, high, err)
		}
	}
	if _, _, err := statusRange("teapot"); err == nil {
		t.Error("teapot was taken")
	}
}

// TestPagesMissNothing: paging by a condition that the archive cannot search by shows each match once, whatever the limit.
func TestPagesMissNothing(t *testing.T) {
	b := newBackend()
	b.records = nil
	var want []string
	for i := 199; i >= 0; i-- {
		x := records.Exchange{ID: fmt.Sprintf("%04d", i), StartedAt: testNow.Add(time.Duration(i) * time.Hour)}
		if i%7 == 0 {
			x.Duration = 3 * time.Second
			want = append(want, x.ID)
		}
		b.records = append(b.records, x)
	}
	h := newServer(t, b).Handler(true)
	for _, limit := range []int{1, 3, 10, 29, 1000} {
		var got []string
		for cursor := ""; ; {
			w := ask(h, "GET", fmt.Sprintf("/api/v1/records?min_duration=2s&limit=%d&cursor=%s", limit, cursor), "")
			var page RecordList
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			if len(page.Records) > limit {
				t.Fatalf("limit %d: a page of %d", limit, len(page.Records))
			}
			for _, r := range page.Records {
				got = append(got, r.ID)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: got %q", limit, got)
		}
	}
}

func TestRecordStatsCountsDays(t *testing.T) {
	b := newBackend()
	b.records = []records.Exchange{ // newest first
		{ID: "3", Service: "b", StartedAt: testNow.AddDate(0, 0, 2), Request: records.Message{Size: 5}},
		{ID: "2", Service: "a", StartedAt: testNow.Add(time.Minute), Response: records.Message{Size: 7}},
		{ID: "1", Service: "a", StartedAt: testNow, Request: records.Message{Size: 1}},
	}
	var got RecordStats
	w := ask(newServer(t, b).Handler(true), "GET", "/api/v1/records/stats", "")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	days := []RecordDay{{"2026-11-21", 2, 8}, {"2026-11-23", 1, 5}}
	if got.Records != 3 || got.Bytes != 13 || !slices.Equal(got.Days, days) || got.Services["a"] != 2 || got.Ledger.Accepted != 5 {
		t.Errorf("got %+v", got)
	}
	b.records = nil
	if w = ask(newServer(t, b).Handler(true), "GET", "/api/v1/records/stats", ""); !strings.Contains(w.Body.String(), `"days":[]`) {
		t.Errorf("nothing recorded: %s", w.Body)
	}
}
