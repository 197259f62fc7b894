package records

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
)

// Trace and session ids are random: an index on them puts every new row on another page, and measured 16 µs of
// the 26 µs that a row then cost. Instead each transaction leaves one list of short hashes. A search reads all of
// a day's lists (2 bytes for each id) and then only the rows of the transactions that may hold what it seeks:
// 0.4 % of them by chance.

const hashSize = 2

// The first byte hashed keeps traces and sessions of equal text apart.
const (
	hashTrace   = 't'
	hashSession = 's'
)

// shortHash is FNV-1a folded to 16 bits; it is on disk and must not change.
func shortHash(kind byte, text string) uint16 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := (uint64(offset) ^ uint64(kind)) * prime
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	h ^= h >> 32
	return uint16(h ^ h>>16)
}

func hashesOf(rows []encoded) []byte {
	b := make([]byte, 0, hashSize*len(rows))
	for i := range rows {
		if rows[i].trace != "" {
			b = binary.LittleEndian.AppendUint16(b, shortHash(hashTrace, rows[i].trace))
		}
		if rows[i].session != "" {
			b = binary.LittleEndian.AppendUint16(b, shortHash(hashSession, rows[i].session))
		}
	}
	return b
}

func holds(hashes []byte, want uint16) bool {
	for ; len(hashes) >= hashSize; hashes = hashes[hashSize:] {
		if binary.LittleEndian.Uint16(hashes) == want {
			return true
		}
	}
	return false
}

const (
	listLookups = `SELECT first, last, hashes FROM lookups`
	inTrace     = `SELECT rowid FROM exchanges WHERE rowid BETWEEN ? AND ? AND trace_id = ?`
	inSession   = `SELECT rowid FROM exchanges WHERE rowid BETWEEN ? AND ? AND session = ?`
	ofRows      = `rowid IN (SELECT value FROM json_each(?))`
)

// namesOfDay steps through the index from one service to the next.
const namesOfDay = `WITH RECURSIVE names (s) AS (SELECT min(service) FROM exchanges
  UNION ALL SELECT (SELECT min(service) FROM exchanges WHERE service > s) FROM names WHERE s IS NOT NULL)
  SELECT s FROM names WHERE s IS NOT NULL AND `

// whereIn is the filter's condition on one day. Service patterns, a trace and a session are looked up first, and
// what was found put in their place.
func (f Filter) whereIn(ctx context.Context, db *sql.DB) (*where, error) {
	w, trace := f.where(), canonicalTrace(f.TraceID)
	if len(f.Services) > 0 {
		services, err := f.servicesIn(ctx, db)
		if err != nil {
			return nil, err
		}
		w.only(services)
	}
	for _, by := range []struct {
		text, inRows string
		kind         byte
		stored       any
	}{
		{trace, inTrace, hashTrace, encodeTrace(trace)},
		{f.Session, inSession, hashSession, f.Session},
	} {
		if by.text == "" {
			continue
		}
		rows, err := lookUp(ctx, db, shortHash(by.kind, by.text), by.inRows, by.stored)
		if err != nil {
			return nil, err
		}
		w.and(ofRows, rows)
	}
	return w, nil
}

func (f Filter) servicesIn(ctx context.Context, db *sql.DB) (found []string, err error) {
	text, args := f.matching("s")
	err = eachRow(ctx, db, namesOfDay+text, args, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		found = append(found, s)
		return err
	})
	return found, err
}

// lookUp returns rowids as a JSON array.
func lookUp(ctx context.Context, db *sql.DB, want uint16, inRows string, stored any) (string, error) {
	type span struct{ first, last int64 }
	var spans []span
	err := eachRow(ctx, db, listLookups, nil, func(rows *sql.Rows) error {
		var s span
		var hashes sql.RawBytes
		err := rows.Scan(&s.first, &s.last, &hashes)
		if err == nil && holds(hashes, want) {
			spans = append(spans, s)
		}
		return err
	})
	found := []int64{}
	for i := 0; err == nil && i < len(spans); i++ {
		err = eachRow(ctx, db, inRows, []any{spans[i].first, spans[i].last, stored}, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			found = append(found, id)
			return err
		})
	}
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(found)
	return string(text), err
}
