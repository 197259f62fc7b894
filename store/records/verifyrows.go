package records

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

const rowsOfBlock = `SELECT id, seq, (SELECT text FROM names WHERE n = service), (SELECT text FROM names WHERE n = release), (SELECT text FROM names WHERE n = instance),
  (SELECT text FROM names WHERE n = method), (SELECT text FROM names WHERE n = path), (SELECT text FROM names WHERE n = model), (SELECT text FROM names WHERE n = user),
  (SELECT text FROM names WHERE n = source), (SELECT text FROM names WHERE n = "end"), status, started_at, first_byte, duration, req_size, resp_size, flags
  FROM exchanges WHERE id IN (SELECT unhex(value) FROM json_each(?))`

// rows compares the rows of a block's records with what the block says.
func (c *chainCheck) rows(b *block, live []*record) error {
	want := make(map[string]int64, len(live))
	ids := make([]string, 0, len(live))
	for i := range b.recs {
		if r := &b.recs[i]; r.state != stateRemoved {
			want[string(r.id[:])] = b.first + int64(i)
		}
	}
	for _, r := range live {
		ids = append(ids, hex.EncodeToString(r.id[:]))
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(live))
	var wrong error
	err = eachRow(c.ctx, c.db, rowsOfBlock, []any{string(list)}, func(rows *sql.Rows) error {
		var id []byte
		var seq int64
		var texts [9]sql.NullString
		var nums [7]int64
		into := []any{&id, &seq}
		for i := range texts {
			into = append(into, &texts[i])
		}
		for i := range nums {
			into = append(into, &nums[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		seen[string(id)] = true
		r := &b.recs[want[string(id)]-b.first]
		if wrong == nil && (seq != want[string(id)] || rowTexts(texts) != r.rowTexts() || nums != r.rowNumbers()) {
			wrong = bad(want[string(id)], r.name(), "its row was changed: %s", fmt.Sprint(rowTexts(texts), nums))
		}
		return nil
	})
	if err != nil || wrong != nil {
		return orElse(err, wrong)
	}
	for _, r := range live {
		if !seen[string(r.id[:])] {
			return bad(want[string(r.id[:])], r.name(), "its row is missing")
		}
	}
	return nil
}

func orElse(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func rowTexts(stored [9]sql.NullString) (texts [9]string) {
	for i, s := range stored {
		texts[i] = s.String
	}
	return texts
}

// rowTexts are the texts whose numbers a row has, in the order of its columns.
func (r *record) rowTexts() [9]string {
	return [9]string{
		r.texts[textService], r.texts[textRelease], r.texts[textInstance], r.texts[textMethod], r.texts[textPath], r.texts[textModel],
		r.texts[textUser], r.texts[textSource], r.texts[textEnd],
	}
}

// rowNumbers are the last columns of a row.
func (r *record) rowNumbers() [7]int64 {
	return [7]int64{r.status, r.started, r.first, r.duration, r.sides[request].size, r.sides[response].size, r.rowFlags()}
}
