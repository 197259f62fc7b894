package intents

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"aictl/store/records"

	"github.com/google/uuid"
)

// reader puts together what the segments of one journal tell.
type reader struct {
	totals Ledgers
	open   map[uint64]Intent
}

// read reads a journal whose process has ended. Files that are cut, torn or not segments are read as far as they agree.
func read(dir string) (totals Ledgers, open []Intent, err error) {
	segments, err := load(dir)
	if err != nil {
		return nil, nil, err
	}
	r := reader{totals: Ledgers{}, open: map[uint64]Intent{}}
	for _, s := range segments {
		r.segment(s)
	}
	open = slices.Collect(maps.Values(r.open))
	slices.SortFunc(open, func(a, b Intent) int {
		return cmp.Or(a.Start.Compare(b.Start), slices.Compare(a.ID[:], b.ID[:]))
	})
	return r.totals, open, nil
}

// segment is the content of a file.
type segment struct {
	number  uint64
	entries []byte
}

// load reads a journal's files, in the order of their segments.
func load(dir string) ([]segment, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, path := range paths {
		b, err := readAtMost(path, segmentSize)
		if err != nil {
			return nil, err
		}
		if number, ok := numberOf(b); ok {
			all = append(all, segment{number, b[headerSize:]})
		}
	}
	slices.SortFunc(all, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	return all, nil
}

func readAtMost(path string, most int64) (b []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, most))
}

func (r *reader) segment(s segment) {
	for b := s.entries; ; {
		e, rest, ok := next(b, s.number)
		if !ok || r.entry(e) != nil {
			return
		}
		b = rest
	}
}

func (r *reader) entry(e entry) error {
	switch e.kind {
	case kindTotals:
		sums := Ledgers{}
		if err := json.Unmarshal(e.payload, &sums); err != nil {
			return err
		}
		r.totals = sums
	case kindIntent, kindCarried:
		seq, in, err := parseIntent(e.payload)
		if err != nil {
			return err
		}
		if r.open[seq] = in; e.kind == kindIntent {
			r.change(in.Service, accept)
		}
	case kindMarks:
		return eachMark(e.payload, r.mark)
	case kindCounted:
		d := decoder{rest: e.payload}
		o, service := d.take(1), d.text()
		if d.err != nil {
			return d.err
		}
		r.change(service, func(l *records.Ledger) { accept(l); settle(l, outcomeOf(o[0])) })
	case kindRefused:
		d := decoder{rest: e.payload}
		service, reason := d.text(), d.text()
		if d.err != nil {
			return d.err
		}
		r.change(service, func(l *records.Ledger) { refuse(l, reason) })
	default:
		return errGarbled
	}
	return nil
}

func (r *reader) mark(seq uint64, o Outcome) {
	in, ok := r.open[seq]
	if !ok || in.ID == uuid.Nil {
		return
	}
	delete(r.open, seq)
	r.change(in.Service, func(l *records.Ledger) { settle(l, o) })
}

func (r *reader) change(service string, f func(*records.Ledger)) {
	l := copyOf(r.totals[service])
	f(&l)
	r.totals[service] = l
}
