package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"aictl/store/internal/sqlite"
)

// maxReaders is how many day files stay open for reading.
const maxReaders = 8

// readers are the read-only connections by day. A file in use is never closed under its user.
type readers struct {
	dir string

	mu     sync.Mutex
	closed bool
	open   []*dayReader // newest use last
}

type dayReader struct {
	day     day
	db      *sql.DB
	users   int
	dropped bool // closed by its last user
}

func newReaders(dir string) *readers { return &readers{dir: dir} }

// with runs f on a day file. A day without a file, or whose file has no table yet, is passed over.
func (r *readers) with(ctx context.Context, d day, f func(*sql.DB) error) (err error) {
	dr, err := r.acquire(d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.release(dr)) }()
	var version int
	if err := dr.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrMissing) {
			return nil
		}
		return err
	}
	switch {
	case version == 0:
		return nil
	case version > dayVersion:
		return errNewerDay
	case version < dayVersion:
		return fmt.Errorf("%w: it is of version %d and could not be converted", ErrCorrupt, version)
	}
	return sqlite.Explain(f(dr.db))
}

func (r *readers) acquire(d day) (*dayReader, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	i := slices.IndexFunc(r.open, func(dr *dayReader) bool { return dr.day == d })
	if i >= 0 {
		dr := r.open[i]
		r.open = append(slices.Delete(r.open, i, i+1), dr)
		dr.users++
		return dr, nil
	}
	db, err := sqlite.Open(d.file(r.dir), sqlite.Options{CacheKiB: 8 << 10})
	if err != nil {
		return nil, err
	}
	dr := &dayReader{day: d, db: db, users: 1}
	r.open = append(r.open, dr)
	if len(r.open) > maxReaders {
		old := r.open[0]
		r.open = slices.Delete(r.open, 0, 1)
		return dr, old.drop()
	}
	return dr, nil
}

func (r *readers) release(dr *dayReader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	dr.users--
	if dr.dropped && dr.users == 0 {
		return dr.db.Close()
	}
	return nil
}

// drop lets go of a day whose file is about to be renamed or removed.
func (r *readers) drop(d day) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.open, func(dr *dayReader) bool { return dr.day == d })
	if i < 0 {
		return nil
	}
	dr := r.open[i]
	r.open = slices.Delete(r.open, i, i+1)
	return dr.drop()
}

func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, dr := range r.open {
		errs = append(errs, dr.drop())
	}
	r.open = nil
	return errors.Join(errs...)
}

// drop closes the file now, or leaves that to its last user.
func (dr *dayReader) drop() error {
	dr.dropped = true
	if dr.users > 0 {
		return nil
	}
	return dr.db.Close()
}
