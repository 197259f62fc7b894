package interchange

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"aictl/store/records"
)

func export(t *testing.T, o Options, xs ...*records.Exchange) []byte {
	t.Helper()
	var out bytes.Buffer
	o.Program = "aictl 1.2.3"
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range xs {
		if err := w.Write(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Format: "xlsx", Bodies: BodiesText}, "use jsonl, csv, parquet or har"},
		{Options{Format: CSV, Bodies: "all"}, "use none, text or base64"},
		{Options{Format: JSONL, Bodies: BodiesText, Columns: []string{"id"}}, "columns are of csv and parquet"},
		{Options{Format: CSV, Bodies: BodiesText, Columns: []string{"name"}}, `no column "name"`},
		{Options{Format: CSV, Bodies: BodiesText, Columns: []string{"id", "id"}}, "named twice"},
		{Options{Format: Parquet, Bodies: BodiesNone, Columns: []string{"request_body"}}, "needs bodies"},
	} {
		if _, err := NewWriter(io.Discard, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.o, err, c.want)
		}
	}
}

// TestJSONLines: every line gives the record back, with characters that JSON writers like to escape.
func TestJSONLines(t *testing.T) {
	x := everything()
	lines := bytes.Split(bytes.TrimSpace(export(t, Options{Format: JSONL, Bodies: BodiesText}, x, x)), []byte("\n"))
	if len(lines) != 2 || !bytes.Contains(lines[0], []byte(`"body":"<é>&"`)) {
		t.Fatalf("%q", lines)
	}
	r := rules()
	r.Source = records.SourceImport
	got, err := r.Accept(lines[1])
	if err != nil || !reflect.DeepEqual(got, x) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestLabelsAreExported: in every format that has a place for them.
func TestLabelsAreExported(t *testing.T) {
	label := records.Label{Name: "main", Truth: json.RawMessage(`"spam"`), Thumb: "down", By: "ann", At: testNow}
	const want = `"name":"main","truth":"spam","thumb":"down","by":"ann","at":"2026-11-21T08:30:00.000000Z"`
	for _, format := range []Format{JSONL, CSV, HAR} {
		var out bytes.Buffer
		w, err := NewWriter(&out, Options{Format: format, Bodies: BodiesNone, Program: "aictl 1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(everything(), label), w.Close()); err != nil || !strings.Contains(strings.ReplaceAll(out.String(), `""`, `"`), want) {
			t.Errorf("%s: %v %s", format, err, out.String())
		}
	}
	raw, err := json.Marshal(Entry{Service: "ocr", Labels: entryLabels([]records.Label{label})})
	if err != nil {
		t.Fatal(err)
	}
	_, labels, err := rules().AcceptLabelled(raw)
	if err != nil || !reflect.DeepEqual(labels, []records.Label{label}) {
		t.Errorf("%s gave %+v %v", raw, labels, err)
	}
}

// TestCSV: quotes, line breaks, formulas, and that columns are in the order asked for.
func TestCSV(t *testing.T) {
	x := everything()
	x.Error, x.Path, x.Session = "=HYPERLINK(\"x\")", "a,\"b\"\nc", "-1+1"
	raw := export(t, Options{Format: CSV, Bodies: BodiesText, Columns: []string{"path", "error", "session", "status", "request_body", "request_body_encoding", "tags", "started_at", "duration_ms"}}, x)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a,\"b\"\nc", "'=HYPERLINK(\"x\")", "'-1+1", "201", "/wBh", "base64", `{"k":"v"}`, "2026-11-21T07:30:00.123456Z", "2000.001"}
	if len(rows) != 2 || rows[0][0] != "path" || !slices.Equal(rows[1], want) {
		t.Errorf("%q", rows)
	}
	if !bytes.HasSuffix(raw, []byte("\r\n")) || bytes.Count(raw, []byte("\r\n")) != 2 {
		t.Errorf("lines end with %q", raw)
	}
	rows, err = csv.NewReader(bytes.NewReader(export(t, Options{Format: CSV, Bodies: BodiesNone, Exact: true}, x))).ReadAll()
	if err != nil || len(rows[0]) < 20 || slices.Contains(rows[0], "request_body") || !slices.Contains(rows[1], "=HYPERLINK(\"x\")") {
		t.Errorf("exact: %q %v", rows, err)
	}
	x.Session = ""
	if raw := export(t, Options{Format: CSV, Bodies: BodiesNone, Columns: []string{"session"}}, x); string(raw) != "session\r\n\"\"\r\n" {
		t.Errorf("one empty cell: %q", raw)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("a,\"b\"\nc", "=1")
	f.Add("", "\r")
	f.Add(" x", "\\.")
	f.Fuzz(func(t *testing.T, path, user string) {
		x := everything()
		x.Path, x.User = path, user
		r := csv.NewReader(bytes.NewReader(export(t, Options{Format: CSV, Bodies: BodiesNone, Exact: true, Columns: []string{"path", "user", "status"}}, x)))
		rows, err := r.ReadAll()
		// The reader of the standard library takes CRLF within a cell for LF.
		crlf := strings.NewReplacer("\r\n", "\n")
		if err != nil || len(rows) != 2 || rows[1][0] != crlf.Replace(path) || rows[1][1] != crlf.Replace(user) {
			t.Errorf("%q %q gave %q %v", path, user, rows, err)
		}
	})
}

// TestParquet: what another reader of the library sees, over more than one row group.
func TestParquet(t *testing.T) {
	x := everything()
	many := make([]*records.Exchange, 300)
	for i := range many {
		y := *x
		y.Status, y.Request.Body = 200+i, bytes.Repeat([]byte("ab"), 60<<10)
		many[i] = &y
	}
	raw := export(t, Options{Format: Parquet, Bodies: BodiesText}, many...)
	file, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(file.RowGroups()); file.NumRows() != 300 || n != 3 {
		t.Errorf("%d rows in %d groups", file.NumRows(), n)
	}
	type row struct {
		ID       string  `parquet:"id"`
		Service  string  `parquet:"service"`
		Started  int64   `parquet:"started_at,timestamp(microsecond)"`
		Duration float64 `parquet:"duration_ms"`
		Status   int64   `parquet:"status"`
		Cached   bool    `parquet:"cached"`
		Request  string  `parquet:"request_body"`
		Tags     string  `parquet:"tags"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if r.ID != x.ID || r.Service != "ocr" || r.Started != x.StartedAt.UnixMicro() || r.Duration != 2000.001 || r.Status != int64(200+i) ||
			!r.Cached || r.Request != string(many[i].Request.Body) || r.Tags != `{"k":"v"}` {
			t.Fatalf("row %d: %.200v", i, r)
		}
	}
	if names := file.Schema().Columns(); len(names) < 20 || names[0][0] != "id" || names[1][0] != "service" {
		t.Errorf("columns %v", names)
	}
	if raw := export(t, Options{Format: Parquet, Bodies: BodiesNone}); len(raw) < 8 || string(raw[:4]) != "PAR1" {
		t.Errorf("no records gave %q", raw)
	}
}

// TestHAR: a document that HAR 1.2 allows: every member it demands is there.
func TestHAR(t *testing.T) {
	x := everything()
	x.Response.Frames = nil
	ws := everything()
	ws.Request = records.Message{Size: 8, Body: []byte("hello!!x"), Frames: []records.Frame{
		{At: time.Second, Opcode: 1, Size: 3, Kept: 3}, {At: time.Second, Opcode: 9, Final: true, Size: 2, Kept: 2}, {At: 2 * time.Second, Opcode: 0, Final: true, Size: 3, Kept: 3}}}
	var doc struct {
		Log struct {
			Version string
			Creator struct{ Name, Version string }
			Entries []map[string]json.RawMessage
		}
	}
	raw := export(t, Options{Format: HAR, Bodies: BodiesText}, x, ws)
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if doc.Log.Version != "1.2" || doc.Log.Creator.Name != "aictl" || doc.Log.Creator.Version != "1.2.3" || len(doc.Log.Entries) != 2 {
		t.Fatalf("%s", raw)
	}
	demanded := map[string][]string{
		"request":  {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"},
		"response": {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"},
		"timings":  {"send", "wait", "receive"}, "startedDateTime": nil, "time": nil, "cache": nil,
	}
	for name, members := range demanded {
		value, ok := doc.Log.Entries[0][name]
		if !ok {
			t.Errorf("no %s", name)
		}
		var in map[string]any
		for _, m := range members {
			if err := json.Unmarshal(value, &in); err != nil || in[m] == nil {
				t.Errorf("no %s.%s: %v", name, m, err)
			}
		}
	}
	var messages []harMessage
	if err := json.Unmarshal(doc.Log.Entries[1]["_webSocketMessages"], &messages); err != nil {
		t.Fatal(err)
	}
	ping := base64.StdEncoding.EncodeToString([]byte("lo"))
	if len(messages) < 2 || messages[1].Data != "hel!!x" && messages[0].Data != "hel!!x" && !slices.ContainsFunc(messages, func(m harMessage) bool { return m.Data == "hel!!x" && m.Opcode == 1 }) ||
		!slices.ContainsFunc(messages, func(m harMessage) bool { return m.Data == ping && m.Opcode == 9 }) {
		t.Errorf("%+v", messages)
	}
	if raw := export(t, Options{Format: HAR, Bodies: BodiesNone}); json.Unmarshal(raw, &doc) != nil {
		t.Errorf("no records gave %s", raw)
	}
}

// full fails once it has taken so many bytes.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestDiskFull: every format tells that its file is not whole.
func TestDiskFull(t *testing.T) {
	for _, format := range []Format{JSONL, CSV, Parquet, HAR} {
		w, err := NewWriter(&full{left: 100}, Options{Format: format, Bodies: BodiesText})
		for i := 0; err == nil && i < 1000; i++ {
			err = w.Write(everything())
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// BenchmarkExport writes records of the usual size; b.N is their number.
func BenchmarkExport(b *testing.B) {
	x := &records.Exchange{ID: testV7, Service: "ocr", Release: "r1-00000000", Instance: "ocr/1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Method: "POST", Path: "/predict", Status: 200, StartedAt: testNow, Duration: 12 * time.Millisecond, End: records.EndComplete,
		Request:  records.Message{Header: http.Header{"Content-Type": {"application/json"}}, Body: bytes.Repeat([]byte(`{"a":1}`), 53), Size: 371},
		Response: records.Message{Header: http.Header{"Content-Type": {"application/json"}}, Body: bytes.Repeat([]byte(`{"b":2}`), 57), Size: 399}}
	for _, format := range []Format{JSONL, CSV, Parquet, HAR} {
		b.Run(string(format), func(b *testing.B) {
			w, err := NewWriter(io.Discard, Options{Format: format, Bodies: BodiesText})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := range b.N {
				x.Session = strconv.Itoa(i)
				if err := w.Write(x); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
