package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

func (r recordReader) SQL(ctx context.Context, q records.Query) (records.QueryResult, error) {
	if strings.HasPrefix(q.Text, "DROP") {
		return records.QueryResult{}, fmt.Errorf("query records: %w: near DROP", records.ErrBadQuery)
	}
	deadline, _ := ctx.Deadline()
	if q.Text == "SLOW" {
		return records.QueryResult{}, context.DeadlineExceeded
	}
	left := int64(time.Until(deadline).Round(10*time.Second) / time.Second)
	return records.QueryResult{Columns: []string{"n", "left"}, Rows: [][]any{{q.Rows, left}, {nil, "é"}}, Days: []string{"2026-11-21"}}, nil
}

func TestRecordsSQL(t *testing.T) {
	h := newServer(t, newBackend()).Handler(true)
	for _, c := range []struct{ body, want string }{
		{`{"query":"SELECT 1"}`, `"columns":["n","left"],"rows":[[0,30],[null,"é"]],"truncated":false,"days":["2026-11-21"],"warnings":[]`},
		{`{"query":"SELECT 1","rows":7,"seconds":120}`, `"rows":[[7,120]`},
		{`{"query":"DROP TABLE x"}`, `"code":"invalid"`},
		{`{"query":"SLOW"}`, `"code":"timeout"`},
		{`{"query":""}`, `"path":"body.query"`},
		{`{"query":"SELECT 1","rows":1000000}`, `"path":"body.rows"`},
		{`{"query":"SELECT 1","seconds":9999}`, `"path":"body.seconds"`},
		{`{"query":"SELECT 1","since":"2026-11-21T00:00:00Z","until":"2026-11-20T00:00:00Z"}`, `"path":"body.until"`},
	} {
		if w := ask(h, "POST", "/api/v1/records/sql", c.body); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
	}
	got, err := serve(t, newBackend()).unix.RecordsSQL(t.Context(), RecordsSQL{Query: "SELECT 1", Rows: 3})
	if err != nil || len(got.Rows) != 2 || fmt.Sprint(got.Rows[0][0]) != "3" {
		t.Errorf("got %+v, %v", got, err)
	}
}
