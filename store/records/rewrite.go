package records

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"
)

// rewriteBlocks is how many blocks one transaction changes: appending waits no longer than that takes.
const rewriteBlocks = 16

// rewriting changes records of a day that are stored, some blocks at a time. Their number and the hash chain stay.
type rewriting struct {
	a      *Archive
	d      day
	change func(*record) (changed bool)
	row    func(w *dayWriter, r *record) error // brings the row of a changed record up to date; r is as it was before
	last   func(*dayWriter) error              // within the last transaction; may be nil
	files  map[string]bool                     // of bodies that records had and may be named by none now
	texts  map[string]bool                     // of names that may be used by no row now
	n      int64                               // records changed
}

// do changes the records numbered seqs, which are sorted.
func (w *rewriting) do(ctx context.Context, seqs []int64) error {
	for len(seqs) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.some(seqs)
		if err != nil {
			return err
		}
		seqs = seqs[n:]
	}
	return nil
}

// some changes records of at most rewriteBlocks blocks, and returns how many of seqs that were.
func (w *rewriting) some(seqs []int64) (done int, err error) {
	a := w.a
	a.taking.Lock()
	defer a.taking.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0, ErrClosed
	}
	to, err := a.writer(w.d)
	if err != nil {
		return 0, err
	}
	defer a.cache.forget(w.d)
	err = to.conn.Atomically(func() error {
		for range rewriteBlocks {
			if done == len(seqs) {
				return nil
			}
			n, err := w.block(to, seqs[done:])
			if err != nil {
				return err
			}
			done += n
		}
		return nil
	})
	if err == nil {
		err = to.load()
	}
	if err != nil {
		a.forget(to)
		return 0, errors.Join(err, to.abandon())
	}
	return done, nil
}

const (
	blockHolding = `SELECT first, count, head, data FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 1`
	updateBlock  = `UPDATE blocks SET data = ? WHERE first = ?`
	updateLookup = `UPDATE lookups SET hashes = ? WHERE first = ?`
)

// block changes the records of one block, and returns how many of seqs it holds.
func (w *rewriting) block(to *dayWriter, seqs []int64) (n int, err error) {
	var first, count int64
	var data []byte
	if err := to.query(blockHolding, func(row []driver.Value) (err error) {
		first, count, _, data, err = blockRow(row)
		return err
	}, seqs[0]); err != nil {
		return 0, err
	}
	b, err := w.a.decodeBlock(w.d, first, count, data)
	if err != nil {
		return 0, err
	}
	gone, changed := seqSet{}, false
	for n < len(seqs) && seqs[n] < first+count {
		r := &b.recs[seqs[n]-first]
		before := *r
		if w.change(r) {
			changed = true
			gone.add(seqs[n])
			w.leaves(&before)
			if err := w.row(to, &before); err != nil {
				return n, err
			}
		}
		n++
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: no block holds record %d", ErrCorrupt, seqs[0])
	}
	if !changed {
		return n, nil
	}
	return n, errors.Join(to.replace(first, b.recs), to.unindex(gone))
}

// leaves notes what a record that is changed may have been the last to name.
func (w *rewriting) leaves(r *record) {
	w.n++
	w.texts[r.texts[textUser]] = true
	for i := range r.sides {
		if s := &r.sides[i]; s.file {
			w.files[bodyName(s.kept[:], s.packed)] = true
		}
	}
}

// replace writes a block anew.
func (w *dayWriter) replace(first int64, recs []record) error {
	b := newRaw(recs)
	for i := range recs {
		b.add(&recs[i])
	}
	return errors.Join(w.exec(updateBlock, w.codec.packBlock(b).seal(b.fixed), first), w.exec(updateLookup, hashesOf(recs), first))
}

// finish takes away what no record of the day names any more: texts and body files. Then it empties the write-ahead log, in which
// the old pages still stand.
func (w *rewriting) finish(ctx context.Context) (bodies int, err error) {
	a := w.a
	a.taking.Lock()
	defer a.taking.Unlock()
	if len(w.files) > 0 {
		if err := w.unnamed(); err != nil {
			return 0, err
		}
	}
	if err := a.writing(w.d, w.tidy); err != nil {
		return 0, err
	}
	if err := w.shrink(ctx); err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range w.files {
		removed, err := a.removeBody(name)
		if err != nil {
			return bodies, err
		}
		bodies += removed
	}
	return bodies, nil
}

const (
	deleteName = `DELETE FROM names WHERE text = ?1 AND n > 0 AND NOT EXISTS (SELECT 1 FROM exchanges WHERE names.n IN
  (user, service, release, instance, method, path, model, source, "end")) AND NOT EXISTS (SELECT 1 FROM path_values WHERE path = names.n)`
	deleteBodyFile = `DELETE FROM body_files WHERE name = ?`
)

