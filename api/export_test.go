package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"aictl/store/records"
)

// TestExportRefused: what is wrong is answered before the file begins.
func TestExportRefused(t *testing.T) {
	for query, want := range map[string]string{
		"format=xlsx":                                           `"path":"query.format"`,
		"format=csv&columns=name":                               "there is no column",
		"format=jsonl&columns=id":                               "columns are of csv and parquet",
		"format=parquet&compress=gzip":                          "compressed by nature",
		"format=csv&bodies=none&status=abc":                     `"path":"query.status"`,
		"since=2026-11-21T00:00:00Z&until=2026-11-20T00:00:00Z": `"path":"query.until"`,
	} {
		w := ask(newServer(t, newBackend()).Handler(true), "GET", "/api/v1/records/export?"+query, "")
		if w.Code != 422 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
		checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
	}
	b := newBackend()
	b.fault["records"] = context.DeadlineExceeded
	b.records = nil
	if w := ask(newServer(t, b).Handler(true), "GET", "/api/v1/records/export", ""); w.Code != 504 {
		t.Errorf("an archive that fails: %d %s", w.Code, w.Body)
	}
}

// TestExport: each format through the client, with the number of records and the warnings at the end.
func TestExport(t *testing.T) {
	s := serve(t, newBackend())
	get := func(q ExportQuery) []byte {
		t.Helper()
		var file bytes.Buffer
		told, err := s.tcp.ExportRecords(t.Context(), q, &file)
		if err != nil || told.Records != 1 || !slices.Equal(told.Warnings, []string{"day file é is damaged"}) {
			t.Fatalf("%+v: %+v %v", q, told, err)
		}
		return file.Bytes()
	}
	plain := get(ExportQuery{RecordsQuery: RecordsQuery{Service: "ocr", Limit: 5}})
	if !bytes.Contains(plain, []byte(`"body":"//4=","body_encoding":"base64"`)) || bytes.Count(plain, []byte("\n")) != 1 {
		t.Errorf("%s", plain)
	}
	if s.filter.Services[0] != "ocr" || !s.filter.OldestFirst {
		t.Errorf("filter %+v", s.filter)
	}
	z, err := gzip.NewReader(bytes.NewReader(get(ExportQuery{Compress: "gzip"})))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("gzip: %s %v", got, err)
	}
	zr, err := zstd.NewReader(bytes.NewReader(get(ExportQuery{Compress: "zstd"})))
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	if got, err := io.ReadAll(zr); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("zstd: %s %v", got, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(get(ExportQuery{Format: "csv", Columns: []string{"id", "status"}, Bodies: "none"}))).ReadAll()
	if err != nil || !reflect.DeepEqual(rows, [][]string{{"id", "status"}, {"0193", "200"}}) {
		t.Errorf("csv %q %v", rows, err)
	}
	raw := get(ExportQuery{Format: "parquet"})
	if f, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw))); err != nil || f.NumRows() != 1 {
		t.Errorf("parquet: %v", err)
	}
	if raw := get(ExportQuery{Format: "har"}); !bytes.Contains(raw, []byte(`"creator":{"name":"aictl","version":"1.2.3"}`)) {
		t.Errorf("har: %s", raw)
	}
}

// failing is an archive that breaks down in the middle.
type failing struct{ recordReader }

