package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func queried(t testing.TB, a *Archive, text string) string {
	t.Helper()
	r, err := a.SQL(t.Context(), Query{Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var lines []string
	for _, row := range r.Rows {
		lines = append(lines, strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintln(row...), "\n", ""), " "))
	}
	return strings.Join(lines, "; ")
}

func TestSQL(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := searchable(60)
	xs[0].Status, xs[0].Error = 500, "broken"
	add(t, a, xs...)
	_, err := a.SetLabel(t.Context(), []string{xs[1].ID}, LabelEdit{Name: "main", Truth: ptr(json.RawMessage(`"spam"`)), Thumb: ptr("down"), By: "ann", At: noon})
	ok(t, err)
	for query, want := range map[string]string{
		"SELECT count(*) FROM records":                                                                           "60",
		"SELECT count(*) FROM records; ":                                                                         "60",
		"SELECT service, count(*) FROM records GROUP BY 1 ORDER BY 1":                                            "ocr 30; text 30",
		"SELECT day, count(*) FROM records GROUP BY day ORDER BY day":                                            "2026-11-21 20; 2026-11-22 40",
		"SELECT hour, source, status FROM records ORDER BY id LIMIT 1":                                           "2026-11-21T12 ingest 500",
		"SELECT session, user, model, trace_id, query, remote, error FROM records ORDER BY id LIMIT 1":           "s0 u0 m0 " + fmt.Sprintf("%032x", 1) + " a=1 127.0.0.1:5555 broken",
		`SELECT json_extract(tags, '$.n'), method, path, "end" FROM records ORDER BY id LIMIT 1`:                 "0 POST /predict complete",
		"SELECT json_extract(response_body, '$.result.label') AS l, count(*) FROM records GROUP BY l ORDER BY l": "eggs 20; ham 19; rare 1; spam 20",
		"SELECT json_extract(request_body, '$.model') FROM records WHERE id = '" + xs[3].ID + "'":                "m1",
		"SELECT r.service, l.truth, l.thumb, l.by, l.at FROM records r JOIN labels l USING (id)":                 `text "spam" down ann 2026-11-21T12:00:00.000Z`,
		"SELECT started_at, duration_ms, first_byte_ms, cached FROM records ORDER BY id LIMIT 1":                 "2026-11-21T12:00:00.000Z 4 3 0",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n":       "15",
		"SELECT NULL, 1.5, x'00ff'": "<nil> 1.5 AP8=",
	} {
		if got := queried(t, a, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	r, err := a.SQL(t.Context(), Query{Text: "SELECT id FROM records", Rows: 7})
	if ok(t, err); len(r.Rows) != 7 || !r.Truncated || fmt.Sprint(r.Columns) != "[id]" || len(r.Days) != 2 {
		t.Errorf("got %d rows, %+v", len(r.Rows), r)
	}
	r, err = a.SQL(t.Context(), Query{Text: "SELECT count(*) FROM records", Since: xs[10].StartedAt, Until: xs[20].StartedAt})
	if ok(t, err); fmt.Sprint(r.Rows[0][0]) != "10" {
		t.Errorf("a window has %v", r.Rows)
	}
	r, err = a.SQL(t.Context(), Query{Text: "SELECT * FROM records", Since: noon.AddDate(1, 0, 0)})
	if ok(t, err); len(r.Rows) != 0 || len(r.Columns) != len(viewColumns) {
		t.Errorf("no days: %+v", r)
	}
}

// TestSQLCannotWrite: whatever a statement tries, nothing changes and nothing else is reached.
func TestSQLCannotWrite(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	add(t, a, series(noon, 3)...)
	other := filepath.Join(t.TempDir(), "other.db")
	for _, text := range []string{
		"DELETE FROM d0.exchanges", "UPDATE d0.exchanges SET status = 1", "INSERT INTO d0.names (n, text) VALUES (99, 'x')", "DROP TABLE d0.exchanges",
		"CREATE TABLE x (a)", "CREATE TEMP TABLE x (a)", "CREATE TABLE d0.x (a)", "DROP VIEW records", "CREATE VIRTUAL TABLE x USING fts5(a)",
		"ATTACH '" + other + "' AS o", "DETACH d0", "VACUUM INTO '" + other + "'", "VACUUM", "REINDEX", "ANALYZE",
		"PRAGMA query_only = 0", "PRAGMA journal_mode = DELETE", "PRAGMA user_version", "PRAGMA d0.user_version = 7", "PRAGMA writable_schema = 1",
		"SELECT * FROM pragma_database_list", "SELECT * FROM pragma_table_info('records')", "SELECT load_extension('x')", "SELECT Load_Extension('x', 'y')",
		"SELECT fts3_tokenizer('simple')", "SELECT writefile('" + other + "', 'x')", "SELECT readfile('/etc/passwd')",
		"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "SELECT 1; DELETE FROM d0.exchanges", "WITH x AS (SELECT 1) DELETE FROM d0.exchanges",
		"EXPLAIN DELETE FROM d0.exchanges", "", ";", "SELEC 1", "SELECT nothing FROM records", "SELECT zeroblob(100000000)", "SELECT ?", "-- nothing",
		strings.Repeat("SELECT 1 UNION ALL ", 200) + "SELECT 1",
	} {
		r, err := a.SQL(t.Context(), Query{Text: text})
		if err == nil && (len(r.Rows) > 0 || len(r.Columns) > 0) && text != "SELECT 1; DELETE FROM d0.exchanges" && text != "SELECT ?" {
			t.Errorf("%q gave %+v", text, r)
		}
		if err != nil && !errors.Is(err, ErrBadQuery) {
			t.Errorf("%q: %v is of another kind", text, err)
		}
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a file was made")
	}
	page, err := a.List(t.Context(), Filter{})
	if ok(t, err); len(page.Records) != 3 || page.Records[0].Status != 200 {
		t.Errorf("the records have changed: %+v", page)
	}
	add(t, a, exchange(noon, 50)) // the writer is not disturbed
}

func TestSQLEndsInTime(t *testing.T) {
	a := openTest(t, t.TempDir())
	add(t, a, exchange(noon, 1))
	endless := Query{Text: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.SQL(ctx, endless); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	// As many rows as may be, from a query that would give more for ever.
	endless.Text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
	if r, err := a.SQL(t.Context(), endless); err != nil || len(r.Rows) != 1000 || !r.Truncated {
		t.Errorf("%d rows, %v", len(r.Rows), err)
	}
	endless.Text, endless.Rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(zeroblob(1000000)) FROM n", MaxQueryRows
	if r, err := a.SQL(t.Context(), endless); err != nil || len(r.Rows) > 20 || !r.Truncated {
		t.Errorf("%d large rows, %v", len(r.Rows), err)
	}
}

func TestSQLOverManyDays(t *testing.T) {
	a := openTest(t, t.TempDir())
	for d := range MaxQueryDays + 2 {
		add(t, a, exchange(noon.AddDate(0, 0, d), 1))
	}
	r, err := a.SQL(t.Context(), Query{Text: "SELECT count(*) FROM records"})
	if ok(t, err); fmt.Sprint(r.Rows[0][0]) != fmt.Sprint(MaxQueryDays) || len(r.Warnings) != 1 {
		t.Errorf("got %+v", r)
	}
	if _, err = a.SQL(t.Context(), Query{Text: "SELECT 1", Since: noon}); !errors.Is(err, ErrBadQuery) || !strings.Contains(err.Error(), "12 days") {
		t.Errorf("got %v", err)
	}
	if r, err = a.SQL(t.Context(), Query{Text: "SELECT count(*) FROM records", Since: noon, Until: noon.AddDate(0, 0, 2)}); err != nil || len(r.Rows) != 1 || fmt.Sprint(r.Rows[0][0]) != "2" {
		t.Errorf("got %+v, %v", r, err)
	}
}
