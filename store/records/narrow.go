package records

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// keyFilter is what a filter says of rollups' groups.
type keyFilter struct {
	sets    [keyStatus]map[int64]bool // nil is any
	status  func(int64) bool          // nil is any
	narrows bool                      // it says something but of services
}

const (
	namesEqual  = `SELECT n FROM names WHERE text = ?`
	namesPrefix = `SELECT n FROM names WHERE substr(text, 1, length(?1)) = ?1`
	namesGlob   = `SELECT n FROM names WHERE text GLOB ?`
)

// keys resolves a filter's texts to the numbers they have on a day.
func (f Filter) keys(ctx context.Context, db *sql.DB) (k keyFilter, err error) {
	add := func(column int, query string, args ...any) {
		if err != nil {
			return
		}
		set := map[int64]bool{}
		err = eachRow(ctx, db, query, args, func(rows *sql.Rows) error {
			var n int64
			err := rows.Scan(&n)
			set[n] = true
			return err
		})
		if old := k.sets[column]; old != nil && column == keyPath {
			for n := range set {
				if !old[n] {
					delete(set, n)
				}
			}
		}
		k.sets[column] = set
		k.narrows = k.narrows || column != keyService
	}
	for column, text := range map[int]string{keyRelease: f.Release, keyInstance: f.Instance, keyMethod: strings.ToUpper(f.Method), keyModel: f.Model, keyEnd: string(f.End)} {
		if text != "" {
			add(column, namesEqual, text)
		}
	}
	if f.PathPrefix != "" {
		add(keyPath, namesPrefix, f.PathPrefix)
	}
	if f.PathGlob != "" {
		add(keyPath, namesGlob, sqlGlob.Replace(f.PathGlob))
	}
	if len(f.Services) > 0 {
		text, args := f.matching("text")
		add(keyService, "SELECT n FROM names WHERE "+text, args...)
	}
	if len(f.Sources) > 0 {
		args := make([]any, len(f.Sources))
		for i, s := range f.Sources {
			args[i] = string(s)
		}
		add(keySource, "SELECT n FROM names WHERE text IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
	}
	if f.StatusMin > 0 || f.StatusMax > 0 || f.Failed || f.Unanswered {
		k.narrows, k.status = true, f.takesStatus
	}
	return k, err
}

// onlyServices reports whether nothing but services and statuses is asked for.
func (k *keyFilter) onlyServices() bool {
	for i, set := range k.sets {
		if set != nil && i != keyService {
			return false
		}
	}
	return true
}

func (f Filter) takesStatus(status int64) bool {
	return (f.StatusMin == 0 || status >= int64(f.StatusMin)) && (f.StatusMax == 0 || status <= int64(f.StatusMax)) &&
		(!f.Failed || isFailed(status)) && (!f.Unanswered || status == 0)
}

// isFailed is what Filter.Failed and the word failed mean.
func isFailed(status int64) bool { return status == 0 || status >= 400 }

// takes reports whether records of a group may be wanted. One whose path is not known may.
func (k *keyFilter) takes(key *groupKey, pathsKnown bool) bool {
	for i, set := range k.sets {
		if set != nil && !set[key[i]] && (i != keyPath || pathsKnown) {
			return false
		}
	}
	return k.status == nil || k.status(key[keyStatus])
}

// narrowed reports whether a filter asks for something that rollups tell and no index does.
func (f Filter) narrowed() bool {
	return f.Release != "" || f.Instance != "" || f.Method != "" || f.Model != "" || f.End != "" || f.PathPrefix != "" || f.PathGlob != "" ||
		len(f.Sources) > 0 || f.StatusMin > 0 || f.StatusMax > 0 || f.Failed || f.Unanswered
}

// fits is what a filter says of the texts that have no index, as far as it can be told apart here; the rows tell the rest.
func (f Filter) fits(r *record) bool {
	for want, is := range map[string]int{f.Release: textRelease, f.Instance: textInstance, f.Model: textModel, string(f.End): textEnd} {
		if want != "" && r.texts[is] != want {
			return false
		}
	}
	return f.takesStatus(r.status) && strings.HasPrefix(r.texts[textPath], f.PathPrefix)
}

const listRollups = `SELECT first, count, data FROM rollups ORDER BY first`

// eachRollup visits the rollups of a day: their groups one after the other, then done.
func eachRollup(ctx context.Context, db *sql.DB, visit func(g *group, pathsKnown bool), done func(first, count int64)) error {
	return readRollups(ctx, db, &rollupReader{}, visit, done)
}

func readRollups(ctx context.Context, db *sql.DB, r *rollupReader, visit func(g *group, pathsKnown bool), done func(first, count int64)) error {
	return eachRow(ctx, db, listRollups, nil, func(rows *sql.Rows) error {
		var first, count int64
		var data sql.RawBytes
		err := rows.Scan(&first, &count, &data)
		if err == nil {
			err = r.read(data, visit)
		}
		done(first, count)
		return err
	})
}

// scanAmong is how many rows are gone through faster than the blocks of a few are read; smaller in tests.
var scanAmong int64 = 200_000

// narrow bounds a search on a large day by what its rollups tell: when, and if it was seldom, among which records, there
// is what the columns without an index select.
func (a *Archive) narrow(ctx context.Context, f Filter, s *search, db *sql.DB) error {
	if !f.narrowed() {
		return nil
	}
	k, err := f.keys(ctx, db)
	indexed := (f.Failed || f.Unanswered || f.StatusMin >= 400) && k.onlyServices() // errors have an index
	if err != nil || !k.narrows || indexed {
		return err
	}
	var end int64
	if err := db.QueryRowContext(ctx, lastOfDay).Scan(&end); err != nil || end < narrowFrom {
		return err
	}
	var first, last int64
	var seqs []int64
	found, few, hit := false, true, false
	begins, ends := end, int64(0) // the records among which they lie
	err = readRollups(ctx, db, &rollupReader{heads: true}, func(g *group, pathsKnown bool) {
		if !k.takes(&g.key, pathsKnown) {
			return
		}
		if hit = true; !found || g.first < first {
			first = g.first
		}
		last, found = max(last, g.last), true
	}, func(from, count int64) {
		if hit && few {
			for n := range count {
				seqs = append(seqs, from+n)
			}
			few = blocksOf(seqs) <= maxLookupBlocks && len(seqs) <= 4*maxCandidates
		}
		if hit {
			begins, ends = min(begins, from), from+count
		}
		hit = false
	})
	switch {
	case err != nil:
		return err
	case !found:
		s.where.and("FALSE")
	case few && ends-begins > scanAmong:
		return a.only(ctx, s, db, seqs, f.fits)
	default:
		low, high := idAt(time.UnixMicro(first).Add(-idSlack)), idAt(time.UnixMicro(last).Add(idSlack))
		s.where.and("id BETWEEN ? AND ?", low[:], high[:])
	}
	return nil
}

// missing lists the numbers from first to before end that are not in the set; nil when there are more than most.
func (s seqSet) missing(first, end int64, most int) []int64 {
	list := []int64{}
	for n := first; n < end; n++ {
		if n&63 == 0 && int(n>>6) < len(s) && s[n>>6] == ^uint64(0) {
			n += 63
			continue
		}
		if !s.has(n) {
			if list = append(list, n); len(list) > most {
				return nil
			}
		}
	}
	return list
}

func (w *where) copy() *where { return &where{text: slices.Clone(w.text), args: slices.Clone(w.args)} }
