package records

import "strings"

// dayVersion is the day files' user_version.
const dayVersion = 1

// A day file's tables. Ids are the 16 bytes of a UUIDv7, times and durations microseconds, and *_flags is
// CRC-32C of the kept body << 8 | flag bits. Bodies come last, so that reading the rest skips them.
const daySchema = `
CREATE TABLE exchanges (
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

// Columns without headers and bodies, and all, in the order of the table.
const (
	listColumns = `id, service, release, instance, session, trace_id, method, path, query, remote, status, started_at, first_byte,
  duration, "end", error, req_size, req_sha256, req_flags, resp_size, resp_sha256, resp_flags`
	allColumns  = listColumns + `, req_header, resp_header, req_body, resp_body`
	columnCount = 26
	// rowsPerInsert is where more rows a statement stopped to pay.
	rowsPerInsert = 32
)

// A record that is stored already stays as it is, so that a batch can be written again after an error.
const (
	insertHead     = `INSERT INTO exchanges (` + allColumns + `) VALUES `
	insertTail     = ` ON CONFLICT (id) DO NOTHING`
	maxRowID       = `SELECT coalesce(max(rowid), 0) FROM exchanges`
	insertLookup   = `INSERT INTO lookups (first, last, hashes) VALUES (?, ?, ?)`
	insertBodyFile = `INSERT INTO body_files (name) VALUES (?) ON CONFLICT DO NOTHING`
)

func insertRows(n int) string {
	row := "(" + strings.Repeat("?,", columnCount-1) + "?)"
	return insertHead + strings.Repeat(row+",", n-1) + row + insertTail
}
