package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

// custodian finds one bad record, and notes what it was asked.
type custodian struct {
	since, until time.Time
	erased       records.Filter
	today        bool
}

func (c *custodian) Verify(_ context.Context, since, until time.Time) (records.Verdict, error) {
	c.since, c.until = since, until
	return records.Verdict{Days: []records.DayVerdict{
		{Day: "2026-11-20", Records: 3, Sealed: 3, Head: [32]byte{0xab}},
		{Day: "2026-11-21", Records: 1, Bad: &records.Bad{Seq: 2, ID: "0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31", Reason: "its row is missing"}},
	}}, nil
}

func (c *custodian) Seals(context.Context) ([]records.Seal, error) {
	return []records.Seal{{Day: "2026-11-20", Count: 3, Head: [32]byte{0xab}, SealedAt: testNow}}, nil
}

func (c *custodian) Seal(_ context.Context, _ time.Time, today bool) ([]records.Seal, error) {
	c.today = today
	return nil, nil
}

func (c *custodian) Erase(_ context.Context, f records.Filter) (records.Erased, error) {
	c.erased = f
	return records.Erased{Records: 7, Bodies: 2, Warnings: []string{"one day is set aside"}}, nil
}

func TestCustody(t *testing.T) {
	s := newServer(t, newBackend())
	c := &custodian{}
	s.deps.Custody = c
	bearer := []string{"Authorization", "Bearer " + testToken}
	for _, tc := range []struct {
		method, target string
		status         int
		contains       string
	}{
		{"GET", "/api/v1/records/verify?since=2026-11-20T00:00:00Z", 200, `"bad":{"seq":2,"id":"0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31","reason":"its row is missing"}`},
		{"GET", "/api/v1/records/verify?since=x", 422, `"path":"query.since"`},
		{"GET", "/api/v1/records/seals", 200, `"head":"ab00`},
		{"POST", "/api/v1/records/seal", 200, `"count":3`},
		{"DELETE", "/api/v1/records", 422, `nothing is selected`},
		{"DELETE", "/api/v1/records?session=", 422, `nothing is selected`},
		{"DELETE", "/api/v1/records?user=ann", 200, `"erased":7,"bodies":2,"warnings":["one day is set aside"]`},
		{"DELETE", "/api/v1/records?all=true", 200, `"erased":7`},
		{"DELETE", "/api/v1/records?usr=ann", 422, `"path":"query.usr"`},
	} {
		w := ask(s.Handler(false), tc.method, tc.target, "", bearer...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.contains) {
			t.Errorf("%s %s: %d %s, want %d with %s", tc.method, tc.target, w.Code, w.Body, tc.status, tc.contains)
		}
	}
	if c.since.Day() != 20 || !c.today || c.erased.User != "" {
		t.Errorf("the archive was asked %+v", c)
	}
	if w := ask(s.Handler(false), http.MethodDelete, "/api/v1/records?user=ann", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", w.Code)
	}
}
