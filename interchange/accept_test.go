package interchange

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

var testNow = time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)

const testV7 = "01a1fd03-14c0-7000-8000-000000000001" // the id of a moment of that day, see TestTheTestsID

func rules() Rules {
	return Rules{Source: records.SourceIngest, Now: testNow, Remote: "10.0.0.7", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
}

func TestAcceptFillsIn(t *testing.T) {
	x, err := rules().Accept([]byte(`{"service":"ocr","request":{"body":{"a": 1, "b":[true]}},"response":{"body":"好"},"duration_ms":12.5}`))
	if err != nil {
		t.Fatal(err)
	}
	if x.Method != "POST" || x.Path != "/" || x.Status != 200 || x.End != records.EndComplete || x.Source != records.SourceIngest || x.Remote != "10.0.0.7" {
		t.Errorf("defaults: %+v", x)
	}
	if x.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" || !x.StartedAt.Equal(testNow.Add(-12500*time.Microsecond)) {
		t.Errorf("trace %s, start %s", x.TraceID, x.StartedAt)
	}
	if string(x.Request.Body) != `{"a":1,"b":[true]}` || x.Request.Size != 18 || string(x.Response.Body) != "好" || x.Response.Size != 3 {
		t.Errorf("bodies %s %s", x.Request.Body, x.Response.Body)
	}
	if x.Request.SHA256 == [32]byte{} || x.Request.Truncated || x.Request.Omitted {
		t.Errorf("request %+v", x.Request)
	}
	if x, err = rules().Accept([]byte(`{"service":"ocr","error":"no memory"}`)); err != nil || x.Status != 500 {
		t.Errorf("an error without a status: %+v %v", x, err)
	}
}

func TestAcceptRefuses(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{`{}`, "service: it is missing"},
		{`{"service":"No Name"}`, `service: "No Name" cannot be a name`},
		{`{"service":"ocr","sesion":"x"}`, `unknown field "sesion"`},
		{`{"service":"ocr"} {}`, "something follows"},
		{`[]`, "cannot unmarshal array"},
		{`nonsense`, "invalid character"},
		{"{\"service\":\"o\xff\"}", "not UTF-8"},
		{`{"service":"ocr","id":"job-1"}`, "started_at: it is missing"},
		{`{"service":"ocr","id":"` + testV7 + `","started_at":"2026-11-21T12:00:00+08:00"}`, "id: the time within"},
		{`{"service":"ocr","started_at":"2026-11-21T09:30:00Z"}`, "lies in the future"},
		{`{"service":"ocr","started_at":"1969-01-01T00:00:00Z"}`, "before 1970"},
		{`{"service":"ocr","started_at":"yesterday"}`, "neither RFC 3339"},
		{`{"service":"ocr","started_at":-5}`, "not seconds since 1970"},
		{`{"service":"ocr","started_at":"2026-11-21T08:00:00Z","ended_at":"2026-11-21T07:00:00Z"}`, "ended_at"},
		{`{"service":"ocr","status":42}`, "status: 42"},
		{`{"service":"ocr","duration_ms":-1}`, "duration_ms"},
		{`{"service":"ocr","end":"finished"}`, `end: "finished"`},
		{`{"service":"ocr","traceparent":"zz"}`, "traceparent"},
		{`{"service":"ocr","traceparent":"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}`, "traceparent"},
		{`{"service":"ocr","tags":{"":"x"}}`, "tags"},
		{`{"service":"ocr","session":"` + strings.Repeat("s", 2000) + `"}`, "session: it has 2000 bytes"},
		{`{"service":"ocr","request":{"body":"!","body_encoding":"base64"}}`, "request.body: it is not base64"},
		{`{"service":"ocr","request":{"body":"x","body_encoding":"gzip"}}`, "request.body_encoding"},
		{`{"service":"ocr","response":{"body":{},"body_encoding":"base64"}}`, "response.body: it is a JSON value"},
		{`{"service":"ocr","response":{"body":"abc","size":2}}`, "response.size"},
		{`{"service":"ocr","response":{"size":-2}}`, "response.size"},
		{`{"service":"ocr","response":{"body":"abc","sha256":"` + strings.Repeat("1", 64) + `"}}`, "response.sha256: the body has ba7816bf"},
		{`{"service":"ocr","response":{"sha256":"12"}}`, "64 hex digits"},
		{`{"service":"ocr","labels":[{"name":"any","note":"x"}]}`, "labels[0]"},
		{`{"service":"ocr","labels":[{"note":"x"},{"thumb":"sideways"}]}`, "labels[1]"},
		{`{"service":"ocr","response":{"header":{"A":5}}}`, "cannot unmarshal number"},
	} {
		_, err := rules().Accept([]byte(c.raw))
		if !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.raw, err, c.want)
		}
	}
}

