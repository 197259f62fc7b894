package records

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aictl/store/internal/sqlite"
)

// Retention bounds what is kept of one service; zero is without bound. Whole days go, the oldest first; today's stays.
type Retention struct {
	Age   time.Duration
	Bytes int64 // of requests and responses, as many as passed
	Rows  int64
}

// Retain removes what the retentions do not keep any more. A service without one of its own, or without an age in it, keeps its
// records for keep; 0 is for ever. A day of which no service keeps anything goes as a file. Of other days the records of a service are taken
// out: their hashes stay, so that the rest can still be verified, and the book says how many they were.
func (a *Archive) Retain(ctx context.Context, now time.Time, keep time.Duration, own map[string]Retention) (Swept, error) {
	s := Swept{}
	p := &retaining{a: a, now: now, keep: keep, own: own, rows: map[string]int64{}, bytes: map[string]int64{}}
	if err := p.days(ctx, &s); err != nil {
		return s, fmt.Errorf("sweep records: %w", err)
	}
	if err := a.sweepBodies(ctx, &s); err != nil {
		return s, fmt.Errorf("sweep bodies of records: %w", err)
	}
	return s, nil
}

// retaining goes through the days, the newest first, and counts.
type retaining struct {
	a           *Archive
	now         time.Time
	keep        time.Duration
	own         map[string]Retention
	rows, bytes map[string]int64 // of the days so far, by service
}

// usage is how much a day holds of a service.
type usage struct{ rows, bytes int64 }

