package records

import (
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
// cannot be stored. The exchanges are not changed and not kept. Several callers may append at once: they encode side by
// side and commit one after the other.
func (a *Archive) Append(batch []*Exchange) error {
	if a.closing.Load() { // without the lock, which the commit before may hold for long
		return fmt.Errorf("append records: %w", ErrClosed)
	}
	chunks, err := a.prepare(batch)
	defer a.settle(chunks)
	if err != nil {
		return fmt.Errorf("append records: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("append records: %w", ErrClosed)
	}
	for len(chunks) > 0 {
		d := chunks[0].day
		end := slices.IndexFunc(chunks, func(c *chunk) bool { return c.day != d })
		if end < 0 {
			end = len(chunks)
		}
		if err := a.appendDay(d, chunks[:end]); err != nil {
			return fmt.Errorf("append records to %s: %w", d, err)
		}
		chunks = chunks[end:]
	}
	return nil
}

// appendDay writes one day's chunks. A file found damaged is set aside and the day begun anew: a broken disk block
// must not end the recording.
func (a *Archive) appendDay(d day, chunks []*chunk) error {
	err := a.tryAppend(d, chunks)
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	dropped := a.readers.drop(d)
	name, aside := setAside(a.dir, d)
	a.cache.forget(d)
	a.ends.forget(d)
	if aside = errors.Join(dropped, aside); aside != nil {
		return errors.Join(err, aside)
	}
	a.log.Error("day file of records is damaged and was set aside", "file", name, "err", err)
	return a.tryAppend(d, chunks)
}

func (a *Archive) tryAppend(d day, chunks []*chunk) error {
	w, err := a.writer(d)
	if err != nil {
		return err
	}
	err = w.insert(chunks)
	if errors.Is(err, sqlite.ErrUnique) {
		if err = w.load(); err == nil {
			chunks, err = a.unknown(w, chunks)
		}
		if err == nil {
			err = w.insert(chunks)
		}
	}
	if err == nil {
		a.ends.set(d, w.next-1)
		return nil
	}
	// A connection that failed is not trusted again; the next batch opens the file anew.
	a.forget(w)
	if dropped := w.abandon(); dropped != nil {
		a.log.Warn("day file of records did not close cleanly", "day", d.String(), "err", dropped)
	}
	return err
}

// unknown is the chunks without the records that the file holds already, or that come twice.
func (a *Archive) unknown(w *dayWriter, chunks []*chunk) (left []*chunk, err error) {
	seen := map[[16]byte]bool{}
	for _, c := range chunks {
		fresh := &chunk{day: c.day, files: c.files}
		for _, r := range c.recs {
			known := seen[r.id]
			if !known {
				if known, err = w.holds(r.id); err != nil {
					return nil, err
				}
			}
			if !known {
				fresh.recs = append(fresh.recs, r)
			}
			seen[r.id] = true
		}
		if len(fresh.recs) == 0 {
			continue
		}
		if err := a.encode(fresh); err != nil {
			return nil, err
		}
		left = append(left, fresh)
	}
	return left, nil
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
	w, err := openWriter(a.dir, d, a.codec, a.maxPages)
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