func (w *rewriting) tidy(to *dayWriter) error {
	err := to.conn.Atomically(func() error {
		for text := range w.texts {
			if err := to.exec(deleteName, text); err != nil {
				return err
			}
		}
		for name := range w.files {
			if err := to.exec(deleteBodyFile, name); err != nil {
				return err
			}
		}
		if w.last != nil {
			return w.last(to)
		}
		return nil
	})
	return errors.Join(err, to.load())
}

// shrinkTries and shrinkPause are how long readers are waited for: 10 s.
const (
	shrinkTries = 200
	shrinkPause = 50 * time.Millisecond
)

// shrink makes the file smaller, bit by bit, so that appending goes on in between.
func (w *rewriting) shrink(ctx context.Context) error {
	pause := time.NewTicker(shrinkPause)
	defer pause.Stop()
	for tries, more := 0, true; more; {
		err := w.a.writing(w.d, func(to *dayWriter) (err error) {
			more, err = to.shrink()
			return err
		})
		if errors.Is(err, errRead) && tries < shrinkTries {
			tries, more = tries+1, true
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writing gives the writer of a day to f.
func (a *Archive) writing(d day, f func(*dayWriter) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	w, err := a.writer(d)
	if err == nil {
		err = f(w)
	}
	return err
}

// shrinkPages is how many pages are given back at a time: appending waits no longer than that takes.
const shrinkPages = 2000

// shrink gives some of the pages that became free back, and empties the write-ahead log after the last.
func (w *dayWriter) shrink() (more bool, err error) {
	before, err := w.conn.Int("PRAGMA freelist_count")
	if err != nil {
		return false, err
	}
	if err := w.query(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkPages), func([]driver.Value) error { return nil }); err != nil {
		return false, err
	}
	left, err := w.conn.Int("PRAGMA freelist_count")
	if err != nil || left > 0 && left < before {
		return true, err
	}
	return false, w.emptyLog()
}

// errRead says that readers keep the write-ahead log from being emptied.
var errRead = fmt.Errorf("%w for reading, so that old pages stay in its log; try again", ErrBusy)

// emptyLog does not wait for readers, for nobody can append meanwhile.
func (w *dayWriter) emptyLog() error {
	if _, err := w.conn.Int("PRAGMA busy_timeout = 20"); err != nil {
		return err
	}
	busy, err := w.conn.Int("PRAGMA wal_checkpoint(TRUNCATE)")
	if _, restored := w.conn.Int("PRAGMA busy_timeout = 5000"); err == nil {
		err = restored
	}
	if err == nil && busy != 0 {
		err = errRead
	}
	return err
}

// unnamed takes the files that other records of the day name out of those that may go.
func (w *rewriting) unnamed() error {
	seq := int64(1)
	for len(w.files) > 0 {
		recs, next, err := w.a.recordsFrom(w.d, seq)
		if err != nil || len(recs) == 0 {
			return err
		}
		for i := range recs {
			for j := range recs[i].sides {
				if s := &recs[i].sides[j]; s.file {
					delete(w.files, bodyName(s.kept[:], s.packed))
				}
			}
		}
		seq = next
	}
	return nil
}

// recordsFrom reads the block that begins at or before a record and holds it; none after the last.
func (a *Archive) recordsFrom(d day, seq int64) (recs []record, next int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, 0, ErrClosed
	}
	to, err := a.writer(d)
	if err != nil {
		return nil, 0, err
	}
	err = to.query(blockHolding, func(row []driver.Value) error {
		first, count, _, data, err := blockRow(row)
		if err != nil || first+count <= seq {
			return err
		}
		b, err := a.decodeBlock(d, first, count, data)
		if err == nil {
			recs, next = b.recs, first+count
		}
		return err
	}, seq)
	return recs, next, err
}

// removeBody removes a body's file unless a day still names it or a record that is being appended is about to. The caller holds mu.
func (a *Archive) removeBody(name string) (removed int, err error) {
	all, _, err := days(a.dir)
	for _, d := range all {
		var named bool
		if named, err = a.names(d, name); named || err != nil {
			return 0, err
		}
	}
	if err != nil {
		return 0, err
	}
	return a.bodies.removeNow(name)
}

func (a *Archive) names(d day, name string) (found bool, err error) {
	w, err := a.writer(d)
	if err != nil {
		return true, err
	}
	err = w.query(`SELECT 1 FROM body_files WHERE name = ?`, func([]driver.Value) error {
		found = true
		return nil
	}, name)
	return found, err
}

// sortedUnique prepares the numbers of records for do.
func sortedUnique(seqs []int64) []int64 {
	slices.Sort(seqs)
	return slices.Compact(seqs)
}
