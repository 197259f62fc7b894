package records

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"aictl/store/internal/sqlite"
)

// dayWriter is the writing connection of one day file, and what the next commit has to know of those before.
type dayWriter struct {
	day   day
	codec *codec
	conn  *sqlite.Conn
	many  *sqlite.Stmt // rowsPerInsert rows
	stmts map[string]*sqlite.Stmt
	args  []driver.NamedValue // reused
	order []int               // reused

	names *names
	next  int64    // seq of the next record
	head  [32]byte // of the hash chain
	tail  []tailBlock
}

// tailBlock is one of the last blocks of a day, each smaller than the one before it, that more records may join.
type tailBlock struct {
	first  int64
	raw    *raw
	hashes []byte
}

func openWriter(dir string, d day, c *codec, maxPages int) (*dayWriter, error) {
	conn, err := sqlite.OpenConn(d.file(dir), sqlite.Options{CacheKiB: 32 << 10, Shrinks: true, MaxPages: maxPages})
	if err != nil {
		return nil, err
	}
	w := &dayWriter{day: d, codec: c, conn: conn, stmts: map[string]*sqlite.Stmt{}, args: make([]driver.NamedValue, rowsPerInsert*columnCount)}
	for i := range w.args {
		w.args[i].Ordinal = i + 1
	}
	if err = w.prepare(); err == nil {
		err = w.load()
	}
	if err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	return w, nil
}

func (w *dayWriter) prepare() error {
	// What is deleted or written anew is overwritten with zeros, so that what was erased is gone.
	if _, err := w.conn.Int("PRAGMA secure_delete = ON"); err != nil {
		return err
	}
	version, err := w.conn.Int("PRAGMA user_version")
	switch {
	case err != nil:
		return err
	case version > dayVersion:
		return fmt.Errorf("%w: day file %s has version %d, this aictl knows %d; install the aictl that wrote it, or newer", errNewerDay, w.day, version, dayVersion)
	case version == 1:
		return fmt.Errorf("%w: day file %s has version 1 and could not be converted", ErrCorrupt, w.day)
	case version == 0:
		if err := w.conn.Atomically(func() error { return w.conn.Exec(daySchema) }); err != nil {
			return err
		}
	}
	w.many, err = w.conn.Prepare(insertRows(rowsPerInsert))
	return err
}

// exec runs a statement, prepared when it is used for the first time.
func (w *dayWriter) exec(text string, args ...driver.Value) error {
	stmt, err := w.stmt(text)
	if err != nil {
		return err
	}
	return stmt.Exec(named(args))
}

func (w *dayWriter) stmt(text string) (*sqlite.Stmt, error) {
	if s := w.stmts[text]; s != nil {
		return s, nil
	}
	s, err := w.conn.Prepare(text)
	if err == nil {
		w.stmts[text] = s
	}
	return s, err
}

func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, v := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return out
}

// query visits the rows of a statement.
func (w *dayWriter) query(text string, visit func(row []driver.Value) error, args ...driver.Value) error {
	stmt, err := w.stmt(text)
	if err != nil {
		return err
	}
	return stmt.Query(named(args), visit)
}

const (
	lastBlocks = `SELECT first, count, head, data FROM blocks ORDER BY first DESC LIMIT ?`
	hashesOfBl = `SELECT hashes FROM lookups WHERE first = ?`
	idStored   = `SELECT 1 FROM exchanges WHERE id = ?`
	maxTail    = 10
)

// load reads what the next commit has to know from the file.
func (w *dayWriter) load() error {
	w.next, w.head, w.tail = 1, firstHead(w.day), nil
	w.names = newNames(w)
	last, more := true, true
	err := w.query(lastBlocks, func(row []driver.Value) error {
		first, count, head, data, err := blockRow(row)
		if err != nil {
			return err
		}
		if last {
			w.next, w.head, last = first+count, head, false
		}
		if more = more && count < blockMax && len(data) < blockBytes; !more {
			return nil
		}
		raw, err := w.codec.unpackBlock(data)
		if err != nil {
			return err
		}
		if n := len(w.tail); n > 0 && w.tail[n-1].raw.n >= raw.n {
			more = false
			return nil
		}
		w.tail = append(w.tail, tailBlock{first: first, raw: raw})
		return nil
	}, int64(maxTail))
	if err != nil {
		return err
	}
	slices.Reverse(w.tail)
	for i := range w.tail {
		t := &w.tail[i]
		if err := w.query(hashesOfBl, func(row []driver.Value) error {
			b, _ := row[0].([]byte)
			t.hashes = append([]byte(nil), b...)
			return nil
		}, t.first); err != nil {
			return err
		}
	}
	return nil
}

func blockRow(row []driver.Value) (first, count int64, head [32]byte, data []byte, err error) {
	first, okFirst := row[0].(int64)
	count, okCount := row[1].(int64)
	sum, okSum := row[2].([]byte)
	data, okData := row[3].([]byte)
	if !okFirst || !okCount || !okSum || !okData || len(sum) != 32 {
		return 0, 0, head, nil, fmt.Errorf("%w: a block's row has values of other types", ErrCorrupt)
	}
	copy(head[:], sum)
	return first, count, head, data, nil
}

