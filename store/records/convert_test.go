package records

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
)

const oldSchema = `CREATE TABLE exchanges (
  id          BLOB PRIMARY KEY NOT NULL,
  service     TEXT NOT NULL,
  release     TEXT NOT NULL,
  instance    TEXT NOT NULL,
  session     TEXT,
  trace_id    BLOB,               -- 16 bytes, or text when it was not 32 hex digits
  method      TEXT NOT NULL,
  path        TEXT NOT NULL,
  query       TEXT NOT NULL,
  remote      TEXT NOT NULL,
  status      INTEGER NOT NULL,
  started_at  INTEGER NOT NULL,
  first_byte  INTEGER NOT NULL,
  duration    INTEGER NOT NULL,
  "end"       TEXT NOT NULL,
  error       TEXT NOT NULL,
  req_size    INTEGER NOT NULL,
  req_sha256  BLOB NOT NULL,
  req_flags   INTEGER NOT NULL,
  resp_size   INTEGER NOT NULL,
  resp_sha256 BLOB NOT NULL,
  resp_flags  INTEGER NOT NULL,
  req_header  TEXT NOT NULL,      -- "Name: value" lines; \ escapes \, line breaks, and colons in names
  resp_header TEXT NOT NULL,
  req_body    BLOB,               -- the kept bytes, zstd when flagged, or the SHA-256 that names a file
  resp_body   BLOB
);
CREATE INDEX exchanges_service ON exchanges (service, id);
CREATE INDEX exchanges_errors ON exchanges (id) WHERE status >= 400;
-- Where traces and sessions are found: for each transaction's rowids the 16-bit hashes of theirs, see lookup.go.
CREATE TABLE lookups (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, hashes BLOB NOT NULL);
-- The body files this day's rows name; a file that no day names is an orphan.
CREATE TABLE body_files (name TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 1;`

// writeOld makes a day file of version 1, with a body in every form that it could have.
func writeOld(t *testing.T, dir string) []Exchange {
	t.Helper()
	a := openTest(t, dir) // for its codec and body files
	db, err := sql.Open("sqlite3", dayOf(noon).file(dir)+"?_journal_mode=WAL")
	ok(t, err)
	_, err = db.Exec(oldSchema)
	ok(t, err)
	text, large := []byte(fmt.Sprintf("%01000d", 7)), noise(70<<10)
	flags := func(body []byte, bits int64) int64 { return int64(crc32.Checksum(body, castagnoli))<<8 | bits }
	sum := func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
	packed, _ := a.codec.pack(text)
	packedLarge, _ := a.codec.pack(append(text, make([]byte, 90<<10)...))
	ok(t, a.bodies.keep(bodyName(sum(large), false), large))
	ok(t, a.bodies.keep(bodyName(sum(append(text, make([]byte, 90<<10)...)), true), packedLarge))
	var want []Exchange
	for i := range 600 {
		x := *exchange(noon, i)
		x.Session, x.Request.Header = fmt.Sprint("s", i%5), http.Header{"A:b\\": {"c\r\nd", "e"}}
		stored, body, bits := []byte(nil), []byte(nil), int64(0)
		switch i % 5 {
		case 1:
			stored, body, bits = []byte("plain"), []byte("plain"), 0
		case 2:
			stored, body, bits = packed, text, oldZstd
		case 3:
			stored, body, bits = sum(large), large, oldFile
		case 4:
			body = append(text, make([]byte, 90<<10)...)
			stored, bits = sum(body), oldFile|oldZstd|oldTruncated
		}
		x.Response = message(body)
		x.Response.Header = nil
		if x.Response.Truncated = bits&oldTruncated != 0; x.Response.Truncated {
			x.Response.Size, x.Response.SHA256 = 1<<40, [32]byte{5}
		}
		id := parseID(t, x.ID)
		_, err := db.Exec(`INSERT INTO exchanges VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, id[:], x.Service, x.Release, x.Instance, x.Session,
			parseTrace(t, x.TraceID), x.Method, x.Path, x.Query, x.Remote, x.Status, x.StartedAt.UnixMicro(), x.FirstByte.Microseconds(), x.Duration.Microseconds(),
			string(x.End), x.Error, x.Request.Size, x.Request.SHA256[:], flags(x.Request.Body, 0), x.Response.Size, x.Response.SHA256[:], flags(body, bits),
			encodeHeader(x.Request.Header), "", x.Request.Body, stored)
		ok(t, err)
		want = append(want, x)
	}
	ok(t, db.Close())
	ok(t, a.Close())
	return want
}

func TestOldDayFilesAreConverted(t *testing.T) {
	dir := t.TempDir()
	want := writeOld(t, dir)
	ok(t, os.MkdirAll(filepath.Join(dir, convertFolder), 0o700)) // what a crash left
	ok(t, os.WriteFile(filepath.Join(dir, convertFolder, "2026-11-21.db"), []byte("half"), 0o600))
	for range 2 {
		a := openTest(t, dir)
		var batch []Exchange
		for at := (Position{}); ; {
			some, next, err := a.Follow(t.Context(), at, 1000)
			ok(t, err)
			if batch, at = append(batch, some...), next; len(some) == 0 {
				break
			}
		}
		if len(batch) != len(want) {
			t.Fatalf("%d records after the conversion, want %d", len(batch), len(want))
		}
		for i, x := range want {
			got := batch[i]
			sameMessage(t, "request", got.Request, x.Request)
			sameMessage(t, "response", got.Response, x.Response)
			got.Request, got.Response, x.Request, x.Response = Message{}, Message{}, Message{}, Message{}
			if fmt.Sprint(got) != fmt.Sprint(x) {
				t.Fatalf("came back as\n%+v, want\n%+v", got, x)
			}
		}
		v, err := a.Verify(t.Context(), noon, noon)
		ok(t, err)
		if !v.Sound {
			t.Errorf("verdict is %+v", v.Days[0].Bad)
		}
		add(t, a, exchange(noon, 0)) // is there already
		if n := count(t, a); n != 600 {
			t.Errorf("%d records", n)
		}
		ok(t, a.Close())
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func parseID(t testing.TB, text string) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(text)
	ok(t, err)
	return id
}

func parseTrace(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	ok(t, err)
	return b
}
