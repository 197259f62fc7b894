package records

import (
	"context"
	"database/sql"
)

// Trace and session ids are random: an index on them puts every new row on another page, and measured 16 µs of
// the 26 µs that a row then cost. Instead each block has a list of short hashes. A search reads all of
// a day's lists and then only the blocks that may hold what it seeks.

const hashSize = 3

// The first byte hashed keeps equal texts of different kinds apart.
const (
	hashTrace   = 't'
	hashSession = 's'
	hashUser    = 'u'
	hashTag     = 'g' // name, or name=value
)

// shortHash is FNV-1a folded to 24 bits; it is on disk and must not change.
func shortHash(kind byte, text string) uint32 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := (uint64(offset) ^ uint64(kind)) * prime
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	h ^= h >> 32
	return uint32(h^h>>24) & 0xffffff
}

// hashesOf are the hashes of a block's records, each once.
func hashesOf(recs []record) []byte {
	b := make([]byte, 0, hashSize*len(recs))
	var before [4]string
	add := func(slot int, kind byte, text string) {
		if text == "" || text == before[slot] {
			return
		}
		before[slot] = text
		h := shortHash(kind, text)
		b = append(b, byte(h), byte(h>>8), byte(h>>16))
	}
	for i := range recs {
		r := &recs[i]
		add(0, hashTrace, r.traceID())
		add(1, hashSession, r.texts[textSession])
		add(2, hashUser, r.texts[textUser])
		for name, value := range decodeTags(r.texts[textTags]) {
			add(3, hashTag, name)
			add(3, hashTag, name+"="+value)
		}
	}
	return b
}

func holds(hashes []byte, want uint32) bool {
	for ; len(hashes) >= hashSize; hashes = hashes[hashSize:] {
		if uint32(hashes[0])|uint32(hashes[1])<<8|uint32(hashes[2])<<16 == want {
			return true
		}
	}
	return false
}

const (
	listLookups = `SELECT first, hashes FROM lookups`
	ofIDs       = `id IN (SELECT unhex(value) FROM json_each(?))`
)

// namesOfDay steps through the index from one service to the next.
const namesOfDay = `WITH RECURSIVE found (s) AS (SELECT min(service) FROM exchanges
  UNION ALL SELECT (SELECT min(service) FROM exchanges WHERE service > s) FROM found WHERE s IS NOT NULL)
  SELECT n FROM names WHERE n IN (SELECT s FROM found) AND `

func (f Filter) servicesIn(ctx context.Context, db *sql.DB) (found []int64, err error) {
	text, args := f.matching("text")
	err = eachRow(ctx, db, namesOfDay+text, args, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		found = append(found, n)
		return err
	})
	return found, err
}
