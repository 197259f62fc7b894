package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Stats sums up the records a filter selects. Sizes are of every byte that passed, kept or not.
type Stats struct {
	Sum
	ByService map[string]int64
	ByStatus  map[int]int64
	ByEnd     map[End]int64
	Days      []DaySum // oldest first; days without records are left out
	Groups    []Group  // when they were asked for, the largest first
	Warnings  []string
}

// Sum is what is counted of some records.
type Sum struct {
	Count         int64
	Failed        int64 // no answer, or a status of 400 and above
	RequestBytes  int64
	ResponseBytes int64
	First, Last   time.Time // StartedAt
	Duration      Percentiles
	FirstByte     Percentiles // of those that got an answer
}

// Group is the sum of the records with one key.
type Group struct {
	Key string
	Sum
}

// DaySum is how much there is of a day.
type DaySum struct {
	Day   string // "2026-11-21", UTC
	Count int64
	Bytes int64
}

// GroupBy is what records are grouped by.
type GroupBy string

// The ways to group. Hours are of UTC: "2026-11-21T09".
const (
	ByNothing  GroupBy = ""
	ByService  GroupBy = "service"
	ByRelease  GroupBy = "release"
	ByInstance GroupBy = "instance"
	ByModel    GroupBy = "model"
	ByMethod   GroupBy = "method"
	ByPath     GroupBy = "path"
	BySource   GroupBy = "source"
	ByEnd      GroupBy = "end"
	ByStatus   GroupBy = "status"
	ByHour     GroupBy = "hour"
	ByDay      GroupBy = "day"
)

// keyOf is the column of a group's key that a way to group goes by; those of times and none are not in it.
var keyOf = map[GroupBy]int{
	ByService: keyService, ByRelease: keyRelease, ByInstance: keyInstance, ByModel: keyModel, ByMethod: keyMethod, ByPath: keyPath,
	BySource: keySource, ByEnd: keyEnd, ByStatus: keyStatus, ByHour: keyHour,
}

// Stats sums up what a filter selects; Limit, Cursor and order do not matter. Rollups are added up where they know enough;
// for a filter by session, trace, user, tag, duration, label or body, and by paths that are many, records are gone through.
func (a *Archive) Stats(ctx context.Context, f Filter, by GroupBy) (Stats, error) {
	if _, ok := keyOf[by]; !ok && by != ByNothing && by != ByDay {
		return Stats{}, fmt.Errorf("sum up records: cannot group by %q", by)
	}
	f.Cursor, f.OldestFirst = "", true
	c := newCounter(by)
	var err error
	c.stats.Warnings, err = a.eachDay(ctx, f, func(d day, db *sql.DB) error {
		c.begin(ctx, d, db)
		k, err := f.keys(ctx, db)
		if err == nil && f.inRollups() {
			err = a.countRollups(ctx, f, &k, c, db)
		} else if err == nil {
			err = a.countRows(ctx, f, c, db, nil)
		}
		return errors.Join(err, c.end())
	})
	if err != nil {
		return Stats{}, fmt.Errorf("sum up records: %w", err)
	}
	return c.done(), nil
}

// inRollups reports whether rollups know all that the filter asks.
func (f Filter) inRollups() bool {
	return f.Session == "" && f.TraceID == "" && f.User == "" && f.BodyHash == "" && len(f.Tags) == 0 && len(f.Labels) == 0 &&
		f.Where == nil && f.MinDuration == 0 && f.MaxDuration == 0
}

// partial are the records of rollups that a filter cuts through.
type partial struct {
	seqs        seqSet
	any         bool
	first, last int64 // StartedAt
}

// countRollups adds the day's rollups up. The records of one that the time or an unknown path cuts through are counted one by one.
func (a *Archive) countRollups(ctx context.Context, f Filter, k *keyFilter, c *counter, db *sql.DB) error {
	var cut partial
	var whole []group
	cuts := false
	var first, last int64
	needPath := k.sets[keyPath] != nil || c.by == ByPath
	uncut := !needPath && f.Since.IsZero() && f.Until.IsZero()
	err := eachRollup(ctx, db, func(g *group, pathsKnown bool) {
		if !k.takes(&g.key, pathsKnown) || f.outside(g) {
			return
		}
		if uncut {
			c.addGroup(g)
			return
		}
		if !cuts && len(whole) == 0 {
			first, last = g.first, g.last
		}
		first, last = min(first, g.first), max(last, g.last)
		if cuts = cuts || needPath && !pathsKnown || !f.inside(g); !cuts {
			whole = append(whole, g.clone())
		}
	}, func(from, count int64) {
		if cuts {
			cut.add(from, count, first, last)
		} else {
			for i := range whole {
				c.addGroup(&whole[i])
			}
		}
		whole, cuts = whole[:0], false
	})
	if err != nil || !cut.any {
		return err
	}
	return a.countRows(ctx, f, c, db, &cut)
}