func (f failing) Each(_ context.Context, _ records.Filter, visit func(*records.Exchange) error) ([]string, error) {
	for i := range 1000 {
		x := f.backend.records[0]
		x.Path = fmt.Sprintf("/%d", i) + strings.Repeat("x", 1000)
		if err := visit(&x); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("disk is gone")
}

// TestExportCut: a failure in the middle is never taken for the end.
func TestExportCut(t *testing.T) {
	b := newBackend()
	s := newServer(t, b)
	s.deps.Records = failing{recordReader{b}}
	srv := newTestServer(t, s.Handler(true))
	c := client(t, Target{URL: srv})
	for _, format := range []string{"jsonl", "csv", "har"} {
		var file bytes.Buffer
		if _, err := c.ExportRecords(t.Context(), ExportQuery{Format: format}, &file); !errors.Is(err, ErrCut) {
			t.Errorf("%s: %v after %d bytes", format, err, file.Len())
		}
	}
	full := errors.New("disk full")
	if _, err := c.ExportRecords(t.Context(), ExportQuery{}, writerFunc(func([]byte) (int, error) { return 0, full })); !errors.Is(err, full) || errors.Is(err, ErrCut) {
		t.Errorf("the writer's own failure: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestExportAndPostAgain: what one aictl exports, another has afterwards, to the last field; posted twice, it is known.
func TestExportAndPostAgain(t *testing.T) {
	from, to := newRecording(t), newRecording(t)
	start := time.Now().UTC().Add(-time.Hour).Truncate(time.Microsecond)
	var batch []*records.Exchange
	for i := range 700 {
		at := start.Add(time.Duration(i) * time.Second)
		id := uuid.Must(uuid.NewV7())
		ms := at.UnixMilli()
		copy(id[:6], []byte{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms)})
		body := []byte(fmt.Sprintf(`{"n":%d,"raw":"<é>"}`, i))
		x := &records.Exchange{ID: id.String(), Service: "ocr", Release: "r1-00000000", Instance: "ocr/1", Session: fmt.Sprint("s", i%3), TraceID: strings.Repeat("ab", 16),
			Method: "POST", Path: "/predict", Query: "a=1&b", Remote: "127.0.0.1:9", Status: 200, StartedAt: at, FirstByte: time.Millisecond, Duration: 2345 * time.Microsecond,
			End: records.EndComplete, Request: records.Message{Header: http.Header{"Content-Type": {"application/json"}, "X": {"1", "2"}}, Body: body, Size: int64(len(body))},
			Response: records.Message{Body: []byte{0xff, byte(i)}, Size: 9, SHA256: [32]byte{7}, Truncated: true}}
		if i%50 == 0 {
			x.Response = records.Message{Size: 100, SHA256: [32]byte{5}, Omitted: true}
		}
		batch = append(batch, x)
	}
	if err := from.archive.Append(batch); err != nil {
		t.Fatal(err)
	}
	truth, up, note := json.RawMessage(`{"a":[1,"é"]}`), "up", "well done"
	edit := records.LabelEdit{Name: "main", Truth: &truth, Thumb: &up, Note: &note, By: "ann", At: start}
	if _, err := from.archive.SetLabel(t.Context(), []string{batch[3].ID, batch[699].ID}, edit); err != nil {
		t.Fatal(err)
	}
	a := client(t, Target{URL: newTestServer(t, from.handler), Token: testToken})
	b := client(t, Target{URL: newTestServer(t, to.handler), Token: testToken})
	for _, want := range [][2]int{{700, 0}, {0, 700}} {
		var file bytes.Buffer
		if told, err := a.ExportRecords(t.Context(), ExportQuery{Compress: "zstd"}, &file); err != nil || told.Records != 700 {
			t.Fatalf("%+v %v", told, err)
		}
		receipt, err := b.PostRecords(t.Context(), linesType, "zstd", &file, PostOptions{Import: true})
		if err != nil || receipt.Accepted != want[0] || receipt.Duplicates != want[1] || len(receipt.Rejected) > 0 {
			t.Fatalf("%+v %v", receipt, err)
		}
	}
	for i, want := range map[int]int{2: 0, 3: 1, 699: 1} {
		current, history, err := to.archive.Labels(t.Context(), batch[i].ID)
		if err != nil || len(current) != want || len(history) != want {
			t.Fatalf("labels of %d: %+v, history %+v, %v", i, current, history, err)
		}
		if want == 1 && (string(current[0].Truth) != string(truth) || current[0].Thumb != "up" || current[0].Note != note || current[0].By != "ann" || !current[0].At.Equal(start)) {
			t.Errorf("label of %d: %+v", i, current[0])
		}
	}
	was, is := from.all(t), to.all(t)
	if len(is) != 700 {
		t.Fatalf("%d records", len(is))
	}
	for i := range is {
		if is[i].Source == records.SourceImport {
			is[i].Source = was[i].Source
		}
		if !reflect.DeepEqual(was[i], is[i]) {
			t.Fatalf("was %+v\n is %+v", was[i], is[i])
		}
	}
}
