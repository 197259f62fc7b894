package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// minPrefix is the shortest beginning of an id that is looked up, in hex digits.
const minPrefix = 4

const selectByID = `SELECT id, seq FROM exchanges WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2`

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
	var found []*record
	var damage error
	first, last := idTime(low).Add(-idSlack), idTime(high).Add(idSlack)
	warnings, err := a.eachDay(ctx, Filter{Since: first, Until: last}, func(d day, db *sql.DB) error {
		err := a.recordsBetween(ctx, d, db, low, high, &found)
		if errors.Is(err, ErrCorrupt) {
			damage, err = err, nil
		}
		return err
	})
	switch {
	case err != nil:
		return Exchange{}, err
	case len(found) > 1:
		return Exchange{}, fmt.Errorf("%w: %s and %s among them; give more digits", ErrAmbiguous, found[0].id, found[1].id)
	case damage != nil:
		return Exchange{}, damage
	case len(found) == 1:
		return a.whole(found[0])
	case len(warnings) > 0:
		return Exchange{}, fmt.Errorf("%w: it may be in a file that cannot be read: %s", ErrNotFound, strings.Join(warnings, "; "))
	}
	return Exchange{}, ErrNotFound
}

// recordsBetween adds the first two records of a range of ids.
func (a *Archive) recordsBetween(ctx context.Context, d day, db *sql.DB, low, high uuid.UUID, found *[]*record) error {
	var refs []ref
	err := eachRow(ctx, db, selectByID, []any{low[:], high[:]}, func(rows *sql.Rows) error {
		var id []byte
		r := ref{day: d}
		err := rows.Scan(&id, &r.seq)
		copy(r.id[:], id)
		refs = append(refs, r)
		return err
	})
	for i := 0; err == nil && i < len(refs); i++ {
		var r *record
		if r, err = a.pick(ctx, d, db, refs[i].id[:], refs[i].seq); err == nil {
			*found = append(*found, r)
		}
	}
	return err
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