func (p *partial) add(from, count, first, last int64) {
	if !p.any {
		p.any, p.first, p.last = true, first, last
	}
	p.first, p.last = min(p.first, first), max(p.last, last)
	for n := range count {
		p.seqs.add(from + n)
	}
}

func (g *group) clone() group {
	o := *g
	o.durations, o.firstBytes = slices.Clone(g.durations), slices.Clone(g.firstBytes)
	return o
}

func (f Filter) outside(g *group) bool {
	return !f.Since.IsZero() && g.last < f.Since.UnixMicro() || !f.Until.IsZero() && g.first >= f.Until.UnixMicro()
}

func (f Filter) inside(g *group) bool {
	return (f.Since.IsZero() || g.first >= f.Since.UnixMicro()) && (f.Until.IsZero() || g.last < f.Until.UnixMicro())
}

const countColumns = `SELECT id, seq, service, release, instance, method, path, model, source, "end", status, started_at, first_byte, duration, req_size, resp_size FROM exchanges`

// countRows adds records one by one: those of a cut only, when there is one.
func (a *Archive) countRows(ctx context.Context, f Filter, c *counter, db *sql.DB, cut *partial) error {
	s, err := a.search(ctx, f, c.day, db)
	if err != nil {
		return err
	}
	if cut != nil {
		low, high := idAt(time.UnixMicro(cut.first).Add(-idSlack)), idAt(time.UnixMicro(cut.last).Add(idSlack))
		s.where.and("id BETWEEN ? AND ?", low[:], high[:])
	}
	for after := (*uuid.UUID)(nil); ; {
		page, err := s.samples(ctx, db, after)
		if err != nil {
			return err
		}
		for i := range page {
			if cut != nil && !cut.seqs.has(page[i].seq) || s.out.has(page[i].seq) {
				continue
			}
			if err := c.consider(a, s, db, &page[i]); err != nil {
				return err
			}
		}
		if len(page) < countPage {
			return nil
		}
		after = &page[len(page)-1].id
	}
}

// countPage is how many rows are read in one transaction.
const countPage = 4096

// sampled is a row to be counted.
type sampled struct {
	ref
	sample
}

func (s *search) samples(ctx context.Context, db *sql.DB, after *uuid.UUID) (page []sampled, err error) {
	w := s.where.copy()
	if after != nil {
		w.and("id > ?", after[:])
	}
	page = make([]sampled, 0, countPage)
	var id sql.RawBytes
	var x sampled
	k := &x.key
	into := []any{&id, &x.seq, &k[keyService], &k[keyRelease], &k[keyInstance], &k[keyMethod], &k[keyPath], &k[keyModel], &k[keySource], &k[keyEnd],
		&k[keyStatus], &x.started, &x.firstByte, &x.duration, &x.in, &x.out}
	err = eachRow(ctx, db, countColumns+w.String()+" ORDER BY id LIMIT ?", append(w.args, countPage), func(rows *sql.Rows) error {
		err := rows.Scan(into...)
		if err == nil {
			x.ref.id, err = uuid.FromBytes(id)
		}
		k[keyHour] = hourOf(x.started)
		page = append(page, x)
		return err
	})
	return page, err
}

// consider adds a record, when what it holds is wanted, too.
func (c *counter) consider(a *Archive, s *search, db *sql.DB, x *sampled) error {
	if s.wants == nil {
		c.addSample(&x.sample)
		return nil
	}
	rec, err := a.pick(c.ctx, c.day, db, x.id[:], x.seq)
	if errors.Is(err, ErrCorrupt) {
		c.damaged++
		return nil
	}
	if err == nil && s.wants(rec) {
		c.addSample(&x.sample)
	}
	return err
}
