package records

import "strings"

// dayVersion is the day files' user_version. Version 1 had one row with both bodies for each exchange; such files
// are converted when the archive is opened, see convert.go.
const dayVersion = 2

// A day file's tables. An exchange is a slim row, which filters and statistics read, and one of up to blockMax records
// of a block, which holds everything: the row of a record can be made again from its block.
//
// Ids are the 16 bytes of a UUIDv7, times and durations microseconds, service … source numbers of names.
// seq counts the day's records from 1 in the order they were committed, without gaps and for ever: erasing a body and
// retention change no seq. The record seq is number seq-first of the block with the greatest first <= seq.
const daySchema = `
CREATE TABLE names (n INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
INSERT INTO names (n, text) VALUES (0, '');
CREATE TABLE exchanges (
  id         BLOB PRIMARY KEY NOT NULL,
  seq        INTEGER NOT NULL,
  service    INTEGER NOT NULL,
  release    INTEGER NOT NULL,
  instance   INTEGER NOT NULL,
  method     INTEGER NOT NULL,
  path       INTEGER NOT NULL,
  model      INTEGER NOT NULL,
  user       INTEGER NOT NULL,
  source     INTEGER NOT NULL,
  "end"      INTEGER NOT NULL,
  status     INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  first_byte INTEGER NOT NULL,
  duration   INTEGER NOT NULL,
  req_size   INTEGER NOT NULL,
  resp_size  INTEGER NOT NULL,
  flags      INTEGER NOT NULL     -- see rowCached and the bits after it
) WITHOUT ROWID;
CREATE INDEX exchanges_service ON exchanges (service, id);
CREATE INDEX exchanges_errors ON exchanges (id, status) WHERE status >= 400 OR status = 0;
-- Blocks of records, compressed together; head is the hash chain after the block's last record, see chain.go.
CREATE TABLE blocks (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, head BLOB NOT NULL, data BLOB NOT NULL);
-- For each block short hashes of its traces, sessions, users and tags, see lookup.go.
CREATE TABLE lookups (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
-- The body files this day's records name; a file that no day names is an orphan.
CREATE TABLE body_files (name TEXT PRIMARY KEY) WITHOUT ROWID;
` + findingSchema + `
PRAGMA user_version = 2;`

// Bits of the flags of a row.
const (
	rowCached = 1 << iota
	rowReqTruncated
	rowReqOmitted
	rowRespTruncated
	rowRespOmitted
	rowErased
)

const (
	rowColumns = `id, seq, service, release, instance, method, path, model, user, source, "end", status, started_at, first_byte,
  duration, req_size, resp_size, flags`
	columnCount = 18
	// rowsPerInsert is where more rows a statement stopped to pay.
	rowsPerInsert = 32
)

// A row that is there already fails the statement, which tells a batch that is given again; see dayWriter.insert.
const (
	insertHead     = `INSERT INTO exchanges (` + rowColumns + `) VALUES `
	insertName     = `INSERT INTO names (n, text) VALUES (?, ?)`
	insertBlock    = `INSERT INTO blocks (first, count, head, data) VALUES (?, ?, ?, ?)`
	deleteBlock    = `DELETE FROM blocks WHERE first = ?`
	insertLookup   = `INSERT INTO lookups (first, hashes) VALUES (?, ?)`
	deleteLookup   = `DELETE FROM lookups WHERE first = ?`
	insertBodyFile = `INSERT INTO body_files (name) VALUES (?) ON CONFLICT DO NOTHING`
)

func insertRows(n int) string {
	row := "(" + strings.Repeat("?,", columnCount-1) + "?)"
	return insertHead + strings.Repeat(row+",", n-1) + row
}
