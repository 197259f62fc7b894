package records

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/google/uuid"
)

// minPrefix is the shortest beginning of an id that is looked up, in hex digits.
const minPrefix = 4

const selectByID = `SELECT ` + allColumns + ` FROM exchanges WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2`

// Get returns one record with headers and bodies by its id or the beginning of it (at least 4 hex digits). None is
// ErrNotFound, several are ErrAmbiguous, something else than an id is ErrBadID. Bodies are checked against the
// sums stored with them; damage is ErrCorrupt.
func (a *Archive) Get(ctx context.Context, id string) (Exchange, error) {
	x, err := a.get(ctx, id)
	if err != nil {
		return Exchange{}, fmt.Errorf("record %s: %w", id, err)
	}
	return x, nil
}

func (a *Archive) get(ctx context.Context, id string) (Exchange, error) {
	low, high, err := idRange(id)
	if err != nil {
		return Exchange{}, err
	}
	var found []Exchange
	var kept []sides
	first, last := idTime(low).Add(-idSlack), idTime(high).Add(idSlack)
	warnings, err := a.eachDay(ctx, Filter{Since: first, Until: last}, func(_ day, db *sql.DB) error {
		return eachRow(ctx, db, selectByID, []any{low[:], high[:]}, func(rows *sql.Rows) error {
			var x Exchange
			var s sides
			err := scanExchange(rows, &x, &s, &s.reqHeader, &s.respHeader, &s.reqBody, &s.respBody)
			if err == nil {
				found, kept = append(found, x), append(kept, s)
			}
			return err
		})
	})
	switch {
	case err != nil:
		return Exchange{}, err
	case len(found) > 1:
		return Exchange{}, fmt.Errorf("%w: %s and %s among them; give more digits", ErrAmbiguous, found[0].ID, found[1].ID)
	case len(found) == 0 && len(warnings) > 0:
		return Exchange{}, fmt.Errorf("%w: it may be in a file that cannot be read: %s", ErrNotFound, strings.Join(warnings, "; "))
	case len(found) == 0:
		return Exchange{}, ErrNotFound
	}
	x, s := found[0], kept[0]
	x.Request.Header, x.Response.Header = decodeHeader(s.reqHeader), decodeHeader(s.respHeader)
	x.Request.Body, err = a.body(s.reqBody, s.reqFlags)
	if err != nil {
		return Exchange{}, fmt.Errorf("request body: %w", err)
	}
	x.Response.Body, err = a.body(s.respBody, s.respFlags)
	if err != nil {
		return Exchange{}, fmt.Errorf("response body: %w", err)
	}
	return x, nil
}

// body returns the plain bytes of a stored body, checked.
func (a *Archive) body(stored []byte, flags int64) (body []byte, err error) {
	body = stored
	if flags&flagFile != 0 {
		if len(stored) != sha256.Size {
			return nil, fmt.Errorf("%w: its file's name has %d bytes", ErrCorrupt, len(stored))
		}
		name := bodyName(stored, flags&flagZstd != 0)
		if body, err = a.bodies.read(name); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if flags&flagZstd != 0 {
		if body, err = a.codec.unpack(body); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if flags&flagFile != 0 && sha256.Sum256(body) != [32]byte(stored) {
		return nil, fmt.Errorf("%w: its file's bytes do not have the SHA-256 of its name", ErrCorrupt)
	}
	if int64(crc32.Checksum(body, castagnoli)) != flags>>flagBits {
		return nil, fmt.Errorf("%w: its bytes do not match their checksum", ErrCorrupt)
	}
	if len(body) == 0 {
		return nil, nil
	}
	return body, nil
}

// idRange returns the ids that begin with a text.
func idRange(text string) (low, high uuid.UUID, err error) {
	digits := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if whole, err := uuid.Parse(text); err == nil && len(text) == 36 {
		return whole, whole, nil
	}
	bad := fmt.Errorf("%w: give a UUID as `records list` shows it, or at least its first %d digits", ErrBadID, minPrefix)
	if len(digits) < minPrefix || len(digits) > 32 || !dashesFit(text) {
		return low, high, bad
	}
	if low, err = uuid.Parse(digits + strings.Repeat("0", 32-len(digits))); err != nil {
		return low, high, bad
	}
	high, err = uuid.Parse(digits + strings.Repeat("f", 32-len(digits)))
	return low, high, err
}

// dashesFit reports whether dashes are absent or where a UUID has them.
func dashesFit(text string) bool {
	if !strings.Contains(text, "-") {
		return true
	}
	for i, c := range text {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') {
			return false
		}
	}
	return len(text) <= 36
}
