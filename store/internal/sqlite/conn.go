package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Conn is one writing connection without database/sql above it: for the path where every microsecond counts.
// It may be used by one goroutine at a time.
type Conn struct{ c *sqlite3.SQLiteConn }

// Stmt is a prepared statement of a Conn.
type Stmt struct{ s *sqlite3.SQLiteStmt }

// OpenConn opens or creates path for writing.
func OpenConn(path string, o Options) (*Conn, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	o.Write = true
	if err := createFile(path); err != nil {
		return nil, err
	}
	c, err := (&sqlite3.SQLiteDriver{ConnectHook: o.connected}).Open(dsn(path, o))
	if err != nil {
		return nil, Explain(err)
	}
	conn, ok := c.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("driver opened a %T", c), c.Close())
	}
	return &Conn{c: conn}, nil
}

// Exec runs statements without arguments.
func (c *Conn) Exec(text string) error {
	_, err := c.c.Exec(text, nil)
	return Explain(err)
}

// Int returns the first column of the first row, for pragmas.
func (c *Conn) Int(text string) (int64, error) {
	rows, err := c.c.Query(text, nil)
	if err != nil {
		return 0, Explain(err)
	}
	values := make([]driver.Value, len(rows.Columns()))
	err = rows.Next(values)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s gave no row", text)
	}
	if err = errors.Join(err, rows.Close()); err != nil {
		return 0, Explain(err)
	}
	n, ok := values[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%s gave a %T", text, values[0])
	}
	return n, nil
}

// Prepare compiles a statement.
func (c *Conn) Prepare(text string) (*Stmt, error) {
	s, err := c.c.Prepare(text)
	if err != nil {
		return nil, Explain(err)
	}
	stmt, ok := s.(*sqlite3.SQLiteStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("driver prepared a %T", s), s.Close())
	}
	return &Stmt{s: stmt}, nil
}

// Atomically runs f in one transaction.
func (c *Conn) Atomically(f func() error) error {
	if err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.Exec("COMMIT")
	}
	if err != nil && !c.c.AutoCommit() { // SQLite ends some failed transactions itself
		err = errors.Join(err, c.Exec("ROLLBACK"))
	}
	return err
}

// Truncate checkpoints the whole WAL and cuts its file to nothing; readers in the way are no error.
func (c *Conn) Truncate() error {
	_, err := c.Int("PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// Close closes the connection; statements must be closed before.
func (c *Conn) Close() error { return Explain(c.c.Close()) }

// Exec runs the statement. Ordinals of args count from 1.
func (s *Stmt) Exec(args []driver.NamedValue) error {
	// A context that can be cancelled would cost a goroutine and a channel per call.
	_, err := s.s.ExecContext(context.Background(), args)
	return Explain(err)
}

// Close frees the statement.
func (s *Stmt) Close() error { return Explain(s.s.Close()) }

// Query visits the rows of the statement. The values of a row, blobs included, are the visitor's own.
func (s *Stmt) Query(args []driver.NamedValue, visit func(row []driver.Value) error) error {
	rows, err := s.s.QueryContext(context.Background(), args)
	if err != nil {
		return Explain(err)
	}
	values := make([]driver.Value, len(rows.Columns()))
	for err == nil {
		if err = rows.Next(values); err == nil {
			err = visit(values)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return Explain(errors.Join(err, rows.Close()))
}
