package records

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"aictl/store/internal/sqlite"
)

// Label is what somebody says of a record: the answer that would have been right, a thumb, a note. A record may have
// several, by name. Labels lie beside the day's records and go with them; they are no part of the hash chain.
type Label struct {
	Name  string
	Truth json.RawMessage // any JSON value, nil when it was not told
	Thumb string          // "up", "down" or ""
	Note  string
	By    string
	At    time.Time
}

// LabelChange is one entry of a label's history: what the label was after it, or that it was removed.
type LabelChange struct {
	Label
	Removed bool
}

// LabelEdit changes a label, or makes it. What is nil stays as it is; what is empty is taken away.
type LabelEdit struct {
	Name  string
	Truth *json.RawMessage
	Thumb *string
	Note  *string
	By    string
	At    time.Time
}

// Bounds of a label.
const (
	MaxLabelTruth = 64 << 10 // bytes
	MaxLabelNote  = 4 << 10
	DefaultLabel  = "main" // the name of a label that is given none
)

// ErrBadLabel is of a label that is not taken.
var ErrBadLabel = errors.New("not a label")

var labelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// reserved are words of label filters.
var reserved = map[string]bool{"any": true, "none": true, "truth": true, "thumb": true, "note": true, "by": true}

func checkLabelName(name string) error {
	if !labelName.MatchString(name) || reserved[name] {
		return fmt.Errorf("%w: the name %.80q: use letters, digits, _ . and -, at most 64, and none of any, none, truth, thumb, note, by", ErrBadLabel, name)
	}
	return nil
}

func (e *LabelEdit) check() error {
	if err := checkLabelName(e.Name); err != nil {
		return err
	}
	switch {
	case e.Truth == nil && e.Thumb == nil && e.Note == nil:
		return fmt.Errorf("%w: it says nothing; give a truth, a thumb or a note", ErrBadLabel)
	case e.Thumb != nil && *e.Thumb != "" && *e.Thumb != "up" && *e.Thumb != "down":
		return fmt.Errorf("%w: the thumb %.20q is neither up nor down", ErrBadLabel, *e.Thumb)
	case e.Note != nil && len(*e.Note) > MaxLabelNote:
		return fmt.Errorf("%w: the note is longer than %d bytes", ErrBadLabel, MaxLabelNote)
	case e.Truth == nil || len(*e.Truth) == 0:
		return nil
	case len(*e.Truth) > MaxLabelTruth:
		return fmt.Errorf("%w: the truth is longer than %d bytes", ErrBadLabel, MaxLabelTruth)
	}
	plain, err := compact(*e.Truth)
	if err != nil {
		return fmt.Errorf("%w: the truth is not JSON (a string needs quotes): %w", ErrBadLabel, err)
	}
	e.Truth = &plain
	return nil
}

// compact makes equal texts of equal JSON, but for the order of members and the ways to write a number.
func compact(raw json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.Bytes(), err
}

const labelSchema = `
-- Labels as they are, and every change of them; see labels.go. Times are µs since 1970.
CREATE TABLE labels (id BLOB NOT NULL, name TEXT NOT NULL, truth TEXT, thumb TEXT NOT NULL, note TEXT NOT NULL, by TEXT NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (id, name)) WITHOUT ROWID;
CREATE TABLE label_changes (n INTEGER PRIMARY KEY, id BLOB NOT NULL, name TEXT NOT NULL, truth TEXT, thumb TEXT NOT NULL,
  note TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL, removed INTEGER NOT NULL);
CREATE INDEX label_changes_id ON label_changes (id);
`

// The parameters ?3, ?5 and ?7 say whether the value before them is given.
const (
	upsertLabel = `INSERT INTO labels (id, name, truth, thumb, note, by, at)
  SELECT ?1, ?2, CASE WHEN ?4 THEN ?3 END, CASE WHEN ?6 THEN ?5 ELSE '' END, CASE WHEN ?8 THEN ?7 ELSE '' END, ?9, ?10
  WHERE EXISTS (SELECT 1 FROM exchanges WHERE id = ?1)
  ON CONFLICT (id, name) DO UPDATE SET truth = CASE WHEN ?4 THEN excluded.truth ELSE truth END,
  thumb = CASE WHEN ?6 THEN excluded.thumb ELSE thumb END, note = CASE WHEN ?8 THEN excluded.note ELSE note END,
  by = excluded.by, at = excluded.at`
	keepChange = `INSERT INTO label_changes (id, name, truth, thumb, note, by, at, removed)
  SELECT id, name, truth, thumb, note, by, at, 0 FROM labels WHERE id = ? AND name = ?`
	keepRemoval = `INSERT INTO label_changes (id, name, truth, thumb, note, by, at, removed)
  SELECT id, name, NULL, '', '', ?, ?, 1 FROM labels WHERE id = ? AND name = ?`
	deleteLabel  = `DELETE FROM labels WHERE id = ? AND name = ?`
	countLabel   = `SELECT 1 FROM labels WHERE id = ? AND name = ?`
	listLabels   = `SELECT name, truth, thumb, note, by, at, 0 FROM labels WHERE id = ? ORDER BY name`
	labelHistory = `SELECT name, truth, thumb, note, by, at, removed FROM label_changes WHERE id = ? ORDER BY n`
)

