package records

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"aictl/store/internal/sqlite"
)

// maxWriters is how many day files stay open for writing: around midnight, today's and yesterday's.
const maxWriters = 2

// Append stores a batch durably: one transaction for each day that requests began on, synced before it returns.
// Exchanges that are stored already are passed over, so that after an error the same batch can be given again.
// The error matches ErrDisk when there is no space, and ErrBadRecord, with nothing written, for an exchange that
// cannot be stored. The exchanges are not changed and not kept.
func (a *Archive) Append(batch []*Exchange) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("append records: %w", ErrClosed)
	}
	rows, err := a.encodeAll(batch)
	if err != nil {
		return fmt.Errorf("append records: %w", err)
	}
	for len(rows) > 0 {
		d := rows[0].day
		end := slices.IndexFunc(rows, func(e encoded) bool { return e.day != d })
		if end < 0 {
			end = len(rows)
		}
		if err := a.appendDay(d, rows[:end]); err != nil {
			return fmt.Errorf("append %d records to %s: %w", end, d, err)
		}
		rows = rows[end:]
	}
	return nil
}

// encodeAll checks everything before it writes anything, and sorts by day.
func (a *Archive) encodeAll(batch []*Exchange) ([]encoded, error) {
	rows := make([]encoded, len(batch))
	sorted := true
	for i, x := range batch {
		if _, err := check(x); err != nil {
			return nil, err
		}
		sorted = sorted && (i == 0 || dayOf(batch[i-1].StartedAt) <= dayOf(x.StartedAt))
	}
	for i, x := range batch {
		id, err := check(x)
		if err == nil {
			err = a.encode(x, id, &rows[i])
		}
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", x.ID, err)
		}
	}
	if !sorted {
		slices.SortStableFunc(rows, func(a, b encoded) int { return int(a.day - b.day) })
	}
	return rows, nil
}

// appendDay writes one day's rows. A file found damaged is set aside and the day begun anew: a broken disk block
// must not end the recording.
func (a *Archive) appendDay(d day, rows []encoded) error {
	err := a.tryAppend(d, rows)
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	dropped := a.readers.drop(d)
	name, aside := setAside(a.dir, d)
	if aside = errors.Join(dropped, aside); aside != nil {
		return errors.Join(err, aside)
	}
	a.log.Error("day file of records is damaged and was set aside", "file", name, "err", err)
	return a.tryAppend(d, rows)
}

func (a *Archive) tryAppend(d day, rows []encoded) error {
	w, err := a.writer(d)
	if err != nil {
		return err
	}
	if err := w.insert(rows); err != nil {
		// A connection that failed is not trusted again; the next batch opens the file anew.
		a.forget(w)
		if dropped := w.abandon(); dropped != nil {
			a.log.Warn("day file of records did not close cleanly", "day", d.String(), "err", dropped)
		}
		return err
	}
	return nil
}

// writer returns the open file of a day, opening it and closing the one used longest ago.
func (a *Archive) writer(d day) (*dayWriter, error) {
	if i := slices.IndexFunc(a.writers, func(w *dayWriter) bool { return w.day == d }); i >= 0 {
		w := a.writers[i]
		if i != len(a.writers)-1 {
			a.writers = append(slices.Delete(a.writers, i, i+1), w)
		}
		return w, nil
	}
	w, err := openWriter(a.dir, d, a.maxPages)
	if err != nil {
		return nil, err
	}
	a.writers = append(a.writers, w)
	if len(a.writers) > maxWriters {
		old := a.writers[0]
		a.writers = slices.Delete(a.writers, 0, 1)
		if err := old.close(); err != nil {
			a.log.Warn("day file of records did not close cleanly", "day", old.day.String(), "err", err)
		}
	}
	return w, nil
}

func (a *Archive) forget(w *dayWriter) {
	a.writers = slices.DeleteFunc(a.writers, func(other *dayWriter) bool { return other == w })
}

