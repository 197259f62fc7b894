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

// Verdict is what Verify found. Sound is whether nothing was.
type Verdict struct {
	Sound bool
	Days  []DayVerdict
}

// DayVerdict is what Verify found of one day. Bad is nil when it is sound.
type DayVerdict struct {
	Day     string
	Records int64    // that are there, erased ones included
	Erased  int64    // of those
	Removed int64    // by retention
	Head    [32]byte // of the hash chain after the last record that is sound
	Sealed  int64    // up to which record the seals of the day hold
	Bad     *Bad
}

// Bad is the first record of a day that is not what was committed, and what is wrong with it.
type Bad struct {
	Seq    int64  // its number in the order of commits, 0 when the day as a whole is meant
	ID     string // "" when it cannot be read
	Reason string
}

// Verify reads every record of the days from since to until (zero is without bound) and compares it with the hash chain, with
// its row, with the files of its bodies and with the seals. It ends early with the context's error only.
func (a *Archive) Verify(ctx context.Context, since, until time.Time) (Verdict, error) {
	v := Verdict{Sound: true}
	b, err := a.books(ctx)
	if err != nil {
		return v, fmt.Errorf("verify records: %w", err)
	}
	all, aside, err := days(a.dir)
	if err != nil {
		return v, fmt.Errorf("verify records: %w", err)
	}
	there := slices.Clone(all)
	for text := range b.seals {
		if d, ok := parseDay(text); ok && !slices.Contains(there, d) {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	f := Filter{Since: since, Until: until}
	for _, d := range all {
		if !f.covers(d) {
			continue
		}
		dv := DayVerdict{Day: d.String()}
		if !slices.Contains(there, d) {
			dv.Bad = &Bad{Reason: "the day is sealed and its file is missing"}
		} else if err := a.verifyDay(ctx, d, &dv); err != nil {
			return v, fmt.Errorf("verify records of %s: %w", d, err)
		}
		v.Days, v.Sound = append(v.Days, dv), v.Sound && dv.Bad == nil
	}
	for _, name := range aside {
		if d, ok := asideDay(name); ok && f.covers(d) {
			v.Days, v.Sound = append(v.Days, DayVerdict{Day: d.String(), Bad: &Bad{Reason: name + " was damaged and set aside"}}), false
		}
	}
	return v, nil
}

// books is what is known from outside of the day files.
type books struct {
	seals map[string][]Seal
	taken map[string]store.RecordDay
}

func (a *Archive) books(ctx context.Context) (books, error) {
	b := books{seals: map[string][]Seal{}, taken: map[string]store.RecordDay{}}
	if a.o.Book == nil {
		return b, nil
	}
	seals, err := a.o.Book.RecordSeals(ctx)
	if err != nil {
		return b, err
	}
	for _, s := range seals {
		b.seals[s.Day] = append(b.seals[s.Day], s)
	}
	taken, err := a.o.Book.RecordDays(ctx)
	for _, d := range taken {
		b.taken[d.Day] = d
	}
	return b, err
}

// errBad carries a Bad out of the reading of a day.
type errBad struct{ bad *Bad }

func (e errBad) Error() string { return e.bad.Reason }

func bad(seq int64, id string, format string, args ...any) error {
	return errBad{&Bad{Seq: seq, ID: id, Reason: fmt.Sprintf(format, args...)}}
}

func (a *Archive) verifyDay(ctx context.Context, d day, dv *DayVerdict) error {
	a.taking.RLock() // nothing is erased or removed meanwhile
	defer a.taking.RUnlock()
	b, err := a.books(ctx) // now, for what is taken is noted before it is
	if err != nil {
		return err
	}
	dv.Head = firstHead(d)
	err = a.readers.with(ctx, d, func(db *sql.DB) error {
		c := &chainCheck{a: a, ctx: ctx, d: d, db: db, v: dv, seals: b.seals[dv.Day]}
		if err := c.walk(); err != nil {
			return err
		}
		return c.whole(b)
	})
	var found errBad
	switch {
	case errors.As(err, &found):
		dv.Bad = found.bad
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrClosed):
		return err
	case err != nil:
		dv.Bad = &Bad{Reason: "the day's file cannot be read: " + err.Error()}
	}
	return nil
}

// chainCheck goes through the blocks of a day in order.
type chainCheck struct {
	a     *Archive
	ctx   context.Context
	d     day
	db    *sql.DB
	v     *DayVerdict
	seals []Seal
	end   int64 // the last record that was read
	h     hasher
}

const blockFrom = `SELECT first, count, head, data FROM blocks WHERE first <= ?1 AND first + count > ?1 ORDER BY first DESC LIMIT 1`

// walk holds no transaction between blocks: the last ones may grow meanwhile.
func (c *chainCheck) walk() error {
	for {
		var first, count int64
		var head, data []byte
		if err := eachRow(c.ctx, c.db, blockFrom, []any{c.end + 1}, func(rows *sql.Rows) error { return rows.Scan(&first, &count, &head, &data) }); err != nil {
			return err
		}
		if data == nil {
			more, err := c.gap()
			if err != nil || !more {
				return err
			}
			continue
		}
		b, err := c.a.decodeBlock(c.d, first, count, data)
		if err != nil {
			return bad(c.end+1, "", "its block is damaged: %v", err)
		}
		if err := c.block(b, head); err != nil {
			return err
		}
	}
}

// gap tells the end of the day from a block that is missing, and from one that came meanwhile: then there is more.
func (c *chainCheck) gap() (more bool, err error) {
	var next, rows int64
	if err := eachRow(c.ctx, c.db, `SELECT coalesce(min(first), 0) FROM blocks WHERE first > ?`, []any{c.end}, func(r *sql.Rows) error { return r.Scan(&next) }); err != nil {
		return false, err
	}
	if next == c.end+1 {
		return true, nil
	}
	if next > 0 {
		return false, bad(c.end+1, "", "records %d to %d are missing", c.end+1, next-1)
	}
	if n := len(c.seals); n > 0 && c.seals[n-1].Count > c.end {
		return false, bad(c.end+1, "", "records %d to %d are missing: the day was sealed with %d", c.end+1, c.seals[n-1].Count, c.seals[n-1].Count)
	}
	if err := eachRow(c.ctx, c.db, `SELECT count(*) FROM exchanges WHERE seq <= ?`, []any{c.end}, func(r *sql.Rows) error { return r.Scan(&rows) }); err != nil {
		return false, err
	}
	if rows != c.v.Records {
		return false, bad(0, "", "there are %d rows of %d records", rows, c.v.Records)
	}
	return false, nil
}

func (c *chainCheck) block(b *block, stored []byte) error {
	var live []*record
	for i := c.end + 1 - b.first; i < int64(len(b.recs)); i++ {
		r := &b.recs[i]
		seq := b.first + i
		head := nextHead(c.v.Head, c.h.leaf(r))
		if string(head[:tagSize]) != string(r.tag[:]) {
			return bad(seq, r.name(), "it is not what was committed, or not in its place")
		}
		c.v.Head, c.end = head, seq
		if err := c.seal(seq, r); err != nil {
			return err
		}
		switch r.state {
		case stateRemoved:
			c.v.Removed++
			continue
		case stateErased:
			c.v.Erased++
		}
		c.v.Records++
		live = append(live, r)
		if err := c.files(seq, r); err != nil {
			return err
		}
	}
	if string(stored) != string(c.v.Head[:]) {
		return bad(c.end, b.recs[len(b.recs)-1].name(), "the head of its block is not that of the hash chain")
	}
	return c.rows(b, live)
}

func (r *record) name() string {
	if r.state == stateRemoved {
		return ""
	}
	return r.id.String()
}

func (c *chainCheck) seal(seq int64, r *record) error {
	for _, s := range c.seals {
		if s.Count != seq {
			continue
		}
		if s.Head != c.v.Head {
			return bad(seq, r.name(), "the hash chain up to it is not the one that was sealed at %s: records before it were changed", s.SealedAt.Format(time.RFC3339))
		}
		c.v.Sealed = seq
	}
	return nil
}

func (c *chainCheck) files(seq int64, r *record) error {
	for i := range r.sides {
		if s := &r.sides[i]; s.file {
			if _, err := c.a.readBody(s); err != nil {
				return bad(seq, r.name(), "%v", err)
			}
		}
	}
	return nil
}

// whole compares what was taken from the day with what aictl itself took.
func (c *chainCheck) whole(b books) error {
	taken := b.taken[c.v.Day]
	if c.a.o.Book == nil {
		return nil
	}
	if c.v.Erased > taken.Erased {
		return bad(0, "", "%d records are erased, but only %d were erased on request", c.v.Erased, taken.Erased)
	}
	if c.v.Removed > taken.Removed {
		return bad(0, "", "%d records are removed, but only %d were removed by retention", c.v.Removed, taken.Removed)
	}
	return nil
}
