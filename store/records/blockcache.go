package records

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
)

// cachedBlocks and cachedBytes bound the decoded blocks that are kept: listings go through neighbours.
const (
	cachedBlocks = 32
	cachedBytes  = 16 << 20
)

// block is decoded: its records, which nobody changes.
type block struct {
	day   day
	first int64
	recs  []record
	bytes int
}

// blockCache keeps the blocks used last.
type blockCache struct {
	mu     sync.Mutex
	blocks []*block // newest use last
	bytes  int
}

func (c *blockCache) get(d day, first, count int64) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.blocks, func(b *block) bool { return b.day == d && b.first == first && int64(len(b.recs)) == count })
	if i < 0 {
		return nil
	}
	b := c.blocks[i]
	c.blocks = append(slices.Delete(c.blocks, i, i+1), b)
	return b
}

// holding returns the block that has a record, nil when it is not among those used last.
func (c *blockCache) holding(d day, seq int64) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.blocks) - 1; i >= 0; i-- {
		if b := c.blocks[i]; b.day == d && seq >= b.first && seq < b.first+int64(len(b.recs)) {
			return b
		}
	}
	return nil
}

func (c *blockCache) put(b *block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = append(c.blocks, b)
	c.bytes += b.bytes
	for len(c.blocks) > 1 && (len(c.blocks) > cachedBlocks || c.bytes > cachedBytes) {
		c.bytes -= c.blocks[0].bytes
		c.blocks = slices.Delete(c.blocks, 0, 1)
	}
}

// forget drops a day's blocks, because they were changed or their file is gone.
func (c *blockCache) forget(d day) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = slices.DeleteFunc(c.blocks, func(b *block) bool {
		if b.day == d {
			c.bytes -= b.bytes
		}
		return b.day == d
	})
}

const (
	blockOfSeq = `SELECT first, count FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 1`
	dataOf     = `SELECT count, data FROM blocks WHERE first = ?`
)

// blockWith returns the block that holds a record of a day.
func (a *Archive) blockWith(ctx context.Context, d day, db *sql.DB, seq int64) (*block, error) {
	if b := a.cache.holding(d, seq); b != nil {
		return b, nil
	}
	return a.blockNow(ctx, d, db, seq)
}

// blockNow is blockWith for those who want all that the block holds by now: one kept from before it grew has the record, too.
func (a *Archive) blockNow(ctx context.Context, d day, db *sql.DB, seq int64) (*block, error) {
	var first, count int64
	if err := eachRow(ctx, db, blockOfSeq, []any{seq}, func(rows *sql.Rows) error { return rows.Scan(&first, &count) }); err != nil {
		return nil, err
	}
	b, err := a.block(ctx, d, db, first, count)
	if err == nil && (seq < b.first || seq >= b.first+int64(len(b.recs))) {
		err = fmt.Errorf("%w: no block holds record %d of %s", ErrCorrupt, seq, d)
	}
	return b, err
}

// block reads a block, or takes it from those used last. It may have grown since count was read.
func (a *Archive) block(ctx context.Context, d day, db *sql.DB, first, count int64) (*block, error) {
	if b := a.cache.get(d, first, count); b != nil {
		return b, nil
	}
	var data []byte
	if err := eachRow(ctx, db, dataOf, []any{first}, func(rows *sql.Rows) error { return rows.Scan(&count, &data) }); err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("%w: block %d of %s is missing", ErrCorrupt, first, d)
	}
	b, err := a.decodeBlock(d, first, count, data)
	if err == nil {
		a.cache.put(b)
	}
	return b, err
}

func (a *Archive) decodeBlock(d day, first, count int64, data []byte) (*block, error) {
	raw, err := a.codec.unpackBlock(data)
	if err != nil {
		return nil, fmt.Errorf("block %d of %s: %w", first, d, err)
	}
	recs, err := raw.records()
	if err == nil && int64(len(recs)) != count {
		err = fmt.Errorf("%w: it holds %d records, not %d", ErrCorrupt, len(recs), count)
	}
	if err != nil {
		return nil, fmt.Errorf("block %d of %s: %w", first, d, err)
	}
	return &block{day: d, first: first, recs: recs, bytes: raw.size() + raw.n*512}, nil
}

// pick returns a record by its number and checks that it is the one of the row that named it.
func (a *Archive) pick(ctx context.Context, d day, db *sql.DB, id []byte, seq int64) (*record, error) {
	b, err := a.blockWith(ctx, d, db, seq)
	if err != nil {
		return nil, err
	}
	r := &b.recs[seq-b.first]
	if string(r.id[:]) != string(id) {
		return nil, fmt.Errorf("%w: record %d of %s is not the one its row names", ErrCorrupt, seq, d)
	}
	return r, nil
}
