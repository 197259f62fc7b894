package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aictl/store/internal/sqlite"
)

// Swept says what Sweep removed.
type Swept struct {
	Days     []string // "2026-11-21"
	Records  int64    // of services whose retention is shorter than that of others of the same days
	Bodies   int      // body files
	Bytes    int64    // of days and bodies
	Warnings []string // why body files were left
}

// orphanAge is how old a body file must be to count as an orphan: younger ones may be about to be named by a row.
const orphanAge = time.Hour

const listBodyFiles = `SELECT name FROM body_files`

// Sweep removes the day files of all UTC days before the one of a time, those set aside included, and the body files
// that no remaining day names. While a remaining day cannot be read, all bodies stay, and a warning says so.
func (a *Archive) Sweep(ctx context.Context, before time.Time) (Swept, error) {
	s := Swept{}
	if err := a.sweepDays(ctx, dayOf(before), &s); err != nil {
		return s, fmt.Errorf("sweep records: %w", err)
	}
	if err := a.sweepBodies(ctx, &s); err != nil {
		return s, fmt.Errorf("sweep bodies of records: %w", err)
	}
	return s, nil
}

func (a *Archive) sweepDays(ctx context.Context, limit day, s *Swept) error {
	all, aside, err := days(a.dir)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d >= limit {
			continue
		}
		n, err := a.removeDay(ctx, d, time.Now())
		if err != nil {
			return err
		}
		s.Days, s.Bytes = append(s.Days, d.String()), s.Bytes+n
	}
	for _, name := range aside {
		if d, ok := asideDay(name); !ok || d >= limit {
			continue
		}
		n, err := removeFiles(filepath.Join(a.dir, name))
		if err != nil {
			return err
		}
		s.Bytes += n
	}
	return sqlite.SyncDir(a.dir)
}

// removeDay lets go of a day's connections and removes its files. No record can slip in between, and one that comes
// late begins a new file.
func (a *Archive) removeDay(ctx context.Context, d day, now time.Time) (size int64, err error) {
	a.taking.Lock()
	defer a.taking.Unlock()
	if a.o.Book != nil { // before, so that a crash leaves no sealed day that is missing
		if err := a.o.Book.TakeRecordDay(ctx, d.String(), now); err != nil {
			return 0, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cache.forget(d)
	a.ends.forget(d)
	err = a.readers.drop(d)
	if i := slices.IndexFunc(a.writers, func(w *dayWriter) bool { return w.day == d }); i >= 0 {
		err = errors.Join(err, a.writers[i].abandon())
		a.writers = slices.Delete(a.writers, i, i+1)
	}
	if err != nil {
		return 0, err
	}
	return removeFiles(d.file(a.dir))
}

func removeFiles(path string) (size int64, err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Lstat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return size, sqlite.Explain(err)
		}
		if err := os.Remove(path + suffix); err != nil {
			return size, sqlite.Explain(err)
		}
		size += info.Size()
	}
	return size, nil
}

func (a *Archive) sweepBodies(ctx context.Context, s *Swept) error {
	since := time.Now().Add(-orphanAge)
	named, warnings, err := a.namedBodies(ctx)
	if err != nil {
		return err
	}
	if len(warnings) > 0 {
		s.Warnings = append(warnings, "body files were left, for a day that cannot be read may name them")
		return nil
	}
	return a.bodies.each(func(path string, e fs.DirEntry) error {
		if named[e.Name()] {
			return nil
		}
		n, err := a.bodies.removeOld(path, since)
		if n > 0 {
			s.Bodies, s.Bytes = s.Bodies+1, s.Bytes+n
		}
		return err
	})
}

func (a *Archive) namedBodies(ctx context.Context) (named map[string]bool, warnings []string, err error) {
	named = map[string]bool{}
	warnings, err = a.eachDay(ctx, Filter{}, func(_ day, db *sql.DB) error {
		return eachRow(ctx, db, listBodyFiles, nil, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			named[name] = true
			return err
		})
	})
	return named, warnings, err
}
