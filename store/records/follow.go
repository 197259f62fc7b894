package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"sync"
)

// followBytes ends a batch of Follow early, in bytes of bodies.
const followBytes = 16 << 20

// Follow returns the next whole records in the order they were committed, day by day, at most limit, and the position after
// them. A batch of none says that there is no more for now; a record that is committed late to an earlier day comes with a later batch. A
// position may be kept over restarts. Days that are gone leave it, records that are removed are passed over, and so are those
// of a block that is damaged, of which the log tells.
func (a *Archive) Follow(ctx context.Context, from Position, limit int) (batch []Exchange, next Position, err error) {
	all, _, err := days(a.dir)
	if err != nil {
		return nil, from, fmt.Errorf("follow records: %w", err)
	}
	f := follower{a: a, left: max(limit, 1), bytes: followBytes}
	next = Position{}
	for _, d := range all {
		seq := from[d.String()]
		if f.left > 0 && f.bytes > 0 {
			seq, err = f.day(ctx, d, seq)
		}
		if err != nil {
			return nil, maps.Clone(from), fmt.Errorf("follow records of %s: %w", d, err)
		}
		if seq > 0 {
			next[d.String()] = seq
		}
	}
	return f.batch, next, nil
}

// follower gathers one batch.
type follower struct {
	a     *Archive
	batch []Exchange
	left  int
	bytes int
}

// day adds records of a day after one, and returns the last that was seen. A file that cannot be read keeps its place.
func (f *follower) day(ctx context.Context, d day, seq int64) (int64, error) {
	if end, known := f.a.ends.get(d); known && end == seq {
		return seq, nil
	}
	place := seq
	err := f.a.readers.with(ctx, d, func(db *sql.DB) error {
		end, err := f.a.endOf(ctx, d, db)
		if err != nil {
			return err
		}
		if place > end { // the day was removed and begun anew
			place = 0
		}
		for err == nil && place < end && f.left > 0 && f.bytes > 0 {
			place, err = f.block(ctx, d, db, place)
		}
		return err
	})
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrClosed) {
		return place, errors.Join(err, ctx.Err())
	}
	if f.a.ends.tell(d) {
		f.a.log.Warn("day file of records cannot be followed", "day", d.String(), "err", err)
	}
	return place, nil
}

// block adds the records of one block after a place.
func (f *follower) block(ctx context.Context, d day, db *sql.DB, place int64) (int64, error) {
	b, err := f.a.blockWith(ctx, d, db, place+1)
	if errors.Is(err, ErrCorrupt) {
		return f.skip(ctx, d, db, place, err)
	}
	if err != nil {
		return place, err
	}
	for i := place + 1 - b.first; i < int64(len(b.recs)) && f.left > 0 && f.bytes > 0; i++ {
		place = b.first + i
		r := &b.recs[i]
		if r.state == stateRemoved {
			continue
		}
		x, err := f.a.whole(r)
		if err != nil { // the file of a body: the rest of the record is sound
			f.a.log.Error("record is passed on without its body", "record", x.ID, "err", err)
		}
		f.batch = append(f.batch, x)
		f.left--
		f.bytes -= len(x.Request.Body) + len(x.Response.Body)
	}
	return place, nil
}

// skip goes past a damaged block.
func (f *follower) skip(ctx context.Context, d day, db *sql.DB, place int64, damage error) (int64, error) {
	next := int64(0)
	err := eachRow(ctx, db, `SELECT coalesce(min(first), 0) FROM blocks WHERE first > ?`, []any{place + 1}, func(rows *sql.Rows) error { return rows.Scan(&next) })
	if err != nil {
		return place, err
	}
	if next == 0 {
		if next, err = f.a.endOf(ctx, d, db); err != nil {
			return place, err
		}
		next++
	}
	f.a.log.Error("records of a damaged block are passed over", "day", d.String(), "first", place+1, "last", next-1, "err", damage)
	return next - 1, nil
}

// ends knows the last seq of each day: this process is the only one that writes.
type ends struct {
	mu   sync.Mutex
	last map[day]int64
	told map[day]bool
	gone int // how often a day was forgotten
}

func (e *ends) get(d day) (n int64, known bool) {
	n, known, _ = e.look(d)
	return n, known
}

func (e *ends) look(d day) (n int64, known bool, gone int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, known = e.last[d]
	return n, known, e.gone
}

// read sets what a reader found, unless a day was removed since it looked.
func (e *ends) read(d day, n int64, gone int) {
	if _, _, now := e.look(d); now == gone {
		e.set(d, n)
	}
}

// set never goes back: a reader may have looked before the last commit.
func (e *ends) set(d day, n int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil {
		e.last, e.told = map[day]int64{}, map[day]bool{}
	}
	e.last[d] = max(e.last[d], n)
}

func (e *ends) forget(d day) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.last, d)
	delete(e.told, d)
	e.gone++
}

// tell reports whether trouble with a day is news.
func (e *ends) tell(d day) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	news := !e.told[d]
	if e.told == nil {
		e.last, e.told = map[day]int64{}, map[day]bool{}
	}
	e.told[d] = true
	return news
}

// endOf returns the last seq of a day.
func (a *Archive) endOf(ctx context.Context, d day, db *sql.DB) (int64, error) {
	n, known, gone := a.ends.look(d)
	if known {
		return n, nil
	}
	err := eachRow(ctx, db, `SELECT first + count - 1 FROM blocks ORDER BY first DESC LIMIT 1`, nil, func(rows *sql.Rows) error { return rows.Scan(&n) })
	if err == nil {
		a.ends.read(d, n, gone)
	}
	return n, err
}
