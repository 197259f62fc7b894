package records

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// erase takes the bodies and all that tells a person from a record. Digests that were computed from them are kept, so that
// the record's leaf stays the same.
func (r *record) erase(h *hasher) {
	if r.state != stateWhole {
		return
	}
	r.personal = h.personal(r)
	r.state = stateErased
	for i := range r.sides {
		r.sides[i].erase()
	}
	for i := textPersonal; i < textCount; i++ {
		r.texts[i] = ""
	}
}

func (s *side) erase() {
	passed, kept := s.passedSum(), s.keptSum()
	if s.digest == digestOfKept {
		s.digest, s.sum = digestGiven, passed
	}
	s.kept = kept
	s.body, s.file, s.packed, s.erased = nil, false, false, true
	s.chunks, s.frames, s.parts = nil, nil, nil
}

// Erased says what Erase took away.
type Erased struct {
	Records  int64
	Bodies   int // files
	Warnings []string
}

// Erase takes away the bodies, headers, trailers, query, address, session, user, tags, error and parts of the records a filter selects:
// all but what, when, how large and how it ended. They are really gone from the disk when it returns: from day files, their
// free pages and write-ahead logs, and from body files that no other record names. The hash chain stays whole. It
// is safe to call again after an error.
func (a *Archive) Erase(ctx context.Context, f Filter) (Erased, error) {
	var e Erased
	byDay := map[day][]int64{}
	warnings, err := a.eachSelected(ctx, f, func(refs []ref) error {
		for _, r := range refs {
			byDay[r.day] = append(byDay[r.day], r.seq)
		}
		return nil
	})
	e.Warnings = warnings
	if err != nil {
		return e, fmt.Errorf("erase records: %w", err)
	}
	for _, d := range slices.Sorted(maps.Keys(byDay)) {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		if err := a.eraseIn(ctx, d, sortedUnique(byDay[d]), &e); err != nil {
			return e, fmt.Errorf("erase records of %s: %w", d, err)
		}
	}
	return e, nil
}

const eraseRow = `UPDATE exchanges SET user = 0, flags = flags | ? WHERE id = ?`

func (a *Archive) eraseIn(ctx context.Context, d day, seqs []int64, e *Erased) error {
	if a.o.Book != nil { // before, so that a crash leaves no erased record that the book does not know
		if err := a.o.Book.TakeRecords(ctx, d.String(), int64(len(seqs)), 0); err != nil {
			return err
		}
	}
	var h hasher
	w := &rewriting{
		a: a, d: d, files: map[string]bool{}, texts: map[string]bool{},
		change: func(r *record) bool {
			changed := r.state == stateWhole
			r.erase(&h)
			return changed
		},
		row: func(to *dayWriter, r *record) error { return to.exec(eraseRow, int64(rowErased), r.id[:]) },
	}
	if err := w.do(ctx, seqs); err != nil {
		return err
	}
	bodies, err := w.finish(ctx)
	e.Records, e.Bodies = e.Records+w.n, e.Bodies+bodies
	return err
}

// Everything reports whether a filter selects all records there are.
func (f Filter) Everything() bool {
	f.Limit, f.Cursor, f.OldestFirst, f.ScanLimit = 0, "", false, 0
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		field := v.Field(i)
		if kind := field.Kind(); kind == reflect.Slice || kind == reflect.Map {
			if field.Len() > 0 {
				return false
			}
		} else if !field.IsZero() {
			return false
		}
	}
	return true
}
