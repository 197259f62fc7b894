package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Kinds of faults, told by SQLite's extended codes and the system's error numbers, never by message text.
var (
	ErrDisk       = errors.New("the disk is full or failing")
	ErrReadOnly   = errors.New("the file or its file system is read-only")
	ErrPermission = errors.New("no permission")
	ErrCorrupt    = errors.New("not a database, or a damaged one")
	ErrBusy       = errors.New("another process holds the database")
	ErrMissing    = errors.New("no such file")
	ErrUnique     = errors.New("already exists")
	ErrForeign    = errors.New("refers to something that does not exist, or is still referred to")
)

// Fault is a low-level error with its kind; errors.Is matches both.
type Fault struct {
	Kind error
	Err  error
}

func (f *Fault) Error() string   { return fmt.Sprintf("%v: %v", f.Kind, f.Err) }
func (f *Fault) Unwrap() []error { return []error{f.Kind, f.Err} }

// Explain wraps err with its kind when it has one; other errors, nil included, come back as they are.
func Explain(err error) error {
	var fault *Fault
	if err == nil || errors.As(err, &fault) {
		return err
	}
	if kind := kindOf(err); kind != nil {
		return &Fault{Kind: kind, Err: err}
	}
	return err
}

func kindOf(err error) error {
	var se sqlite3.Error
	if !errors.As(err, &se) {
		return systemKind(err)
	}
	switch se.Code {
	case sqlite3.ErrFull:
		return ErrDisk
	case sqlite3.ErrReadonly:
		return ErrReadOnly
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return ErrCorrupt
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return ErrBusy
	case sqlite3.ErrPerm, sqlite3.ErrAuth:
		return ErrPermission
	case sqlite3.ErrConstraint:
		return constraintKind(se.ExtendedCode)
	case sqlite3.ErrIoErr:
		return ioKind(se)
	case sqlite3.ErrCantOpen:
		return systemKind(se.SystemErrno)
	}
	return nil
}

func constraintKind(code sqlite3.ErrNoExtended) error {
	switch code {
	case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintRowID:
		return ErrUnique
	case sqlite3.ErrConstraintForeignKey, sqlite3.ErrConstraintTrigger:
		return ErrForeign
	}
	return nil
}

// ioKind tells a file cut short (a read that came back with less than a page) from a disk that fails.
func ioKind(se sqlite3.Error) error {
	if se.ExtendedCode == sqlite3.ErrIoErrShortRead {
		return ErrCorrupt
	}
	if kind := systemKind(se.SystemErrno); kind != nil {
		return kind
	}
	return ErrDisk
}

func systemKind(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EIO):
		return ErrDisk
	case errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ErrMissing
	}
	return nil
}

func systemFault(err error) error {
	if kind := systemKind(err); kind != nil {
		return &Fault{Kind: kind, Err: err}
	}
	return err
}
