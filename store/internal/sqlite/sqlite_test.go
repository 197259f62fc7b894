package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
)

func TestVersion(t *testing.T) {
	if err := CheckVersion(); err != nil {
		t.Error(err)
	}
	err := checkVersion("3.51.2", 3051002)
	if err == nil || !strings.Contains(err.Error(), "3.51.2") || !strings.Contains(err.Error(), "rebuild") {
		t.Errorf("an old library: %v", err)
	}
}

func TestFaultsAreToldByCode(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"full":        {sqlite3.Error{Code: sqlite3.ErrFull}, ErrDisk},
		"write":       {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrWrite}, ErrDisk},
		"no space":    {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrWrite, SystemErrno: syscall.ENOSPC}, ErrDisk},
		"short read":  {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrShortRead}, ErrCorrupt},
		"read-only":   {sqlite3.Error{Code: sqlite3.ErrReadonly}, ErrReadOnly},
		"no database": {sqlite3.Error{Code: sqlite3.ErrNotADB}, ErrCorrupt},
		"denied":      {sqlite3.Error{Code: sqlite3.ErrCantOpen, SystemErrno: syscall.EACCES}, ErrPermission},
		"absent":      {sqlite3.Error{Code: sqlite3.ErrCantOpen, SystemErrno: syscall.ENOENT}, ErrMissing},
		"busy":        {sqlite3.Error{Code: sqlite3.ErrBusy}, ErrBusy},
		"unique":      {sqlite3.Error{Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintUnique}, ErrUnique},
		"foreign":     {sqlite3.Error{Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintForeignKey}, ErrForeign},
		"quota":       {syscall.EDQUOT, ErrDisk},
		"file system": {fmt.Errorf("open: %w", syscall.EROFS), ErrReadOnly},
	} {
		got := Explain(fmt.Errorf("wrapped: %w", tc.err))
		if !errors.Is(got, tc.want) || !errors.Is(got, tc.err) {
			t.Errorf("%s: %v", name, got)
		}
		if again := Explain(got); again != got {
			t.Errorf("%s: explained twice: %v", name, again)
		}
	}
	for _, err := range []error{nil, errors.New("other"), sqlite3.Error{Code: sqlite3.ErrError}} {
		if got := Explain(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestMissingFileIsTold(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "none.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Explain(db.Ping()); !errors.Is(err, ErrMissing) {
		t.Errorf("a reader of no file: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestConnRollsBackAsAWhole(t *testing.T) {
	c, err := OpenConn(filepath.Join(t.TempDir(), "x.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err = c.Atomically(func() error { return errors.Join(c.Exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)"), boom) })
	if !errors.Is(err, boom) {
		t.Errorf("error is %v", err)
	}
	n, err := c.Int("SELECT count(*) FROM sqlite_schema")
	if err != nil || n != 0 {
		t.Errorf("%d tables are left: %v", n, err)
	}
	if _, err := c.Int("SELECT 1 WHERE 0"); err == nil {
		t.Error("no row, but no error")
	}
	if err := errors.Join(c.Truncate(), c.Close()); err != nil {
		t.Error(err)
	}
}
