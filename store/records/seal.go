package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"aictl/store"
)

// Seal says what the hash chain of a day's records was after so many of them.
type Seal = store.RecordSeal

// Book keeps outside of the day files what was sealed of them and taken from them.
type Book interface {
	RecordSeals(ctx context.Context) ([]store.RecordSeal, error)
	AddRecordSeal(ctx context.Context, seal store.RecordSeal) error
	RecordDays(ctx context.Context) ([]store.RecordDay, error)
	TakeRecords(ctx context.Context, day string, erased, removed int64) error
	TakeRecordDay(ctx context.Context, day string, at time.Time) error
}

// errNoBook says that this archive was opened without a place for seals.
var errNoBook = errors.New("the archive has no book of seals")

// sealAfter is how long after its end a day is sealed: requests that began before midnight end after it.
const sealAfter = time.Hour

const lastHead = `SELECT first + count - 1, head FROM blocks ORDER BY first DESC LIMIT 1`

// Seal writes down the count and the head of the hash chain of every day that is over and has records beyond its last
// seal; with today, of every day. It returns the new seals.
func (a *Archive) Seal(ctx context.Context, now time.Time, today bool) ([]Seal, error) {
	if a.o.Book == nil {
		return nil, errNoBook
	}
	old, err := a.o.Book.RecordSeals(ctx)
	if err != nil {
		return nil, err
	}
	sealed := map[string]int64{}
	for _, s := range old {
		sealed[s.Day] = max(sealed[s.Day], s.Count)
	}
	all, _, err := days(a.dir)
	var fresh []Seal
	for _, d := range all {
		if !today && now.Before((d + 1).begins().Add(sealAfter)) {
			continue
		}
		if end, known := a.ends.get(d); known && end == sealed[d.String()] {
			continue
		}
		s, found, err := a.sealOf(ctx, d)
		if err != nil {
			a.log.Warn("day file of records cannot be sealed", "day", d.String(), "err", err)
			continue
		}
		if !found || s.Count <= sealed[s.Day] {
			continue
		}
		s.SealedAt = now.UTC()
		if err := a.o.Book.AddRecordSeal(ctx, s); err != nil {
			return fresh, err
		}
		fresh = append(fresh, s)
	}
	return fresh, err
}

// Seals returns the seals of all days that are there, by day and count.
func (a *Archive) Seals(ctx context.Context) ([]Seal, error) {
	if a.o.Book == nil {
		return nil, errNoBook
	}
	seals, err := a.o.Book.RecordSeals(ctx)
	slices.SortFunc(seals, func(a, b Seal) int {
		if a.Day != b.Day {
			return int(mustDay(a.Day) - mustDay(b.Day))
		}
		return int(a.Count - b.Count)
	})
	return seals, err
}

func mustDay(text string) day {
	d, _ := parseDay(text)
	return d
}

func (a *Archive) sealOf(ctx context.Context, d day) (s Seal, found bool, err error) {
	s.Day = d.String()
	err = a.readers.with(ctx, d, func(db *sql.DB) error {
		return eachRow(ctx, db, lastHead, nil, func(rows *sql.Rows) error {
			var head []byte
			err := rows.Scan(&s.Count, &head)
			if err == nil && len(head) != len(s.Head) {
				err = fmt.Errorf("%w: a head of %d bytes", ErrCorrupt, len(head))
			}
			copy(s.Head[:], head)
			found = true
			return err
		})
	})
	return s, found && err == nil, err
}