func (p *retaining) days(ctx context.Context, s *Swept) error {
	all, aside, err := days(p.a.dir)
	if err != nil {
		return err
	}
	slices.Reverse(all)
	for _, d := range all {
		if err := p.day(ctx, d, s); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	for _, name := range aside {
		if d, ok := asideDay(name); !ok || !p.tooOld(d, p.keep) {
			continue
		}
		n, err := removeFiles(filepath.Join(p.a.dir, name))
		if err != nil {
			return err
		}
		s.Bytes += n
	}
	return sqlite.SyncDir(p.a.dir)
}

func (p *retaining) tooOld(d day, age time.Duration) bool {
	return age > 0 && d < dayOf(p.now.Add(-age))
}

// expired decides for one service of one day.
func (p *retaining) expired(d day, service string, u usage) bool {
	own := p.own[service]
	age := own.Age
	if age == 0 {
		age = p.keep
	}
	p.rows[service] += u.rows
	p.bytes[service] += u.bytes
	if d >= dayOf(p.now) {
		return false
	}
	return p.tooOld(d, age) || own.Rows > 0 && p.rows[service] > own.Rows || own.Bytes > 0 && p.bytes[service] > own.Bytes
}

func (p *retaining) day(ctx context.Context, d day, s *Swept) error {
	used, err := p.a.usageOf(ctx, d)
	if errors.Is(err, ErrClosed) || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if err != nil { // what the file holds cannot be known: its age alone decides
		used = nil
	}
	var gone []string
	for service, u := range used {
		if p.expired(d, service, u) {
			gone = append(gone, service)
		}
	}
	if len(gone) == len(used) && (len(used) > 0 || p.tooOld(d, p.keep)) {
		n, err := p.a.removeDay(ctx, d, p.now)
		s.Days, s.Bytes = append(s.Days, d.String()), s.Bytes+n
		return err
	}
	slices.Sort(gone)
	for _, service := range gone {
		n, err := p.a.removeService(ctx, d, service, s)
		s.Records += n
		if err != nil {
			return fmt.Errorf("remove service %s: %w", service, err)
		}
	}
	return nil
}

// usageOf sums the rollups of a day up by service.
func (a *Archive) usageOf(ctx context.Context, d day) (map[string]usage, error) {
	used := map[string]usage{}
	err := a.readers.with(ctx, d, func(db *sql.DB) error {
		byNumber := map[int64]usage{}
		err := eachRollup(ctx, db, func(g *group, _ bool) {
			u := byNumber[g.key[keyService]]
			byNumber[g.key[keyService]] = usage{u.rows + g.count, u.bytes + g.in + g.out}
		}, func(int64, int64) {})
		if err != nil {
			return err
		}
		return eachRow(ctx, db, `SELECT n, text FROM names`, nil, func(rows *sql.Rows) error {
			var n int64
			var text string
			err := rows.Scan(&n, &text)
			if u, ok := byNumber[n]; ok {
				used[text] = u
			}
			return err
		})
	})
	return used, err
}

const (
	seqsOfService = `SELECT seq FROM exchanges WHERE service = (SELECT n FROM names WHERE text = ?)`
	removeRow     = `DELETE FROM exchanges WHERE id = ?`
)

// removeService takes all records of a service out of a day.
func (a *Archive) removeService(ctx context.Context, d day, service string, s *Swept) (int64, error) {
	var seqs []int64
	err := a.readers.with(ctx, d, func(db *sql.DB) error {
		return eachRow(ctx, db, seqsOfService, []any{service}, func(rows *sql.Rows) error {
			var seq int64
			err := rows.Scan(&seq)
			seqs = append(seqs, seq)
			return err
		})
	})
	if err == nil && a.o.Book != nil {
		err = a.o.Book.TakeRecords(ctx, d.String(), 0, int64(len(seqs)))
	}
	if err != nil {
		return 0, err
	}
	var h hasher
	w := &rewriting{
		a: a, d: d, files: map[string]bool{}, texts: map[string]bool{},
		change: func(r *record) bool { return r.remove(&h) },
		row:    func(to *dayWriter, r *record) error { return to.exec(removeRow, r.id[:]) },
		last:   func(to *dayWriter) error { return to.dropService(service) },
	}
	if err := w.do(ctx, sortedUnique(seqs)); err != nil {
		return w.n, err
	}
	before := fileSize(d.file(a.dir))
	bodies, err := w.finish(ctx)
	s.Bodies, s.Bytes = s.Bodies+bodies, s.Bytes+max(before-fileSize(d.file(a.dir)), 0)
	return w.n, err
}

// fileSize is 0 for a file that is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// remove leaves the hash of a record only.
func (r *record) remove(h *hasher) bool {
	if r.state == stateRemoved {
		return false
	}
	*r = record{state: stateRemoved, leaf: h.leaf(r), tag: r.tag}
	return true
}

const (
	allRollups   = `SELECT first, count, data FROM rollups ORDER BY first`
	updateRollup = `UPDATE rollups SET data = ? WHERE first = ?`
	dropLabels   = `DELETE FROM labels WHERE id NOT IN (SELECT id FROM exchanges)`
)

// dropService takes a service out of the rollups of a day, and the labels of records that are gone.
func (w *dayWriter) dropService(service string) error {
	number, err := w.names.find(numberOfName, service)
	if err != nil {
		return err
	}
	type rollup struct {
		first int64
		data  []byte
	}
	var changed []rollup
	err = w.query(allRollups, func(row []driver.Value) error {
		first, _ := row[0].(int64)
		data, _ := row[2].([]byte)
		kept, known, dropped := []group(nil), true, false
		r := rollupReader{}
		err := r.read(data, func(g *group, pathsKnown bool) {
			known = pathsKnown
			if dropped = dropped || g.key[keyService] == number; g.key[keyService] != number {
				one := *g
				one.durations, one.firstBytes = slices.Clone(g.durations), slices.Clone(g.firstBytes)
				kept = append(kept, one)
			}
		})
		if err == nil && dropped {
			changed = append(changed, rollup{first, encodeRollup(kept, known)})
		}
		return err
	})
	for _, r := range changed {
		if err == nil {
			err = w.exec(updateRollup, r.data, r.first)
		}
	}
	if err == nil {
		err = w.exec(dropLabels)
	}
	return err
}
