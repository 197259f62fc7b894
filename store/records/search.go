package records

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"aictl/store/records/match"
)

// search is a filter made ready for one day: what its rows tell, and what is looked into records for.
type search struct {
	day   day
	where *where
	out   seqSet             // records that the index of values rules out
	wants func(*record) bool // nil when the rows tell everything
}

// Bounds on what is looked up before rows are read: above them a search goes through the rows instead, where it soon finds
// what is frequent.
const (
	maxLookupBlocks = 200
	maxCandidates   = 20_000
)

// narrowFrom is how many records a day must have for its rollups to be read before its rows; smaller in tests.
var narrowFrom int64 = 50_000

// search is lookedUp, narrowed.
func (a *Archive) search(ctx context.Context, f Filter, d day, db *sql.DB) (*search, error) {
	s, err := a.lookedUp(ctx, f, d, db)
	if err != nil {
		return nil, err
	}
	return s, a.narrow(ctx, f, s, db)
}

// lookedUp looks up what is rare on a day and puts what was found in its place.
func (a *Archive) lookedUp(ctx context.Context, f Filter, d day, db *sql.DB) (*search, error) {
	s := &search{day: d, where: f.where(), wants: a.looksInto(f)}
	if len(f.Services) > 0 {
		services, err := f.servicesIn(ctx, db)
		if err != nil {
			return nil, err
		}
		s.where.only(services)
	}
	for _, l := range f.lookups() {
		ids, rare, err := a.lookUp(ctx, d, db, shortHash(l.kind, l.text), l.is)
		if err != nil {
			return nil, err
		}
		if rare {
			s.where.and(ofIDs, ids)
		}
	}
	if f.Where != nil {
		if err := a.ruleOut(ctx, f.Where, s, db); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// lookup is a text that blocks have short hashes of.
type lookup struct {
	kind byte
	text string
	is   func(*record) bool
}

func (f Filter) lookups() (list []lookup) {
	if trace := canonicalTrace(f.TraceID); trace != "" {
		list = append(list, lookup{hashTrace, trace, func(r *record) bool { return r.traceID() == trace }})
	}
	if f.Session != "" {
		list = append(list, lookup{hashSession, f.Session, func(r *record) bool { return r.texts[textSession] == f.Session }})
	}
	if f.User != "" {
		list = append(list, lookup{hashUser, f.User, func(r *record) bool { return r.texts[textUser] == f.User }})
	}
	for name, value := range f.Tags {
		text := name
		if value != "" {
			text += "=" + value
		}
		list = append(list, lookup{hashTag, text, func(r *record) bool {
			v, ok := decodeTags(r.texts[textTags])[name]
			return ok && (value == "" || v == value)
		}})
	}
	return list
}

// looksInto is what only whole records tell; nil when a filter asks nothing of the kind.
func (a *Archive) looksInto(f Filter) func(*record) bool {
	var all []func(*record) bool
	for _, l := range f.lookups() {
		all = append(all, l.is)
	}
	if f.BodyHash != "" {
		sum := decodeSum(f.BodyHash)
		all = append(all, func(r *record) bool {
			in, out := r.sides[request].passedSum(), r.sides[response].passedSum()
			return string(in[:]) == string(sum) || string(out[:]) == string(sum)
		})
	}
	if f.Where != nil {
		all = append(all, func(r *record) bool { return f.Where.Match(a.docsOf(r)) })
	}
	if len(all) == 0 {
		return nil
	}
	return func(r *record) bool {
		for _, is := range all {
			if !is(r) {
				return false
			}
		}
		return true
	}
}

// docsOf gives a record's documents to an expression. A body whose file cannot be read has none.
func (a *Archive) docsOf(r *record) match.Body {
	var have [2]bool
	var docs [2]match.Docs
	return func(side match.Side) match.Docs {
		i := response
		if side == match.Request {
			i = request
		}
		if !have[i] {
			have[i], docs[i] = true, a.sideDocs(r, i)
		}
		return docs[i]
	}
}

func (a *Archive) sideDocs(r *record, i int) match.Docs {
	s := &r.sides[i]
	m := Message{Body: s.body}
	if header := r.texts[textReqHeader+i]; strings.Contains(header, "Content-") {
		m.Header = decodeHeader(header)
	}
	if s.file {
		body, err := a.readBody(s)
		if err != nil {
			return match.Docs{}
		}
		m.Body = body
	}
	return m.Docs()
}

// page adds the records of a day that come after a place to found, up to limit of them in all. It reads rows some at a time and
// holds no transaction between.
func (a *Archive) page(ctx context.Context, f Filter, s *search, db *sql.DB, after *cursor, found *selection, limit int) error {
	n := scanRows
	if s.wants == nil {
		n = limit - len(found.refs)
	}
	for len(found.refs) < limit {
		rows, err := s.rows(ctx, f, db, after, n)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if f.ScanLimit > 0 && found.scanned >= int64(f.ScanLimit) {
				found.spent = true
				return nil
			}
			if err := a.consider(ctx, s, db, r, found); err != nil {
				return err
			}
			if found.seen = r; len(found.refs) == limit {
				return nil
			}
		}
		if len(rows) < n {
			return nil
		}
		last := rows[len(rows)-1]
		after = &cursor{day: last.day, id: last.id, oldestFirst: f.OldestFirst}
		n = min(2*n, 16*scanRows)
	}
	return nil
}

// consider adds a record whose row is selected, when what the record holds is, too. A damaged one that would have to be looked
// into is not found.
func (a *Archive) consider(ctx context.Context, s *search, db *sql.DB, r ref, found *selection) error {
	if s.wants == nil {
		found.refs = append(found.refs, r)
		return nil
	}
	if s.out.has(r.seq) {
		return nil
	}
	found.scanned++
	rec, err := a.pick(ctx, s.day, db, r.id[:], r.seq)
	if err == nil && s.wants(rec) {
		found.refs = append(found.refs, r)
	}
	if errors.Is(err, ErrCorrupt) {
		found.damaged++
		return nil
	}
	return err
}

// scanRows is how many rows are read at first when records are looked into.
const scanRows = 512

// rows returns the next n rows that the columns select.
func (s *search) rows(ctx context.Context, f Filter, db *sql.DB, from *cursor, n int) (refs []ref, err error) {
	text, args := f.query(s.where.copy(), from, n)
	err = eachRow(ctx, db, text, args, func(rows *sql.Rows) error {
		r := ref{day: s.day}
		var id sql.RawBytes
		if err := rows.Scan(&id, &r.seq); err != nil {
			return err
		}
		var err error
		if r.id, err = uuid.FromBytes(id); err != nil {
			return errors.Join(ErrCorrupt, err)
		}
		refs = append(refs, r)
		return nil
	})
	return refs, err
}

// lookUp returns the ids of the records that are what is sought, as a JSON array of their digits. When too many blocks may
// hold some, what is sought is not rare.
func (a *Archive) lookUp(ctx context.Context, d day, db *sql.DB, want uint32, is func(*record) bool) (ids string, rare bool, err error) {
	var blocks []int64
	err = eachRow(ctx, db, listLookups, nil, func(rows *sql.Rows) error {
		var first int64
		var hashes sql.RawBytes
		err := rows.Scan(&first, &hashes)
		if err == nil && holds(hashes, want) {
			blocks = append(blocks, first)
		}
		return err
	})
	if err != nil || len(blocks) > maxLookupBlocks {
		return "", false, err
	}
	found := []string{}
	for _, first := range blocks {
		// A block may have been joined with the one before meanwhile: its number finds it all the same.
		b, err := a.blockNow(ctx, d, db, first)
		if errors.Is(err, ErrCorrupt) {
			continue // what cannot be read is not found
		}
		if err != nil {
			return "", false, err
		}
		for j := range b.recs {
			if is(&b.recs[j]) {
				found = append(found, hex.EncodeToString(b.recs[j].id[:]))
			}
		}
	}
	text, err := json.Marshal(found)
	return string(text), len(found) <= maxCandidates, err
}

const (
	valuesAt  = `SELECT first, data FROM path_values WHERE path = (SELECT n FROM names WHERE text = ?)`
	lastOfDay = `SELECT coalesce((SELECT first + count FROM rollups ORDER BY first DESC LIMIT 1), 1)`
)

// ruleOut reads the indexes of the paths that every match must fulfil a condition on. Where few records are left, their ids
// are put in the place of the condition.
func (a *Archive) ruleOut(ctx context.Context, e *match.Expr, s *search, db *sql.DB) error {
	indexed := false
	for _, c := range e.Conditions() {
		err := eachRow(ctx, db, valuesAt, []any{c.Path.String()}, func(rows *sql.Rows) error {
			var first int64
			var data sql.RawBytes
			if err := rows.Scan(&first, &data); err != nil {
				return err
			}
			indexed = true
			return readIndex(data, c.Test, func(at int, passed bool) {
				if !passed {
					s.out.add(first + int64(at))
				}
			})
		})
		if err != nil {
			return err
		}
	}
	if !indexed {
		return nil
	}
	var end int64
	if err := db.QueryRowContext(ctx, lastOfDay).Scan(&end); err != nil {
		return err
	}
	left := s.out.missing(1, end, maxCandidates)
	switch {
	case left == nil:
		return nil
	case blocksOf(left) <= maxLookupBlocks:
		return a.only(ctx, s, db, left, func(*record) bool { return true })
	}
	text, err := json.Marshal(left)
	s.where.and("seq IN (SELECT value FROM json_each(?))", string(text))
	return err
}

// blocksOf is about how many blocks hold the records of some numbers, in order.
func blocksOf(seqs []int64) (n int) {
	before := int64(-1)
	for _, seq := range seqs {
		if seq/blockMax != before {
			n, before = n+1, seq/blockMax
		}
	}
	return n
}

// only restricts a search to those records of some numbers that fit.
func (a *Archive) only(ctx context.Context, s *search, db *sql.DB, seqs []int64, fits func(*record) bool) error {
	ids := make([]string, 0, len(seqs))
	for i := 0; i < len(seqs); {
		b, err := a.blockWith(ctx, s.day, db, seqs[i])
		if errors.Is(err, ErrCorrupt) {
			i++
			continue
		}
		if err != nil {
			return err
		}
		for ; i < len(seqs) && seqs[i] < b.first+int64(len(b.recs)); i++ {
			if r := &b.recs[seqs[i]-b.first]; fits(r) {
				ids = append(ids, hex.EncodeToString(r.id[:]))
			}
		}
	}
	text, err := json.Marshal(ids)
	s.where.and(ofIDs, string(text))
	return err
}