// SetLabel labels records by their ids, in one transaction for each day, and tells how many there were. An id of no record is
// ErrNotFound; the records before it may be labelled then.
func (a *Archive) SetLabel(ctx context.Context, ids []string, e LabelEdit) (n int, err error) {
	if err := e.check(); err != nil {
		return 0, err
	}
	return a.changeLabels(ctx, ids, func(w *dayWriter, id uuid.UUID) error { return w.setLabel(id, e) })
}

// RemoveLabel takes a label away; what it was stays in the history. None of that name is ErrNotFound.
func (a *Archive) RemoveLabel(ctx context.Context, id, name, by string, at time.Time) error {
	if err := checkLabelName(name); err != nil {
		return err
	}
	_, err := a.changeLabels(ctx, []string{id}, func(w *dayWriter, id uuid.UUID) error { return w.removeLabel(id, name, by, at) })
	return err
}

func (a *Archive) changeLabels(ctx context.Context, ids []string, change func(*dayWriter, uuid.UUID) error) (n int, err error) {
	byDay, err := a.placesOf(ctx, ids)
	if err != nil {
		return 0, err
	}
	for d, keys := range byDay {
		if err := a.changeDay(d, keys, change); err != nil {
			return n, fmt.Errorf("label records of %s: %w", d, err)
		}
		n += len(keys)
	}
	return n, nil
}

func (a *Archive) changeDay(d day, keys []uuid.UUID, change func(*dayWriter, uuid.UUID) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	w, err := a.writer(d)
	if err != nil {
		return err
	}
	err = w.conn.Atomically(func() error {
		for _, id := range keys {
			if err := change(w, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		a.forget(w)
		err = errors.Join(err, w.abandon())
	}
	return err
}

func (w *dayWriter) setLabel(id uuid.UUID, e LabelEdit) error {
	truth, thumb, note := driver.Value(nil), "", ""
	if e.Truth != nil && len(*e.Truth) > 0 {
		truth = string(*e.Truth)
	}
	if e.Thumb != nil {
		thumb = *e.Thumb
	}
	if e.Note != nil {
		note = *e.Note
	}
	return errors.Join(
		w.exec(upsertLabel, id[:], e.Name, truth, e.Truth != nil, thumb, e.Thumb != nil, note, e.Note != nil, e.By, e.At.UnixMicro()),
		w.exec(keepChange, id[:], e.Name))
}

func (w *dayWriter) removeLabel(id uuid.UUID, name, by string, at time.Time) error {
	found := false
	err := w.query(countLabel, func([]driver.Value) error {
		found = true
		return nil
	}, id[:], name)
	if err == nil && !found {
		return fmt.Errorf("label %s of record %s: %w", name, id, ErrNotFound)
	}
	return errors.Join(err, w.exec(keepRemoval, by, at.UnixMicro(), id[:], name), w.exec(deleteLabel, id[:], name))
}

// placesOf finds the day files that hold records.
func (a *Archive) placesOf(ctx context.Context, ids []string) (map[day][]uuid.UUID, error) {
	byDay := map[day][]uuid.UUID{}
	for _, text := range ids {
		d, id, err := a.place(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", text, err)
		}
		byDay[d] = append(byDay[d], id)
	}
	return byDay, nil
}

const idsBetween = `SELECT id FROM exchanges WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 2`

// place finds a record by its id or the beginning of it, as Get does.
func (a *Archive) place(ctx context.Context, text string) (at day, id uuid.UUID, err error) {
	low, high, err := idRange(text)
	if err != nil {
		return 0, id, err
	}
	n := 0
	warnings, err := a.eachDay(ctx, Filter{Since: idTime(low).Add(-idSlack), Until: idTime(high).Add(idSlack)}, func(d day, db *sql.DB) error {
		return eachRow(ctx, db, idsBetween, []any{low[:], high[:]}, func(rows *sql.Rows) error {
			var raw []byte
			if err := rows.Scan(&raw); err != nil {
				return err
			}
			n, at = n+1, d
			id, err = uuid.FromBytes(raw)
			return err
		})
	})
	switch {
	case err != nil:
		return 0, id, err
	case n > 1:
		return 0, id, ErrAmbiguous
	case n == 0 && len(warnings) > 0:
		return 0, id, fmt.Errorf("%w: it may be in a file that cannot be read: %s", ErrNotFound, warnings[0])
	case n == 0:
		return 0, id, ErrNotFound
	}
	return at, id, nil
}

// Labels are a record's labels by name, and every change of them, oldest first.
func (a *Archive) Labels(ctx context.Context, id string) (current []Label, history []LabelChange, err error) {
	d, key, err := a.place(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("labels of record %s: %w", id, err)
	}
	err = a.readers.with(ctx, d, func(db *sql.DB) error {
		list, err := readLabels(ctx, db, listLabels, key)
		for _, l := range list {
			current = append(current, l.Label)
		}
		if err == nil {
			history, err = readLabels(ctx, db, labelHistory, key)
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("labels of record %s: %w", id, err)
	}
	return current, history, nil
}

func readLabels(ctx context.Context, db *sql.DB, text string, id uuid.UUID) (list []LabelChange, err error) {
	err = eachRow(ctx, db, text, []any{id[:]}, func(rows *sql.Rows) error {
		var l LabelChange
		var truth sql.NullString
		var at int64
		if err := rows.Scan(&l.Name, &truth, &l.Thumb, &l.Note, &l.By, &at, &l.Removed); err != nil {
			return sqlite.Explain(err)
		}
		if truth.Valid {
			l.Truth = json.RawMessage(truth.String)
		}
		l.At = time.UnixMicro(at).UTC()
		list = append(list, l)
		return nil
	})
	return list, err
}