// dayWriter is the writing connection of one day file.
type dayWriter struct {
	day  day
	conn *sqlite.Conn
	many *sqlite.Stmt // rowsPerInsert rows
	one  *sqlite.Stmt
	file *sqlite.Stmt
	look *sqlite.Stmt
	args []driver.NamedValue // reused
}

func openWriter(dir string, d day, maxPages int) (*dayWriter, error) {
	conn, err := sqlite.OpenConn(d.file(dir), sqlite.Options{CacheKiB: 32 << 10, MaxPages: maxPages})
	if err != nil {
		return nil, err
	}
	w := &dayWriter{day: d, conn: conn, args: make([]driver.NamedValue, rowsPerInsert*columnCount)}
	for i := range w.args {
		w.args[i].Ordinal = i + 1
	}
	if err := w.prepare(); err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	return w, nil
}

func (w *dayWriter) prepare() error {
	version, err := w.conn.Int("PRAGMA user_version")
	switch {
	case err != nil:
		return err
	case version > dayVersion:
		return fmt.Errorf("%w: day file %s has version %d, this aictl knows %d; install the aictl that wrote it, or newer", errNewerDay, w.day, version, dayVersion)
	case version == 0:
		if err := w.conn.Atomically(func() error { return w.conn.Exec(daySchema) }); err != nil {
			return err
		}
	}
	if w.many, err = w.conn.Prepare(insertRows(rowsPerInsert)); err != nil {
		return err
	}
	if w.one, err = w.conn.Prepare(insertRows(1)); err != nil {
		return err
	}
	if w.look, err = w.conn.Prepare(insertLookup); err != nil {
		return err
	}
	w.file, err = w.conn.Prepare(insertBodyFile)
	return err
}

// insert writes rows, where to look for them, and the names of their body files in one transaction.
func (w *dayWriter) insert(rows []encoded) error {
	defer w.release()
	return w.conn.Atomically(func() error {
		before, err := w.conn.Int(maxRowID)
		if err == nil {
			err = w.insertRows(rows)
		}
		if err == nil {
			err = w.insertLookup(before, rows)
		}
		if err == nil {
			err = w.insertFiles(rows)
		}
		return err
	})
}

func (w *dayWriter) insertRows(rows []encoded) error {
	for len(rows) > 0 {
		n, stmt := 1, w.one
		if len(rows) >= rowsPerInsert {
			n, stmt = rowsPerInsert, w.many
		}
		args := w.args[:n*columnCount]
		for i := range args {
			args[i].Value = rows[i/columnCount].row[i%columnCount]
		}
		if err := stmt.Exec(args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (w *dayWriter) insertLookup(before int64, rows []encoded) error {
	last, err := w.conn.Int(maxRowID)
	if err != nil || last == before { // every row was there already
		return err
	}
	hashes := hashesOf(rows)
	if len(hashes) == 0 {
		return nil
	}
	return w.look.Exec([]driver.NamedValue{{Ordinal: 1, Value: before + 1}, {Ordinal: 2, Value: last}, {Ordinal: 3, Value: hashes}})
}

// release lets go of the bodies of the last batch.
func (w *dayWriter) release() {
	for i := range w.args {
		w.args[i].Value = nil
	}
}

func (w *dayWriter) insertFiles(rows []encoded) error {
	for i := range rows {
		for _, name := range rows[i].files {
			if err := w.file.Exec([]driver.NamedValue{{Ordinal: 1, Value: name}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *dayWriter) truncate() error { return w.conn.Truncate() }

// close empties the write-ahead log and closes the file.
func (w *dayWriter) close() error { return errors.Join(w.conn.Truncate(), w.abandon()) }

// abandon closes the file as it is.
func (w *dayWriter) abandon() error {
	var errs []error
	for _, s := range []*sqlite.Stmt{w.many, w.one, w.file, w.look} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, w.conn.Close())...)
}
