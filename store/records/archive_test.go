package records

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	crashHelper()
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// idOf is a UUIDv7 of a time; n orders ids of one millisecond.
func idOf(at time.Time, n int) string {
	id := idAt(at)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	id[6], id[8] = 0x70, 0x80
	return id.String()
}

// exchange is the nth exchange of a time, with small JSON bodies.
func exchange(at time.Time, n int) *Exchange {
	x := &Exchange{
		ID: idOf(at, n), Service: "ocr", Release: "r1-1a2b3c4d", Instance: "ocr/1", Method: "POST", Path: "/predict", Query: "a=1",
		Remote: "127.0.0.1:5555", Status: 200, StartedAt: at, FirstByte: 3 * time.Millisecond, Duration: 4 * time.Millisecond, End: EndComplete,
		TraceID: fmt.Sprintf("%032x", n+1),
	}
	x.Request = message([]byte(fmt.Sprintf(`{"input_data":["text number %d"]}`, n)))
	x.Response = message([]byte(fmt.Sprintf(`{"label":"good","score":0.%d}`, n)))
	return x
}

func message(body []byte) Message {
	return Message{
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"a", "b"}},
		Size:   int64(len(body)), SHA256: sha256.Sum256(body), Body: body,
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func openTest(t testing.TB, dir string) *Archive {
	t.Helper()
	a, err := Open(dir, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, a *Archive, xs ...*Exchange) {
	t.Helper()
	ok(t, a.Append(xs))
}

// series is n exchanges a second apart from a time.
func series(from time.Time, n int) []*Exchange {
	xs := make([]*Exchange, n)
	for i := range xs {
		xs[i] = exchange(from.Add(time.Duration(i)*time.Second), i)
	}
	return xs
}

func sameMessage(t *testing.T, side string, got, want Message) {
	t.Helper()
	if got.Size != want.Size || got.SHA256 != want.SHA256 || got.Truncated != want.Truncated || got.Omitted != want.Omitted {
		t.Errorf("%s came back as %+v", side, got)
	}
	if !bytes.Equal(got.Body, want.Body) {
		t.Errorf("%s body has %d bytes, want %d", side, len(got.Body), len(want.Body))
	}
	if got.Erased != want.Erased || fmt.Sprint(got.Trailer, got.Chunks, got.Frames, got.Parts) != fmt.Sprint(want.Trailer, want.Chunks, want.Frames, want.Parts) {
		t.Errorf("%s came back as %+v", side, got)
	}
	if fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
		t.Errorf("%s header is %q, want %q", side, got.Header, want.Header)
	}
}

func TestRoundTrip(t *testing.T) {
	text := bytes.Repeat([]byte("a line of text that shrinks well\n"), 100)
	tests := map[string]func(*Exchange){
		"small bodies":      func(*Exchange) {},
		"no bodies":         func(x *Exchange) { x.Request, x.Response = Message{}, Message{} },
		"compressible":      func(x *Exchange) { x.Response = message(text) },
		"random, inline":    func(x *Exchange) { x.Response = message(noise(64 << 10)) },
		"random, file":      func(x *Exchange) { x.Response = message(noise(64<<10 + 1)) },
		"compressible file": func(x *Exchange) { x.Response = message(bytes.Repeat(text, 100)) },
		"truncated": func(x *Exchange) {
			x.Request.Truncated, x.Request.Size, x.Request.Body = true, 1<<40, noise(1000)
		},
		"redacted":     func(x *Exchange) { x.Request.Body = []byte("***") },
		"omitted":      func(x *Exchange) { x.Request.Omitted, x.Request.Body = true, nil },
		"odd texts":    func(x *Exchange) { x.Path, x.Query, x.Error = "/\xff\x00\n", "名=值", "line\nbreak" },
		"odd headers":  func(x *Exchange) { x.Request.Header = http.Header{"A:b\\": {"c\r\nd", `\n`, "", " e"}, "": {"f"}} },
		"odd trace":    func(x *Exchange) { x.TraceID = "not-hex" },
		"no answer":    func(x *Exchange) { x.Status, x.FirstByte, x.End, x.Instance = 0, 0, EndLost, "" },
		"session":      func(x *Exchange) { x.Session = "s-1" },
		"origin":       func(x *Exchange) { x.Source, x.Model, x.User, x.Cached = SourceShadow, "m-7b", "ann", true },
		"tags":         func(x *Exchange) { x.Tags = map[string]string{"run": "7", "a:b\n": "c\xff\n", "": ""} },
		"trace is id":  func(x *Exchange) { x.TraceID = strings.ReplaceAll(x.ID, "-", "") },
		"masked whole": func(x *Exchange) { x.Request.SHA256 = [32]byte{} },
		"empty, given": func(x *Exchange) { x.Request = Message{SHA256: emptySum} },
		"other digest": func(x *Exchange) { x.Request.SHA256 = emptySum },
		"trailers":     func(x *Exchange) { x.Response.Trailer = http.Header{"X-Sum": {"1", "2"}} },
		"chunks": func(x *Exchange) {
			x.Response.Chunks = []Chunk{{At: time.Millisecond, End: 5}, {At: 2 * time.Second, End: 1 << 40}, {At: 0, End: 3}}
		},
		"frames": func(x *Exchange) {
			x.Request.Frames = []Frame{{At: time.Second, Opcode: 0x41, Final: true, Size: 1 << 33, Kept: 7}, {At: time.Minute, Opcode: 8, Size: 2, Kept: 2}}
		},
		"parts": func(x *Exchange) {
			x.Request.Parts = []Part{{Name: "file", FileName: "a.png", ContentType: "image/png", Offset: 99, Size: 1 << 34, SHA256: emptySum}, {Name: "n\n"}}
		},
		"other service": func(x *Exchange) { x.Service, x.Release, x.Method, x.Path = "x", "", "GET", "" },
		"large truncated": func(x *Exchange) {
			x.Request.Truncated, x.Request.Size, x.Request.Body = true, 1<<40, noise(70<<10)
		},
		"zstd by itself": func(x *Exchange) { x.Request = message(append([]byte("\x28\xb5\x2f\xfd"), text...)) },
	}
	a := openTest(t, t.TempDir())
	n := 0
	for name, change := range tests {
		n++
		x := exchange(noon, n)
		change(x)
		t.Run(name, func(t *testing.T) {
			add(t, a, x)
			got, err := a.Get(t.Context(), x.ID)
			ok(t, err)
			sameMessage(t, "request", got.Request, x.Request)
			sameMessage(t, "response", got.Response, x.Response)
			got.Request, got.Response = Message{}, Message{}
			want := *x
			want.Request, want.Response = Message{}, Message{}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("came back as\n%+v, want\n%+v", got, want)
			}
		})
	}
}