// TestIdentity: what makes a record known again, and what does not.
func TestIdentity(t *testing.T) {
	id := func(raw string) string {
		t.Helper()
		x, err := rules().Accept([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return x.ID
	}
	const at = `,"started_at":"2026-11-21T08:00:00.123456Z"`
	job := id(`{"service":"ocr","id":"job-1"` + at + `}`)
	if job != DeriveID("ocr", "job-1", time.Date(2026, 11, 21, 8, 0, 0, 123e6, time.UTC)) {
		t.Errorf("derived %s", job)
	}
	for _, other := range []string{`{"service":"ocr","id":"job-2"` + at + `}`, `{"service":"nlp","id":"job-1"` + at + `}`, `{"service":"ocr"` + at + `}`} {
		if id(other) == job {
			t.Errorf("%s is taken for job-1 of ocr", other)
		}
	}
	if again := id(`{"service":"ocr","id":"job-1","status":500` + at + `}`); again != job {
		t.Errorf("not known again: %s and %s", job, again)
	}
	if one, two := id(`{"service":"ocr"`+at+`}`), id(`{"service":"ocr"`+at+`}`); one == two {
		t.Error("records without ids are taken for one")
	}
	if got := id(`{"service":"ocr","id":"` + strings.ToUpper(testV7) + `"}`); got != testV7 {
		t.Errorf("a UUIDv7 became %s", got)
	}
	x, err := rules().Accept([]byte(`{"service":"ocr","id":"job-1"` + at + `}`))
	if err != nil || x.Tags[TagID] != "job-1" {
		t.Errorf("tags %v %v", x.Tags, err)
	}
	moved := rules()
	moved.Service = "copy"
	x, err = moved.Accept([]byte(`{"service":"ocr","id":"` + testV7 + `"}`))
	if err != nil || x.Service != "copy" || x.ID == testV7 || x.Tags[TagID] != testV7 {
		t.Errorf("moved to another service: %+v %v", x, err)
	}
}

// everything is an exchange with no field left empty.
func everything() *records.Exchange {
	return &records.Exchange{
		ID: testV7, Service: "ocr", Release: "r1-00000000", Instance: "ocr/1", Session: "s 1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Source: records.SourceImport, Model: "m-1", User: "ann", Tags: map[string]string{"k": "v"}, Cached: true,
		Method: "PUT", Path: "/predict", Query: "a=1", Remote: "127.0.0.1:5", Status: 201,
		StartedAt: testNow.Add(-time.Hour).Add(123456 * time.Microsecond), FirstByte: 1234567 * time.Microsecond, Duration: 2000001 * time.Microsecond,
		End: records.EndClientAbort, Error: "gone",
		Request: records.Message{Header: http.Header{"A": {"1", "2"}, "b": {""}}, Trailer: http.Header{"T": {"x"}}, Size: 9, SHA256: [32]byte{1}, Body: []byte("\xff\x00a"), Truncated: true,
			Parts: []records.Part{{Name: "f", FileName: "a.png", ContentType: "image/png", Offset: 2, Size: 7, SHA256: [32]byte{9}}}},
		Response: records.Message{Size: 5, Body: []byte("<é>&"), SHA256: [32]byte{},
			Chunks: []records.Chunk{{At: time.Second, End: 5}}, Frames: []records.Frame{{At: 5 * time.Microsecond, Opcode: 2, Final: true, Size: 5, Kept: 5}}},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, bodies := range []Bodies{BodiesText, BodiesBase64} {
		want := everything()
		raw, err := json.Marshal(Of(want, bodies))
		if err != nil {
			t.Fatal(err)
		}
		r := rules()
		r.Source = records.SourceImport
		got, err := r.Accept(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", raw, got, want)
		}
	}
	x := everything()
	raw, err := json.Marshal(Of(x, BodiesNone))
	if err != nil {
		t.Fatal(err)
	}
	got, err := rules().Accept(raw)
	if err != nil || got.Response.Body != nil || !got.Response.Omitted || got.Response.Size != 5 {
		t.Errorf("without bodies: %+v %v", got, err)
	}
}

// A record is taken for the moment of its id.
func TestTheTestsID(t *testing.T) {
	if id, ok := version7(testV7); !ok || idTime(id).After(testNow) || testNow.Sub(idTime(id)) > 24*time.Hour {
		t.Fatalf("%s is of %s", testV7, idTime(id))
	}
}

func FuzzAccept(f *testing.F) {
	raw, err := json.Marshal(Of(everything(), BodiesText))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	for _, s := range []string{`{"service":"a","started_at":1e9}`, `{"service":"a","id":"x","started_at":253402300799}`, `{"service":"a","ended_at":"x"}`, `{"request":{"body":[1]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := rules().Accept(raw)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		id, ok := version7(x.ID)
		if !ok || idTime(id).Sub(x.StartedAt).Abs() > idSlack || x.Service == "" || x.Duration < 0 {
			t.Fatalf("%q gave %+v", raw, x)
		}
		again, err := json.Marshal(Of(x, BodiesText))
		if err != nil {
			t.Fatal(err)
		}
		y, err := rules().Accept(again)
		if err != nil {
			t.Fatalf("%q was written as %s, which is refused: %v", raw, again, err)
		}
		if !reflect.DeepEqual(x, y) {
			t.Fatalf("%q\n  is %+v\nthen %+v", raw, x, y)
		}
	})
}
