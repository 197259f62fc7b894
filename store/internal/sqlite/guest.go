package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// MaxAttached is how many files a guest may read at once.
const MaxAttached = 10

// guestLimits bound what one statement of a stranger may take: bytes of a value and of the statement, and its shape.
var guestLimits = map[int]int{
	sqlite3.SQLITE_LIMIT_LENGTH: 32 << 20, sqlite3.SQLITE_LIMIT_SQL_LENGTH: 64 << 10, sqlite3.SQLITE_LIMIT_COLUMN: 200,
	sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200, sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100, sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000,
	sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 64, sqlite3.SQLITE_LIMIT_ATTACHED: 0, sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
	sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0, sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

// deniedFunctions reach beyond the data.
var deniedFunctions = []string{"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}

// ErrGuest is of a statement that is not taken.
var ErrGuest = errors.New("not a query")

// Guest is a connection for statements of strangers: it can read the files it was opened with and nothing else.
type Guest struct{ c *sqlite3.SQLiteConn }

// recursive is SQLITE_RECURSIVE, which the driver has no name for.
const recursive = 33

// OpenGuest attaches the files as d0, d1 … for reading, runs setup, and locks the connection up. Functions may be called by
// statements; they are Go functions as the driver's RegisterFunc takes them.
func OpenGuest(files []string, setup string, functions map[string]any) (*Guest, error) {
	opened, err := (&sqlite3.SQLiteDriver{}).Open("file::memory:?_mutex=no&_busy_timeout=5000")
	if err != nil {
		return nil, Explain(err)
	}
	c, ok := opened.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("driver opened a %T", opened), opened.Close())
	}
	g := &Guest{c: c}
	if err := g.prepare(files, setup, functions); err != nil {
		return nil, errors.Join(Explain(err), g.Close())
	}
	return g, nil
}

func (g *Guest) prepare(files []string, setup string, functions map[string]any) error {
	for i, path := range files {
		address := "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=ro"
		if _, err := g.c.Exec(fmt.Sprintf("ATTACH ? AS d%d", i), []driver.Value{address}); err != nil {
			return err
		}
	}
	for name, f := range functions {
		if err := g.c.RegisterFunc(name, f, false); err != nil {
			return err
		}
	}
	if _, err := g.c.Exec(setup+"; PRAGMA cache_size = -16384; PRAGMA query_only = 1; PRAGMA trusted_schema = 1;", nil); err != nil {
		return err
	}
	for id, most := range guestLimits {
		g.c.SetLimit(id, most)
	}
	g.c.RegisterAuthorizer(func(op int, first, second, _ string) int {
		switch op {
		case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, recursive:
			return sqlite3.SQLITE_OK
		case sqlite3.SQLITE_FUNCTION:
			if !slices.Contains(deniedFunctions, strings.ToLower(second)) {
				return sqlite3.SQLITE_OK
			}
		}
		return sqlite3.SQLITE_DENY
	})
	return nil
}

// Query runs one SELECT until ctx ends, and visits its rows until visit returns false. The values are the visitor's own.
// It runs as a part of another SELECT, where nothing but one whole SELECT can stand.
func (g *Guest) Query(ctx context.Context, text string, head func(columns []string), visit func(row []driver.Value) (more bool)) error {
	prepared, err := g.c.Prepare("SELECT * FROM (" + text + "\n)")
	if err != nil {
		return g.explain(err)
	}
	s, ok := prepared.(*sqlite3.SQLiteStmt)
	if !ok {
		return errors.Join(fmt.Errorf("driver prepared a %T", prepared), prepared.Close())
	}
	rows, err := s.QueryContext(ctx, nil)
	if err != nil {
		return errors.Join(g.explain(err), s.Close())
	}
	columns := rows.Columns()
	head(columns)
	values := make([]driver.Value, len(columns))
	for err == nil && ctx.Err() == nil {
		if err = rows.Next(values); err == nil && !visit(values) {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if cut := ctx.Err(); cut != nil {
		err = cut
	}
	return errors.Join(g.explain(err), rows.Close(), s.Close())
}

// explain tells a statement's fault from one of the files.
func (g *Guest) explain(err error) error {
	var fault sqlite3.Error
	if errors.As(err, &fault) && (fault.Code == sqlite3.ErrError || fault.Code == sqlite3.ErrAuth || fault.Code == sqlite3.ErrTooBig || fault.Code == sqlite3.ErrReadonly || fault.Code == sqlite3.ErrRange || fault.Code == sqlite3.ErrMismatch) {
		return fmt.Errorf("%w: %v", ErrGuest, err)
	}
	return Explain(err)
}

// Close closes the connection.
func (g *Guest) Close() error { return Explain(g.c.Close()) }
