package records

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// chunk is a block's worth of new records, encoded but for what depends on the records before it.
type chunk struct {
	day    day
	recs   []record
	raw    *raw
	leaves [][32]byte
	files  []string
	packed packedBlock // of a chunk too large to be joined with those before it
}

// joinable is the largest number of records that may be joined with the block before them; more are a block of their own
// and can be compressed before it is their turn.
const joinable = blockMax / 2

// prepare checks and encodes a batch, by day, with the bodies' files written. It needs no lock and uses as many cores as
// there are blocks.
func (a *Archive) prepare(batch []*Exchange) ([]*chunk, error) {
	recs := make([]record, len(batch))
	for i, x := range batch {
		id, err := check(x)
		if err != nil {
			return nil, err
		}
		recs[i].id = id
	}
	const group = 64
	if err := each((len(batch)+group-1)/group, func(n int) error {
		for i := n * group; i < min(len(batch), (n+1)*group); i++ {
			recordOf(batch[i], recs[i].id, &recs[i])
		}
		return nil
	}); err != nil {
		return nil, err
	}
	sorted := slices.IsSortedFunc(batch, func(a, b *Exchange) int { return int(dayOf(a.StartedAt) - dayOf(b.StartedAt)) })
	if !sorted {
		slices.SortStableFunc(recs, func(a, b record) int { return int(a.day() - b.day()) })
	}
	chunks := a.cut(recs)
	return chunks, each(len(chunks), func(i int) error { return a.encode(chunks[i]) })
}

func (r *record) day() day { return day(floorDiv(r.started, 86400e6)) }

// cut divides records that are sorted by day into chunks of one day and a block's size.
func (a *Archive) cut(recs []record) (chunks []*chunk) {
	for len(recs) > 0 {
		d, n, size := recs[0].day(), 0, 0
		for n < len(recs) && n < blockMax && recs[n].day() == d && (n == 0 || size < blockBytes) {
			size += recs[n].weight(a.o.InlineMax)
			n++
		}
		chunks = append(chunks, &chunk{day: d, recs: recs[:n:n]})
		recs = recs[n:]
	}
	return chunks
}

// weight is about what a record adds to its block, in bytes before compression.
func (r *record) weight(inlineMax int) (n int) {
	for i := range r.sides {
		if s := &r.sides[i]; len(s.body) <= inlineMax {
			n += len(s.body) + 8*len(s.chunks) + 16*len(s.frames) + 64*len(s.parts)
		}
		n += len(r.texts[textReqHeader+i])
	}
	return n + len(r.texts[textQuery]) + len(r.texts[textTags])
}

// each calls f for 0 to n-1, on several cores when n is large, and returns the first error.
func each(n int, f func(int) error) error {
	workers := min(n, max(1, runtime.GOMAXPROCS(0)/2), encoders)
	if workers < 2 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = f(i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// settle lets go of the bodies' files, after the chunks are committed or will not be.
func (a *Archive) settle(chunks []*chunk) {
	for _, c := range chunks {
		a.bodies.settle(c.files)
	}
}

// encode fills in a chunk.
func (a *Archive) encode(c *chunk) error {
	for i := range c.recs {
		r := &c.recs[i]
		for s := range r.sides {
			if err := a.moveToFile(&r.sides[s], c); err != nil {
				return fmt.Errorf("record %s: %w", r.id, err)
			}
		}
	}
	c.raw, c.leaves = newRaw(c.recs), make([][32]byte, len(c.recs))
	var hashing sync.WaitGroup // beside the compression; both only read the records
	hashing.Go(func() {
		var h hasher
		for i := range c.recs {
			c.leaves[i] = h.leaf(&c.recs[i])
		}
	})
	for i := range c.recs {
		c.raw.add(&c.recs[i])
	}
	if len(c.recs) > joinable {
		c.packed = a.codec.packBlock(c.raw)
	}
	hashing.Wait()
	return nil
}

// moveToFile writes a large body to a file, which must be durable before its record is.
func (a *Archive) moveToFile(s *side, c *chunk) error {
	if len(s.body) <= a.o.InlineMax {
		return nil
	}
	data, packed := a.codec.pack(s.body)
	if !packed {
		data = s.body
	}
	name := bodyName(s.kept[:], packed)
	a.bodies.expect(name)
	c.files = append(c.files, name)
	if err := a.bodies.keep(name, data); err != nil {
		return err
	}
	s.file, s.packed, s.body = true, packed, nil
	return nil
}