func (w *dayWriter) holds(id [16]byte) (found bool, err error) {
	err = w.query(idStored, func([]driver.Value) error {
		found = true
		return nil
	}, id[:])
	return found, err
}

// insert writes chunks in one transaction. When it fails, load must come before the next.
func (w *dayWriter) insert(chunks []*chunk) error {
	defer w.release()
	return w.conn.Atomically(func() error {
		for _, c := range chunks {
			if err := w.insertRows(c.recs); err != nil {
				return err
			}
			if err := w.insertFinding(w.next, c.recs); err != nil {
				return err
			}
			if err := w.insertBlock(c); err != nil {
				return err
			}
			for _, name := range c.files {
				if err := w.exec(insertBodyFile, name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// insertRows numbers the records and writes their rows, in the order of their ids: so pages fill up from left to right.
func (w *dayWriter) insertRows(recs []record) error {
	w.order = w.order[:0]
	for i := range recs {
		w.order = append(w.order, i)
	}
	slices.SortFunc(w.order, func(i, j int) int { return bytes.Compare(recs[i].id[:], recs[j].id[:]) })
	for order := w.order; len(order) > 0; {
		n := min(len(order), rowsPerInsert)
		args := w.args[:n*columnCount]
		for i, at := range order[:n] {
			if err := w.row(&recs[at], w.next+int64(at), args[i*columnCount:]); err != nil {
				return err
			}
		}
		stmt, err := w.many, error(nil)
		if n < rowsPerInsert {
			stmt, err = w.stmt(insertRows(n))
		}
		if err != nil {
			return err
		}
		if err := stmt.Exec(args); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

func (w *dayWriter) row(r *record, seq int64, into []driver.NamedValue) error {
	into[0].Value, into[1].Value = r.id[:], seq
	for i, text := range r.rowTexts() {
		n, err := w.names.number(text)
		if err != nil {
			return err
		}
		into[2+i].Value = n
	}
	for i, n := range r.rowNumbers() {
		into[11+i].Value = n
	}
	return nil
}

func (r *record) rowFlags() int64 {
	in, out := &r.sides[request], &r.sides[response]
	return int64(bit(r.cached)*rowCached | bit(in.truncated)*rowReqTruncated | bit(in.omitted)*rowReqOmitted |
		bit(out.truncated)*rowRespTruncated | bit(out.omitted)*rowRespOmitted | bit(in.erased || out.erased)*rowErased)
}

// insertBlock goes on with the hash chain, and writes the block, joined with the last ones when they are no larger: so
// every record is written again a few times at most, and hardly a block of a few records stays.
func (w *dayWriter) insertBlock(c *chunk) error {
	for i := range c.leaves {
		w.head = nextHead(w.head, c.leaves[i])
		copy(c.raw.fixed[i*fixedSize+16:], w.head[:tagSize])
	}
	t, packed := tailBlock{first: w.next, raw: c.raw, hashes: hashesOf(c.recs)}, c.packed
	w.next += int64(c.raw.n)
	joined, err := w.join(t)
	if err != nil {
		return err
	}
	if joined.first != t.first || packed.data == nil {
		packed = w.codec.packBlock(joined.raw)
	}
	if err := w.exec(insertBlock, joined.first, int64(joined.raw.n), w.head[:], packed.seal(joined.raw.fixed)); err != nil {
		return err
	}
	if n := len(w.tail); joined.raw.full() || n > 0 && w.tail[n-1].raw.n <= joined.raw.n {
		w.tail = nil // nothing joins over a block that is larger
	}
	if !joined.raw.full() {
		w.tail = append(w.tail, joined)
	}
	if len(joined.hashes) == 0 {
		return nil
	}
	return w.exec(insertLookup, joined.first, joined.hashes)
}

// join takes the last blocks that are no larger than the new one away and puts them before it.
func (w *dayWriter) join(t tailBlock) (tailBlock, error) {
	for len(w.tail) > 0 {
		last := w.tail[len(w.tail)-1]
		if last.raw.n > t.raw.n || last.raw.n+t.raw.n > blockMax || last.raw.size()+t.raw.size() > blockBytes {
			break
		}
		if err := errors.Join(w.exec(deleteBlock, last.first), w.exec(deleteLookup, last.first)); err != nil {
			return t, err
		}
		both := &raw{}
		both.join(last.raw)
		both.join(t.raw)
		t = tailBlock{first: last.first, raw: both, hashes: append(last.hashes[:len(last.hashes):len(last.hashes)], t.hashes...)}
		w.tail = w.tail[:len(w.tail)-1]
	}
	return t, nil
}

// release lets go of the ids of the last batch.
func (w *dayWriter) release() {
	for i := range w.args {
		w.args[i].Value = nil
	}
}

func (w *dayWriter) truncate() error { return w.conn.Truncate() }

// close empties the write-ahead log and closes the file.
func (w *dayWriter) close() error { return errors.Join(w.conn.Truncate(), w.abandon()) }

// abandon closes the file as it is.
func (w *dayWriter) abandon() error {
	var errs []error
	if w.many != nil {
		errs = append(errs, w.many.Close())
	}
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}
