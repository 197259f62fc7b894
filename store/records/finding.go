package records

import (
	"database/sql/driver"
	"slices"
)

// What makes records found and summed up fast: rollups and indexed values, written with the records and beside labels.
const findingSchema = `
-- For each chunk of up to 256 records of a transaction, from the record numbered first on: see rollup.go.
CREATE TABLE rollups (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, data BLOB NOT NULL);
-- And the values at the paths that are indexed: see index.go.
CREATE TABLE path_values (path INTEGER NOT NULL, first INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (path, first)) WITHOUT ROWID;
` + labelSchema

const (
	insertRollup = `INSERT INTO rollups (first, count, data) VALUES (?, ?, ?)`
	insertValues = `INSERT INTO path_values (path, first, data) VALUES (?, ?, ?)`
)

// insertFinding writes the rollup and the indexed values of records numbered from first on.
func (w *dayWriter) insertFinding(first int64, recs []record) error {
	samples := make([]sample, len(recs))
	for i := range recs {
		s, err := w.sample(&recs[i])
		if err != nil {
			return err
		}
		samples[i] = s
	}
	groups, known := rollUp(samples)
	if err := w.exec(insertRollup, first, int64(len(recs)), encodeRollup(groups, known)); err != nil {
		return err
	}
	return w.insertValues(first, recs)
}

func (w *dayWriter) sample(r *record) (s sample, err error) {
	s = sample{started: r.started, firstByte: r.first, duration: r.duration, in: r.sides[request].size, out: r.sides[response].size}
	for i, text := range [keyStatus]string{
		r.texts[textService], r.texts[textRelease], r.texts[textInstance], r.texts[textMethod], r.texts[textPath], r.texts[textModel],
		r.texts[textSource], r.texts[textEnd],
	} {
		if s.key[i], err = w.names.number(text); err != nil {
			return s, err
		}
	}
	s.key[keyStatus], s.key[keyHour] = r.status, hourOf(r.started)
	return s, nil
}

func (w *dayWriter) insertValues(first int64, recs []record) error {
	var byPath map[string][]indexEntry
	for i := range recs {
		for _, x := range recs[i].indexed {
			if !x.fits() {
				continue
			}
			if byPath == nil {
				byPath = map[string][]indexEntry{}
			}
			byPath[x.Path] = append(byPath[x.Path], indexEntry{at: i, values: x.Values})
		}
	}
	for path, entries := range byPath {
		n, err := w.names.number(path)
		if err == nil {
			err = w.exec(insertValues, n, first, encodeIndex(entries))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	listValues   = `SELECT path, first, data FROM path_values`
	updateValues = `UPDATE path_values SET data = ? WHERE path = ? AND first = ?`
)

// unindex takes what is indexed of some records away, within a transaction of the caller's: their bodies are being erased.
func (w *dayWriter) unindex(gone seqSet) error {
	type change struct {
		path, first int64
		data        []byte
	}
	var changes []change
	err := w.query(listValues, func(row []driver.Value) error {
		path, _ := row[0].(int64)
		first, _ := row[1].(int64)
		data, _ := row[2].([]byte)
		entries, err := decodeIndex(data)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(entries), func(e indexEntry) bool { return gone.has(first + int64(e.at)) })
		if len(left) < len(entries) {
			changes = append(changes, change{path, first, encodeIndex(left)})
		}
		return nil
	})
	for _, c := range changes {
		if err == nil {
			err = w.exec(updateValues, c.data, c.path, c.first)
		}
	}
	return err
}
