package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"aictl/api"
	"aictl/store/records"
)

const recordID = "0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31"

func TestRecordsList(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/records", api.RecordList{SchemaVersion: 1, Next: "c2", Records: []api.Record{
		{ID: recordID, Service: "ocr", Method: "POST", Path: "/predict", Status: 200, StartedAt: now.Add(-90 * time.Second), DurationMS: 12.3, End: "complete",
			Request: api.RecordMessage{Size: 2048}, Response: api.RecordMessage{Size: 3 << 20, Truncated: true}},
		{ID: "x", Service: "分类", Method: "GET", Path: "/health", StartedAt: now, End: "unavailable"},
	}})
	s.run(t, "records", "list").want(t, exitOK, []string{"ocr      POST /predict  200      12ms  2 KiB  3 MiB+  complete", "分类     GET /health    -"}, []string{"--cursor c2"})
	s.runTTY(t, 120, "records", "ls", "--no-color").want(t, exitOK, []string{"1m ago", "just now"}, nil)
	s.run(t, "records", "list", "-o", "json").want(t, exitOK, []string{`"next": "c2"`, `"duration_ms": 12.3`, `"end": "unavailable"`}, nil)
	s.run(t, "records", "list", "--service", "ocr", "--status", "5xx", "--since", "1h", "--session", "a b", "--trace", "4bf9", "--end", "timeout", "--limit", "3", "--cursor", "c1")
	s.sawRequest(t, "GET /api/v1/records?cursor=c1&end=timeout&limit=3&service=ocr&session=a+b&since=2026-11-21T11%3A00%3A00Z&status=5xx&trace_id=4bf9")
}

func TestRecordsShow(t *testing.T) {
	s := newServer(t)
	image := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...)
	record := api.RecordFull{ID: recordID, Service: "ocr", Release: "r3-1a2b3c4d", Instance: "ocr/1", Method: "POST", Path: "/predict", Query: "q=1", Status: 200,
		StartedAt: now, DurationMS: 5, FirstByteMS: 4, End: "complete", TraceID: "4bf9", Remote: "127.0.0.1:5555",
		Request:  api.RecordMessageFull{Header: http.Header{"Content-Type": {"image/png"}}, Size: 5000, Truncated: true, Body: base64.StdEncoding.EncodeToString(image), BodyEncoding: api.BodyBase64},
		Response: api.RecordMessageFull{Header: http.Header{"Content-Type": {"application/json"}}, Size: 16, Body: `{"boxes":["猫"]}`, BodyEncoding: api.BodyText}}
	s.answer("GET /api/v1/records/"+recordID, api.RecordDocument{SchemaVersion: 1, Record: record})
	got := s.run(t, "records", "show", recordID)
	got.want(t, exitOK, []string{"POST /predict?q=1  200  5.0ms", "service    ocr  r3-1a2b3c4d  ocr/1", "Content-Type: image/png", "108 B of image/png, not text",
		"00000000  89 50 4e 47", "only the first 108 B of 4.9 KiB were kept", "  {\n    \"boxes\": [\n      \"猫\""}, nil)
	if strings.Count(got.out, "|\n") != hexBytes/16 {
		t.Errorf("not %d bytes of the image:\n%s", hexBytes, got.out)
	}
	if got := s.run(t, "records", "show", recordID, "--body", "request"); got.out != string(image) || !strings.Contains(got.err, "only the first 108 B") {
		t.Errorf("raw body: %q, %q", got.out, got.err)
	}
	if got := s.run(t, "records", "show", recordID, "--body", "response"); got.out != `{"boxes":["猫"]}` || got.err != "" {
		t.Errorf("raw body: %q, %q", got.out, got.err)
	}
	record.Response = api.RecordMessageFull{Size: 9, Omitted: true}
	s.answer("GET /api/v1/records/omitted", api.RecordDocument{Record: record})
	s.run(t, "records", "show", "omitted").want(t, exitOK, []string{"the body was not kept"}, nil)
	s.run(t, "records", "show", "omitted", "--body", "response").want(t, exitFailed, nil, []string{"the body of 9 B was not kept"})
}

func TestRecordsStats(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/records/stats", api.RecordStats{SchemaVersion: 1, Records: 12, Bytes: 4096, Days: []api.RecordDay{{Day: "2026-11-21", Records: 12, Bytes: 4096}},
		Ledger: records.Ledger{Accepted: 15, Recorded: 12, InFlight: 1, Dropped: map[string]int64{"queue_full": 1, "disk": 1}, NoBody: 3}})
	s.run(t, "records", "stats").want(t, exitOK, []string{"2026-11-21       12  4 KiB\n", "15 accepted, 12 recorded, 1 in flight, 3 without bodies; lost: disk 1, queue_full 1\n"}, nil)
	s = newServer(t)
	s.answer("GET /api/v1/records/stats", api.RecordStats{SchemaVersion: 1, Records: 12, By: "release", RecordSum: api.RecordSum{Errors: 2, Duration: api.Percentiles{P50: 4, P95: 90, P99: 1200, Max: 3000}},
		Groups: []api.RecordGroup{{Key: "r1", Records: 10, RecordSum: api.RecordSum{RequestBytes: 2048, Duration: api.Percentiles{P50: 4}}}, {Records: 2, RecordSum: api.RecordSum{Errors: 2}}}})
	s.run(t, "records", "stats", "--by", "release", "--service", "ocr", "--tag", "a=b").want(t, exitOK, []string{"GROUP  RECORDS  ERRORS", "r1          10       0", "-            2       2", "total       12       2"}, []string{})
	s.sawRequest(t, "GET /api/v1/records/stats?by=release&service=ocr&tag=a%3Db")
	s.run(t, "records", "stats", "--service", "ocr").want(t, exitOK, []string{"2 errors; answers took p50 4.0ms, p95 90ms, p99 1.20s, at most 3.00s"}, nil)
	s.run(t, "records", "stats", "--by", "colour").want(t, exitUsage, nil, []string{`--by "colour" is not known: use service, release`})
}

