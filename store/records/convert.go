package records

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"aictl/store/internal/sqlite"
)

// Day files of version 1 had one row for each exchange, with headers as text and both bodies, each compressed on its own.

// Flag bits of a message in version 1; CRC-32C of the kept body is in the bits above.
const (
	oldTruncated = 1 << iota
	oldOmitted
	oldZstd
	oldFile
)

const selectOld = `SELECT id, service, release, instance, session, trace_id, method, path, query, remote, status, started_at, first_byte,
  duration, "end", error, req_size, req_sha256, req_flags, resp_size, resp_sha256, resp_flags, req_header, resp_header, req_body, resp_body
  FROM exchanges ORDER BY rowid`

const convertFolder = ".convert"

// convertOld brings day files of version 1 to the present one. The new file is built beside the old and takes its place when it is
// whole, so that a crash loses nothing. A file that cannot be read stays as it is.
func (a *Archive) convertOld() error {
	work := filepath.Join(a.dir, convertFolder)
	if err := os.RemoveAll(work); err != nil {
		return sqlite.Explain(err)
	}
	all, _, err := days(a.dir)
	if err != nil {
		return err
	}
	for _, d := range all {
		version, err := versionOf(d.file(a.dir))
		if err != nil || version != 1 { // what cannot be read is told of when it is read
			continue
		}
		err = os.MkdirAll(work, 0o700)
		var n int
		if err == nil {
			n, err = a.convertDay(d, work)
		}
		switch {
		case errors.Is(err, ErrDisk):
			return fmt.Errorf("convert day file %s: %w", d, err)
		case err != nil:
			a.log.Error("day file of records of an older aictl cannot be converted and is left as it is", "day", d.String(), "err", err)
		default:
			a.log.Info("converted a day file of records of an older aictl", "day", d.String(), "records", n)
		}
	}
	return sqlite.Explain(os.RemoveAll(work))
}

func versionOf(path string) (version int, err error) {
	db, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return 0, err
	}
	err = db.QueryRow("PRAGMA user_version").Scan(&version)
	return version, errors.Join(err, db.Close())
}

func (a *Archive) convertDay(d day, work string) (n int, err error) {
	old, err := sqlite.Open(d.file(a.dir), sqlite.Options{Write: true}) // for writing, so that its log is emptied
	if err != nil {
		return 0, err
	}
	defer func() {
		if old != nil {
			err = errors.Join(err, old.Close())
		}
	}()
	w, err := openWriter(work, d, a.codec, 0)
	if err != nil {
		return 0, err
	}
	if n, err = a.copyOld(old, w); err != nil {
		return n, errors.Join(err, w.abandon())
	}
	if err := errors.Join(w.close(), sqlite.Truncate(context.Background(), old), old.Close()); err != nil {
		old = nil
		return n, err
	}
	old = nil
	return n, errors.Join(sqlite.Explain(os.Rename(d.file(work), d.file(a.dir))), sqlite.SyncDir(a.dir))
}

func (a *Archive) copyOld(old *sql.DB, w *dayWriter) (n int, err error) {
	c := &chunk{day: w.day}
	flush := func() error {
		if len(c.recs) == 0 {
			return nil
		}
		n += len(c.recs)
		err := a.encode(c)
		if err == nil {
			err = w.insert([]*chunk{c})
		}
		c = &chunk{day: w.day}
		return err
	}
	size := 0
	err = eachRow(context.Background(), old, selectOld, nil, func(rows *sql.Rows) error {
		r, files, err := a.scanOld(rows)
		if err != nil {
			return err
		}
		c.recs, c.files = append(c.recs, r), append(c.files, files...)
		if size += r.weight(a.o.InlineMax); len(c.recs) < blockMax && size < blockBytes {
			return nil
		}
		size = 0
		return flush()
	})
	return n, errors.Join(err, flush())
}

// oldSide is what a row of version 1 says of a message.
type oldSide struct {
	size   int64
	sum    []byte
	flags  int64
	header string
	body   []byte
}

func (a *Archive) scanOld(rows *sql.Rows) (r record, files []string, err error) {
	var x Exchange
	var id []byte
	var session sql.NullString
	var trace any
	var started, first, duration int64
	var sides [2]oldSide
	in, out := &sides[request], &sides[response]
	if err := rows.Scan(&id, &x.Service, &x.Release, &x.Instance, &session, &trace, &x.Method, &x.Path, &x.Query, &x.Remote, &x.Status, &started, &first,
		&duration, &x.End, &x.Error, &in.size, &in.sum, &in.flags, &out.size, &out.sum, &out.flags, &in.header, &out.header, &in.body, &out.body); err != nil {
		return r, nil, err
	}
	key, err := uuid.FromBytes(id)
	if err != nil || len(in.sum) != sha256.Size || len(out.sum) != sha256.Size {
		return r, nil, fmt.Errorf("%w: a row whose id or digests have the wrong length", ErrCorrupt)
	}
	x.ID, x.Session = key.String(), session.String
	switch v := trace.(type) {
	case []byte:
		x.TraceID = hex.EncodeToString(v)
	case string:
		x.TraceID = v
	}
	x.StartedAt, x.FirstByte, x.Duration = time.UnixMicro(started), micros(first), micros(duration)
	for i, m := range []*Message{&x.Request, &x.Response} {
		if err := a.oldMessage(&sides[i], m); err != nil {
			a.log.Error("the body of a record of an older aictl is damaged and left out", "record", x.ID, "err", err)
			m.Body, m.Omitted = nil, true
		}
	}
	recordOf(&x, key, &r)
	for i := range sides {
		if o := &sides[i]; o.flags&oldFile != 0 && len(o.body) == sha256.Size {
			s := &r.sides[i]
			s.file, s.packed = true, o.flags&oldZstd != 0
			copy(s.kept[:], o.body)
			files = append(files, bodyName(s.kept[:], s.packed))
		}
	}
	return r, files, nil
}

// oldMessage reads a message; a body that is a file stays one.
func (a *Archive) oldMessage(o *oldSide, m *Message) (err error) {
	m.Header, m.Size = decodeHeader(o.header), o.size
	copy(m.SHA256[:], o.sum)
	m.Truncated, m.Omitted = o.flags&oldTruncated != 0, o.flags&oldOmitted != 0
	if o.flags&oldFile != 0 {
		return nil
	}
	m.Body = o.body
	if o.flags&oldZstd != 0 {
		if m.Body, err = a.codec.unpack(o.body); err != nil {
			return err
		}
	}
	if int64(crc32.Checksum(m.Body, castagnoli)) != o.flags>>8 {
		return fmt.Errorf("%w: its bytes do not match their checksum", ErrCorrupt)
	}
	return nil
}