func TestAppendAgainChangesNothing(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := series(noon, 70)
	add(t, a, xs...)
	add(t, a, xs...)
	s, err := a.Stats(t.Context(), Filter{}, ByNothing)
	ok(t, err)
	if s.Count != 70 {
		t.Errorf("%d records, want 70", s.Count)
	}
}

func TestBatchOverMidnightGoesToTwoFiles(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	midnight := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	late, early := exchange(midnight.Add(-time.Microsecond), 1), exchange(midnight, 2)
	early.StartedAt = midnight.In(time.FixedZone("far", 9*3600))
	add(t, a, early, late)
	for _, name := range []string{"2026-11-21.db", "2026-11-22.db"} {
		d, okDay := parseDay(name[:10])
		w, err := a.writer(d)
		ok(t, err)
		n, err := w.conn.Int("SELECT count(*) FROM exchanges")
		ok(t, err)
		if !okDay || n != 1 {
			t.Errorf("%s holds %d records", name, n)
		}
	}
	page, err := a.List(t.Context(), Filter{Since: midnight})
	ok(t, err)
	if len(page.Records) != 1 || page.Records[0].ID != early.ID {
		t.Errorf("since midnight there is %v", page.Records)
	}
	page, err = a.List(t.Context(), Filter{Until: midnight})
	ok(t, err)
	if len(page.Records) != 1 || page.Records[0].ID != late.ID {
		t.Errorf("until midnight there is %v", page.Records)
	}
}

func TestManyDaysStayWithinOpenFiles(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	for i := range 12 {
		add(t, a, exchange(noon.AddDate(0, 0, -i), i))
	}
	page, err := a.List(t.Context(), Filter{})
	ok(t, err)
	if len(page.Records) != 12 || len(a.writers) != maxWriters || len(a.readers.open) > maxReaders {
		t.Errorf("%d records, %d writers, %d readers", len(page.Records), len(a.writers), len(a.readers.open))
	}
	if left, err := filepath.Glob(filepath.Join(dir, "2026-11-10.db*")); err != nil || len(left) == 0 {
		t.Errorf("the oldest day file is gone: %v %v", left, err)
	}
}

func TestBadRecordsAreRefusedWhole(t *testing.T) {
	a := openTest(t, t.TempDir())
	for name, change := range map[string]func(*Exchange){
		"no id":    func(x *Exchange) { x.ID = "" },
		"v4 id":    func(x *Exchange) { x.ID = uuid.Must(uuid.NewRandom()).String() },
		"urn":      func(x *Exchange) { x.ID = "urn:uuid:" + x.ID },
		"far time": func(x *Exchange) { x.StartedAt = x.StartedAt.Add(time.Hour) },
		"no time":  func(x *Exchange) { x.StartedAt = time.Time{} },
	} {
		bad := exchange(noon, 2)
		change(bad)
		wantErr(t, a.Append([]*Exchange{exchange(noon, 1), bad}), ErrBadRecord, name)
	}
	s, err := a.Stats(t.Context(), Filter{}, ByNothing)
	ok(t, err)
	if s.Count != 0 {
		t.Errorf("%d records of refused batches were kept", s.Count)
	}
}