func TestRecordsLabel(t *testing.T) {
	s := newServer(t)
	s.answer("PUT /api/v1/records/0193/labels/main", api.RecordLabels{SchemaVersion: 1})
	s.answer("DELETE /api/v1/records/0193/labels/review", api.RecordLabels{SchemaVersion: 1})
	s.answer("POST /api/v1/records/labels", api.RecordsLabelled{SchemaVersion: 1, Labelled: 7})
	s.run(t, "records", "label", "0193", "--truth", `"spam"`, "--thumb", "down").want(t, exitOK, nil, []string{"labelled 1 records"})
	s.run(t, "records", "label", "0193", "--remove", "--name", "review").want(t, exitOK, nil, []string{"labelled 1 records"})
	s.run(t, "records", "label", "--service", "ocr", "--where", "$.a == 1", "--note", "x", "-o", "json").want(t, exitOK, []string{`"labelled": 7`}, nil)
	s.sawRequest(t, "POST /api/v1/records/labels?name=main&service=ocr&where=%24.a+%3D%3D+1")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"0193"}, "say something"},
		{[]string{"0193", "--thumb", "sideways"}, "neither up nor down"},
		{[]string{"0193", "--truth", "spam"}, "is not JSON: a string needs quotes"},
		{[]string{"--thumb", "up"}, "give record ids, or filters"},
		{[]string{"0193", "--service", "ocr", "--thumb", "up"}, "give record ids, or filters"},
		{[]string{"--service", "ocr", "--remove"}, "--remove takes record ids"},
		{[]string{"0193", "--remove", "--note", "x"}, "say something"},
	} {
		s.run(t, append([]string{"records", "label"}, tc.args...)...).want(t, exitUsage, nil, []string{tc.want})
	}
	record := api.RecordFull{ID: recordID, Service: "ocr", Method: "GET", Path: "/", Model: "m1", User: "u", Tags: map[string]string{"k": "v"}, StartedAt: now, End: "complete"}
	s.answer("GET /api/v1/records/"+recordID, api.RecordDocument{Record: record,
		Labels: []api.RecordLabel{{Name: "main", Truth: json.RawMessage(`"spam"`), Thumb: "down", Note: "no", By: "ann", At: now.Add(-time.Hour)}}})
	s.run(t, "records", "show", recordID).want(t, exitOK, []string{"model      m1", "user       u", "tag        k=v", `label      main: truth "spam"  thumb down  no  by ann, 1h ago`}, nil)
}

// TestSearchGoesOn: a search that came to the end of what one call looks into goes on until the page is full.
func TestSearchGoesOn(t *testing.T) {
	s := newServer(t)
	calls := 0
	s.mux.HandleFunc("GET /api/v1/records", func(w http.ResponseWriter, r *http.Request) {
		calls++
		list := api.RecordList{SchemaVersion: 1, Next: "c", Scanned: 100, Records: []api.Record{{ID: strconv.Itoa(calls), End: "complete", StartedAt: now}}}
		if calls < 3 {
			at := now
			list.UpTo = &at
		}
		if err := json.NewEncoder(w).Encode(list); err != nil {
			t.Error(err)
		}
	})
	got := s.runTTY(t, 120, "records", "list", "--where", "$.a == 1", "-n", "5", "-o", "json")
	got.want(t, exitOK, []string{`"id": "3"`, `"scanned": 300`}, []string{"looked into 100 records", "found 2"})
	s.sawRequest(t, "GET /api/v1/records?cursor=c&limit=3&where=%24.a+%3D%3D+1")
}

func TestRecordsSQL(t *testing.T) {
	s := newServer(t)
	s.answer("POST /api/v1/records/sql", api.RecordsTable{SchemaVersion: 1, Columns: []string{"label", "n"}, Rows: [][]any{{"a,b", 12}, {nil, 3.5}}, Truncated: true, Warnings: []string{"only some"}})
	s.run(t, "records", "sql", "SELECT 1", "--rows", "5", "--since", "1h").want(t, exitOK, []string{"label    n\n", "a,b     12\n", "       3.5\n"}, []string{"there are more rows", "only some"})
	s.sawRequest(t, `POST /api/v1/records/sql {"query":"SELECT 1","since":"2026-11-21T11:00:00Z","rows":5,"seconds":30}`)
	s.run(t, "records", "sql", "SELECT 1", "--csv").want(t, exitOK, []string{"label,n\n\"a,b\",12\n,3.5\n"}, nil)
	s.run(t, "records", "sql", "SELECT 1", "-o", "json").want(t, exitOK, []string{`"truncated": true`}, nil)
	s.run(t, "records", "sql", "SELECT 1", "--timeout", "1h").want(t, exitUsage, nil, []string{"use 1s to 300s"})
}
