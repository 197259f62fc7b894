package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"
)

// FuzzQueries: whatever stands in a query, the answer is a document or a whole problem document below 500, and a
// list query that was taken is one that the schema allows.
func FuzzQueries(f *testing.F) {
	for _, q := range []string{
		"", "limit=1", "limit=-1", "limit=99999999999999999999", "cursor=5", "cursor=\x00", "status=5xx&since=2026-11-21T08:30:00Z",
		"status=[&end=complete", "min_duration=1s", "min_duration=-1s", "min_duration=NaN", "path=/a*b?c[(", "path=%FF*", "pattern=*&pattern=[", "service=a&service=",
		"service=a&grep=(?i)x&lines=-1", "grep=%28&service=%FF", "lines=1e3&service=a", "follow=maybe&service=a", "a=%zz", "&&&=",
	} {
		f.Add(q)
	}
	b := newBackend()
	h := newServer(f, b).Handler(true)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/api/v1/services", "/api/v1/deploys", "/api/v1/records", "/api/v1/logs"} {
			r := httptest.NewRequest("GET", path, nil)
			r.URL = &url.URL{Path: path, RawQuery: query}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			switch {
			case w.Code >= 500:
				t.Fatalf("%s?%q: %d %s", path, query, w.Code, w.Body)
			case w.Code >= 400:
				var p Error
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code == "" || p.Detail == "" {
					t.Fatalf("%s?%q: not a problem document: %s", path, query, w.Body)
				}
			case path == "/api/v1/records":
				q := b.filter
				if q.Limit < 1 || q.Limit > 1000 || q.StatusMin < 0 || q.StatusMin > 599 || len(q.Cursor) > 200 {
					t.Fatalf("%q was taken as %+v", query, q)
				}
			case path == "/api/v1/logs":
				if len(b.sel.Services) == 0 || b.sel.Lines < -1 {
					t.Fatalf("%q was taken as %+v", query, b.sel)
				}
			}
		}
	})
}
