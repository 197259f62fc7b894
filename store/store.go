package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"aictl/store/internal/sqlite"
)

// Faults of the database and of the disk below it, for errors.Is.
var (
	ErrDisk       = sqlite.ErrDisk
	ErrReadOnly   = sqlite.ErrReadOnly
	ErrPermission = sqlite.ErrPermission
	ErrCorrupt    = sqlite.ErrCorrupt
	ErrBusy       = sqlite.ErrBusy
)

// Options says where the database is. Key is 32 bytes, see LoadOrCreateKey. Now is nil for the system's clock.
type Options struct {
	Path string
	Key  []byte
	Now  func() time.Time
}

// Store is aictl.db: one connection that writes, several that read. Its methods may be called from any goroutine.
type Store struct {
	w   *sql.DB
	r   *reader
	box *box
	now func() time.Time
}

// reader counts what is asked of it.
type reader struct {
	*sql.DB
	asked atomic.Int64
}

// QueryContext is that of sql.DB.
func (r *reader) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	r.asked.Add(1)
	return r.DB.QueryContext(ctx, text, args...)
}

// Asked is how many queries the store has been asked since it was opened. What must not cost more with many services is
// told by it, whatever the machine's speed.
func (s *Store) Asked() int64 { return s.r.asked.Load() }

// Open opens or creates the database (0600) and brings its schema up to date. A database of a newer aictl is
// ErrNewerSchema; faults of the place it lives in match ErrPermission, ErrReadOnly, ErrDisk or ErrCorrupt.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(ctx, o, 0)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w%s", o.Path, err, advice(err))
	}
	return s, nil
}

// open takes the bound on the file's size that tests fill a disk with.
func open(ctx context.Context, o Options, maxPages int) (*Store, error) {
	box, err := newBox(o.Key)
	if err != nil {
		return nil, err
	}
	w, err := sqlite.Open(o.Path, sqlite.Options{Write: true, ForeignKeys: true, MaxPages: maxPages})
	if err != nil {
		return nil, err
	}
	s := &Store{w: w, box: box, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.prepare(ctx, o.Path); err != nil {
		return nil, errors.Join(sqlite.Explain(err), w.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context, path string) error {
	if err := migrate(ctx, s.w); err != nil {
		return err
	}
	if err := s.checkKey(ctx); err != nil {
		return err
	}
	r, err := sqlite.Open(path, sqlite.Options{ForeignKeys: true})
	if err != nil {
		return err
	}
	s.r = &reader{DB: r}
	return nil
}

// checkKey seals a known text on first use and opens it ever after: a lost or swapped secret.key is told at
// the start and not when the first secret is needed.
func (s *Store) checkKey(ctx context.Context) error {
	const read = `SELECT value FROM meta WHERE key = 'key_check'`
	const write = `INSERT INTO meta (key, value) VALUES ('key_check', ?)`
	var sealed []byte
	err := s.w.QueryRowContext(ctx, read).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = s.w.ExecContext(ctx, write, s.box.seal([]byte("aictl"), "key_check"))
		return err
	}
	if err != nil {
		return err
	}
	_, err = s.box.open(sealed, "key_check")
	return err
}

// advice says what to do about a database that does not open.
func advice(err error) string {
	switch {
	case errors.Is(err, ErrSealed):
		return "; put back the secret.key this database was made with"
	case errors.Is(err, ErrPermission):
		return "; run aictl as the folder's owner, give that user the folder (chown), or choose another --data-dir"
	case errors.Is(err, ErrReadOnly):
		return "; make it writable (remount the file system), or choose another --data-dir"
	case errors.Is(err, ErrDisk):
		return "; free some space (df -h shows how much there is), or move the data directory"
	case errors.Is(err, ErrCorrupt):
		return "; move the file away and restore a backup"
	case errors.Is(err, ErrBusy):
		return "; another aictl uses this data directory: stop it, or choose another --data-dir"
	case errors.Is(err, sqlite.ErrMissing):
		return "; create the data directory first, or choose another --data-dir"
	}
	return ""
}

// Close moves the write-ahead log into the database and closes it.
func (s *Store) Close() error {
	return errors.Join(s.r.Close(), s.Checkpoint(context.Background()), s.w.Close())
}

// Checkpoint moves the write-ahead log into the database and empties it; call it when the daemon is idle.
func (s *Store) Checkpoint(ctx context.Context) error { return sqlite.Truncate(ctx, s.w) }

// write runs f in one transaction on the writing connection: all of it happens or nothing does.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return sqlite.Explain(err)
	}
	if err := f(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return sqlite.Explain(err)
	}
	return sqlite.Explain(tx.Commit())
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// query collects the rows of a query; scan reads one.
func query[T any](ctx context.Context, q querier, scan func(row) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, sqlite.Explain(err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, sqlite.Explain(err)
		}
		out = append(out, v)
	}
	return out, sqlite.Explain(rows.Err())
}

// one is query for at most one row; none is ErrNotFound.
func one[T any](ctx context.Context, q querier, scan func(row) (T, error), text string, args ...any) (T, error) {
	found, err := query(ctx, q, scan, text, args...)
	var zero T
	if err != nil {
		return zero, err
	}
	if len(found) == 0 {
		return zero, ErrNotFound
	}
	return found[0], nil
}

type row interface{ Scan(...any) error }

// changed turns an update that met no row into ErrNotFound.
func changed(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// limit turns "all" (zero or less) into SQLite's word for it.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

// micros is how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// stamp is the present with the precision that is stored.
func (s *Store) stamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// list is a JSON array of texts, never null.
func list(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	b, err := json.Marshal(texts)
	if err != nil {
		panic(err) // texts always marshal
	}
	return string(b)
}

func unlist(text string) ([]string, error) {
	var texts []string
	if err := json.Unmarshal([]byte(text), &texts); err != nil {
		return nil, fmt.Errorf("read list %q: %w", text, err)
	}
	if len(texts) == 0 {
		return nil, nil
	}
	return texts, nil
}

// wrap names what failed; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, sqlite.Explain(err))...)
}
