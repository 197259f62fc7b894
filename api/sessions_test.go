package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

// post stores records through the API.
func (r *recording) post(t *testing.T, lines ...string) {
	t.Helper()
	got := receiptOf(t, postBytes(r.handler, "/api/v1/records", []byte(strings.Join(lines, "\n")), "Content-Type", linesType, "Authorization", "Bearer "+testToken), http.StatusOK)
	if got.Accepted != len(lines) {
		t.Fatalf("%+v", got)
	}
}

func TestSessions(t *testing.T) {
	r := newRecording(t)
	start := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	var lines []string
	for i := range 60 {
		status := 200
		if i%10 == 0 {
			status = 500
		}
		lines = append(lines, fmt.Sprintf(`{"service":"%s","session":"s %d/x","user":"u%d","model":"m","status":%d,"started_at":%q,"request":{"body":"n %d"}}`,
			[]string{"ocr", "nlp"}[i%2], i%4, i%4, status, start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i))
	}
	r.post(t, append(lines, fmt.Sprintf(`{"service":"ocr","started_at":%q}`, start.Format(time.RFC3339)))...)
	c := client(t, Target{URL: newTestServer(t, r.handler), Token: testToken})

	var all []RecordSession
	q := SessionsQuery{Limit: 3}
	for pages := 0; ; pages++ {
		page, err := c.Sessions(t.Context(), q)
		if err != nil || len(page.Warnings) > 0 || pages > 2 {
			t.Fatal(page.Warnings, err)
		}
		all = append(all, page.Sessions...)
		if q.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if len(all) != 4 {
		t.Fatalf("%+v", all)
	}
	want := RecordSession{ID: "s 3/x", Records: 15, First: start.Add(3 * time.Second), Last: start.Add(59 * time.Second), Services: []string{"nlp"}, Users: []string{"u3"}, Models: []string{"m"}}
	if !reflect.DeepEqual(all[0], want) {
		t.Errorf("got  %+v\nwant %+v", all[0], want)
	}
	if all[1].ID != "s 2/x" || all[1].Errors != 3 || all[3].ID != "s 0/x" {
		t.Errorf("%+v", all)
	}
	page, err := c.Sessions(t.Context(), SessionsQuery{User: "u2"})
	if err != nil || len(page.Sessions) != 1 || page.Sessions[0].ID != "s 2/x" {
		t.Errorf("of a user: %+v %v", page, err)
	}
	if _, err := c.Sessions(t.Context(), SessionsQuery{Cursor: "zzz"}); err == nil || !strings.Contains(err.Error(), "query.cursor") {
		t.Errorf("a bad cursor: %v", err)
	}

	n := 0
	for x, err := range c.Session(t.Context(), "s 2/x", RecordsQuery{}, 3, false) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("n %d", 4*n+2); x.Request.Body != want[:3] || x.Request.Truncated != (len(want) > 3) || x.Session != "s 2/x" {
			t.Errorf("%d: %+v", n, x.Request)
		}
		n++
	}
	if n != 15 {
		t.Errorf("%d records of the session", n)
	}
}

// TestFollowSession: what comes later is told once, also what began before the last that was told.
func TestFollowSession(t *testing.T) {
	r := newRecording(t)
	start := time.Now().UTC().Add(-time.Minute)
	line := func(n int, at time.Time) string {
		return fmt.Sprintf(`{"service":"ocr","session":"s","started_at":%q,"path":"/%d"}`, at.Format(time.RFC3339Nano), n)
	}
	r.post(t, line(0, start))
	c := client(t, Target{URL: newTestServer(t, r.handler), Token: testToken})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var got []string
	for x, err := range c.Session(ctx, "s", RecordsQuery{}, 100, true) {
		if err != nil {
			t.Fatalf("%v after %v", err, got)
		}
		switch got = append(got, x.Path); len(got) {
		case 1:
			r.post(t, line(1, start.Add(time.Second)))
		case 2:
			r.post(t, line(2, start.Add(-time.Second)), strings.Replace(line(9, start), `"s"`, `"other"`, 1))
		}
		if len(got) == 3 {
			break
		}
	}
	if !reflect.DeepEqual(got, []string{"/0", "/1", "/2"}) {
		t.Errorf("told %v", got)
	}
}

// TestGatherSessionsIsBounded: more sessions than are held are told of, and the newest are listed.
func TestGatherSessionsIsBounded(t *testing.T) {
	found, warnings, err := gathering{sessions: 10, records: 12000}.gather(t.Context(), endless{}, records.Filter{})
	if err != nil || len(found) != 10 || len(warnings) != 2 || found[0].ID != "0" {
		t.Errorf("%d sessions, %q, %v", len(found), warnings, err)
	}
}

// endless is an archive in which every record has a session of its own.
type endless struct{ recordReader }

func (endless) List(_ context.Context, f records.Filter) (page records.Page, err error) {
	begin := 0
	if _, err := fmt.Sscan(f.Cursor, &begin); f.Cursor != "" && err != nil {
		return page, err
	}
	for i := begin; i < begin+f.Limit; i++ {
		page.Records = append(page.Records, records.Exchange{Session: fmt.Sprint(i), StartedAt: testNow.Add(-time.Duration(i) * time.Second)})
	}
	page.Next = fmt.Sprint(begin + f.Limit)
	return page, nil
}
