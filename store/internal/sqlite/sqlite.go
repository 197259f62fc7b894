// Package sqlite opens SQLite files the one way aictl uses them: WAL, synchronous=FULL, 8 KB pages, one
// connection that writes and checkpoints, and read-only connections beside it.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// MinVersion is the first SQLite in which two connections that write and checkpoint at the same time cannot
// corrupt a WAL database (3.51.3), in the form of sqlite3_libversion_number.
const MinVersion = 3051003

// Options says how a file is opened. The zero value opens a reader.
type Options struct {
	// Write opens the writing connection: the file is created (0600) when absent.
	Write bool
	// ForeignKeys enforces REFERENCES clauses.
	ForeignKeys bool
	// Conns bounds the pool; a writer always has one connection. Zero means 4.
	Conns int
	// CacheKiB is the page cache of each connection; zero keeps SQLite's default of 2,000 KiB.
	CacheKiB int
	// Shrinks makes a new file one whose free pages can be given back by PRAGMA incremental_vacuum.
	Shrinks bool
	// MaxPages bounds the file's size in 8 KB pages; tests fill a disk with it. Zero means no bound.
	MaxPages int
}

// CheckVersion reports an error when the linked SQLite is older than MinVersion.
func CheckVersion() error {
	text, number, _ := sqlite3.Version()
	return checkVersion(text, number)
}

func checkVersion(text string, number int) error {
	if number >= MinVersion {
		return nil
	}
	return fmt.Errorf("SQLite %s is linked in, but at least 3.51.3 is needed (older ones can corrupt a database in WAL mode): rebuild aictl with the go-sqlite3 its go.mod names and without the libsqlite3 build tag", text)
}

// Open returns a pool on path. Pragmas are set on every connection as it is made, never once on the pool.
func Open(path string, o Options) (*sql.DB, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	if o.Write {
		if err := createFile(path); err != nil {
			return nil, err
		}
	}
	db := sql.OpenDB(&connector{dsn: dsn(path, o), driver: &sqlite3.SQLiteDriver{ConnectHook: o.connected}})
	conns := o.Conns
	if conns <= 0 {
		conns = 4
	}
	if o.Write {
		conns = 1
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// connector avoids a driver registered under a global name.
type connector struct {
	dsn    string
	driver *sqlite3.SQLiteDriver
}

func (c *connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c *connector) Driver() driver.Driver                        { return c.driver }

func dsn(path string, o Options) string {
	query := url.Values{"_mutex": {"no"}, "_busy_timeout": {"5000"}, "_synchronous": {"FULL"}}
	if o.Write {
		query.Set("mode", "rw")
		query.Set("_txlock", "immediate")
	} else {
		// Read-only connections never checkpoint, so that the writer is the only one who does.
		query.Set("mode", "ro")
		query.Set("_query_only", "1")
	}
	if o.ForeignKeys {
		query.Set("_foreign_keys", "1")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

// connected sets what the DSN has no words for. The page size and how a file shrinks have to come before WAL,
// which writes the header.
func (o Options) connected(c *sqlite3.SQLiteConn) error {
	pragmas := []string{}
	if o.CacheKiB > 0 {
		pragmas = append(pragmas, fmt.Sprintf("PRAGMA cache_size = -%d", o.CacheKiB))
	}
	if o.Write {
		pragmas = append(pragmas, "PRAGMA page_size = 8192")
		if o.Shrinks {
			pragmas = append(pragmas, "PRAGMA auto_vacuum = INCREMENTAL")
		}
		pragmas = append(pragmas, "PRAGMA journal_mode = WAL",
			"PRAGMA journal_size_limit = 67108864")
		if o.MaxPages > 0 {
			pragmas = append(pragmas, fmt.Sprintf("PRAGMA max_page_count = %d", o.MaxPages))
		}
	}
	if len(pragmas) == 0 {
		return nil
	}
	_, err := c.Exec(strings.Join(pragmas, ";"), nil)
	return err
}

// createFile makes an empty 0600 file before SQLite does, so that it never exists with wider permissions and a
// folder that cannot be written is told in the system's own words.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return systemFault(err)
		}
		return f.Close()
	}
	if err != nil {
		return systemFault(err)
	}
	if err := f.Close(); err != nil {
		return systemFault(err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes creations and renames within a folder survive a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return systemFault(err)
	}
	if err := d.Sync(); err != nil {
		return errors.Join(systemFault(err), d.Close())
	}
	return d.Close()
}

// Truncate checkpoints the whole WAL into the database and cuts the WAL file to nothing.
func Truncate(ctx context.Context, db *sql.DB) error {
	var busy, log, moved int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved); err != nil {
		return Explain(err)
	}
	return nil
}
