package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"aictl/interchange"
	"aictl/recorder"
	"aictl/store/records"
)

var _ interchange.Store = (*recorder.Intake)(nil)

const (
	jsonType  = "application/json"
	linesType = "application/x-ndjson"
)

func postBytes(h http.Handler, target string, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", target, bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func receiptOf(t *testing.T, w *httptest.ResponseRecorder, status int) PostReceipt {
	t.Helper()
	var out PostReceipt
	if w.Code != status {
		t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t *testing.T, text string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll([]byte(text), nil)
}

// TestPostRecords: the three ways to send, the three encodings, and what is answered.
func TestPostRecords(t *testing.T) {
	const at = `"started_at":"2026-11-21T08:00:00Z"`
	one := `{"service":"ocr","id":"a",` + at + `}`
	for _, c := range []struct {
		name, kind, encoding, body string
		status                     int
		want                       interchange.Receipt
	}{
		{"object", jsonType, "", one, 200, interchange.Receipt{Accepted: 1}},
		{"array", jsonType, "gzip", `[` + one + `, {"service":"ocr","id":"b",` + at + `}]`, 200, interchange.Receipt{Accepted: 2}},
		{"empty array", jsonType, "", `[]`, 200, interchange.Receipt{}},
		{"lines", linesType, "zstd", "\n" + one + "\r\n\n{\"service\":\"nlp\"}", 200, interchange.Receipt{Accepted: 2}},
		{"twice in one", linesType, "", one + "\n" + one, 200, interchange.Receipt{Accepted: 1, Duplicates: 1}},
		{"some are bad", linesType, "", one + "\nnonsense\n{\"service\":\"off\"}\n{\"service\":\"ocr\"}", 207, interchange.Receipt{Accepted: 2,
			Rejected: []interchange.Rejection{{Index: 1, Line: 2, Reason: "invalid character 'o' in literal null (expecting 'u')"}, {Index: 2, Line: 3, Reason: records.ErrOff.Error()}}}},
		{"an array that breaks off", jsonType, "", `[` + one + `,{"service":`, 207, interchange.Receipt{Accepted: 1, Broken: "the rest cannot be read: the body is not JSON: unexpected EOF"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := []byte(c.body)
			switch c.encoding {
			case "gzip":
				body = gzipped(t, c.body)
			case "zstd":
				body = zstded(t, c.body)
			}
			b := newBackend()
			got := receiptOf(t, postBytes(newServer(t, b).Handler(true), "/api/v1/records", body, "Content-Type", c.kind, "Content-Encoding", c.encoding), c.status).Receipt
			if len(got.IDs) != c.want.Accepted+c.want.Duplicates+len(c.want.Rejected) || len(b.posted) != c.want.Accepted {
				t.Errorf("ids %q, stored %d", got.IDs, len(b.posted))
			}
			for i, r := range got.Rejected {
				if got.IDs[r.Index] != "" {
					t.Errorf("rejected with id %s", got.IDs[r.Index])
				}
				got.Rejected[i].ID = ""
			}
			got.IDs, got.Oldest = nil, interchange.Time{}
			if len(got.Rejected) == 0 {
				got.Rejected = nil
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestPostRecordsRefused: what is wrong with the post as a whole, and with a single record.
func TestPostRecordsRefused(t *testing.T) {
	for _, c := range []struct {
		kind, encoding, body string
		status               int
		contains             string
	}{
		{"", "", `{}`, 415, "application/x-ndjson"},
		{"application/x-www-form-urlencoded", "", `{}`, 415, "unsupported_media"},
		{jsonType, "br", `{}`, 415, "gzip, zstd or none"},
		{jsonType, "gzip", `{}`, 400, "not gzip"},
		{jsonType, "zstd", `{"service":"ocr"}`, 400, "cannot be decoded"},
		{jsonType, "", ``, 400, "the body is empty"},
		{jsonType, "", `nonsense`, 400, "not JSON"},
		{jsonType, "", `{}`, 422, "service: it is missing"},
		{jsonType, "", `{"service":"ocr","id":"a"}`, 422, "started_at: it is missing"},
		{jsonType, "", `{"service":"off"}`, 422, "not recorded"},
	} {
		w := postBytes(newServer(t, newBackend()).Handler(true), "/api/v1/records", []byte(c.body), "Content-Type", c.kind, "Content-Encoding", c.encoding)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s %s %q: %d %s, want %d with %s", c.kind, c.encoding, c.body, w.Code, w.Body, c.status, c.contains)
			continue
		}
		checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
	}
	w := postBytes(newServer(t, newBackend()).Handler(false), "/api/v1/records", []byte(`{"service":"ocr"}`), "Content-Type", jsonType)
	if w.Code != 401 {
		t.Errorf("without a token: %d", w.Code)
	}
}

// TestPostRecordsLater: pressure and a store that fails ask to come again; a second time everything is known.
func TestPostRecordsLater(t *testing.T) {
	for fault, after := range map[error]string{records.ErrNoRoom: "1", records.ErrNotCommitted: "5"} {
		b := newBackend()
		b.fault["commit"] = fault
		h := newServer(t, b).Handler(true)
		body := []byte(`[{"service":"ocr","id":"a","started_at":1795248000},{"service":"ocr","id":"b","started_at":1795248000.5}]`)
		w := postBytes(h, "/api/v1/records", body, "Content-Type", jsonType)
		if w.Code != 503 || w.Header().Get("Retry-After") != after {
			t.Errorf("%v: %d, Retry-After %q", fault, w.Code, w.Header().Get("Retry-After"))
		}
		checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
		delete(b.fault, "commit")
		for _, want := range []interchange.Receipt{{Accepted: 2}, {Duplicates: 2}} {
			got := receiptOf(t, postBytes(h, "/api/v1/records", body, "Content-Type", jsonType), 200)
			if got.Accepted != want.Accepted || got.Duplicates != want.Duplicates {
				t.Errorf("again: %+v", got)
			}
		}
	}
}

// TestPostRecordsOptions: an import keeps what an export wrote, a rehearsal stores nothing, old records are warned of.
func TestPostRecordsOptions(t *testing.T) {
	b := newBackend()
	s := newServer(t, b)
	s.deps.Retention = func() time.Duration { return 24 * time.Hour }
	h := s.Handler(true)
	line := []byte(`{"service":"ocr","id":"a","started_at":"2026-11-01T00:00:00Z","from_a_newer_aictl":1}`)
	if w := postBytes(h, "/api/v1/records", line, "Content-Type", jsonType); w.Code != 422 || !strings.Contains(w.Body.String(), "from_a_newer_aictl") {
		t.Errorf("an unknown field was posted: %d %s", w.Code, w.Body)
	}
	got := receiptOf(t, postBytes(h, "/api/v1/records?source=import&service=copy&dry_run=true", line, "Content-Type", jsonType), 200)
	if got.Accepted != 1 || len(b.posted) != 0 || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "2026-11-01") {
		t.Errorf("rehearsal: %+v, stored %d", got, len(b.posted))
	}
	got = receiptOf(t, postBytes(h, "/api/v1/records?source=import&service=copy", line, "Content-Type", jsonType), 200)
	if x := b.posted[got.IDs[0]]; x == nil || x.Service != "copy" || x.Source != records.SourceImport || x.TraceID != "" {
		t.Errorf("imported %+v", x)
	}
	if got = receiptOf(t, postBytes(h, "/api/v1/records?source=import&service=copy&dry_run=true", line, "Content-Type", jsonType), 200); got.Duplicates != 1 {
		t.Errorf("a rehearsal does not know what is stored: %+v", got)
	}
}

// TestPostRecordsMany: more than one group, and one record too many.
func TestPostRecordsMany(t *testing.T) {
	b := newBackend()
	var lines strings.Builder
	for i := range maxPosted + 1 {
		fmt.Fprintf(&lines, "{\"service\":\"ocr\",\"id\":\"%d\",\"started_at\":%d}\n", i, 1795248000-i)
	}
	got := receiptOf(t, postBytes(newServer(t, b).Handler(true), "/api/v1/records", []byte(lines.String()), "Content-Type", linesType), 207)
	if got.Accepted != maxPosted || len(b.posted) != maxPosted || !strings.Contains(got.Broken, "too many") {
		t.Errorf("accepted %d, stored %d: %s", got.Accepted, len(b.posted), got.Broken)
	}
}

// TestPostRecordsOverTheWire: the token, a body of unknown length, and one that ends too early.
func TestPostRecordsOverTheWire(t *testing.T) {
	s := serve(t, newBackend())
	send := func(body string, length int64) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.addr+"/api/v1/records", struct{ *strings.Reader }{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("Content-Type", linesType)
		req.Header.Set("Authorization", "Bearer "+testToken)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return 0
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		return res.StatusCode
	}
	big := strings.Repeat(`{"service":"ocr","request":{"body":"`+strings.Repeat("x", 10000)+"\"}}\n", 300)
	if code := send(big, -1); code != 200 {
		t.Errorf("a long body: %d", code)
	}
	if code := send(`{"service":"ocr"}`, 100); code != 0 && code != 400 {
		t.Errorf("a body that broke off: %d", code)
	}
}
