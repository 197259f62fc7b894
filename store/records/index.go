package records

import (
	"encoding/binary"
	"errors"

	"aictl/store/records/match"
)

// Indexed are the values at one path of `record.index`, all there are in the record's body as it is stored.
type Indexed struct {
	Path   string // as match.Path.String gives it
	Values []match.Value
}

// Bounds of what is indexed of one record and path. Of a record beyond them nothing is indexed: a search reads its body.
const (
	maxIndexedText   = 256 // bytes of a string
	maxIndexedValues = 16
)

// indexEntry are the values of one record: number at of its transaction.
type indexEntry struct {
	at     int
	values []match.Value
}

// Fits reports whether values can be indexed: few, short, and none of them an array or object.
func (x Indexed) fits() bool {
	if len(x.Values) > maxIndexedValues {
		return false
	}
	for _, v := range x.Values {
		if v.Kind > match.String || len(v.Text) > maxIndexedText {
			return false
		}
	}
	return true
}

const indexVersion = 1

// encodeIndex is on disk, one for each transaction and path: the distinct values first, so that most transactions are
// passed over by them alone, then for each record how far it is from the one before and which values it has.
func encodeIndex(entries []indexEntry) []byte {
	type key struct {
		kind match.Kind
		text string
	}
	numbers := map[key]uint64{}
	var dictionary []byte
	var records []byte
	before := -1
	for _, e := range entries {
		records = binary.AppendUvarint(records, uint64(e.at-before-1))
		records = binary.AppendUvarint(records, uint64(len(e.values)))
		before = e.at
		for _, v := range e.values {
			k := key{v.Kind, v.Text}
			n, ok := numbers[k]
			if !ok {
				n = uint64(len(numbers))
				numbers[k] = n
				dictionary = append(dictionary, byte(v.Kind))
				dictionary = binary.AppendUvarint(dictionary, uint64(len(v.Text)))
				dictionary = append(dictionary, v.Text...)
			}
			records = binary.AppendUvarint(records, n)
		}
	}
	b := []byte{indexVersion}
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	b = append(b, dictionary...)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	return append(b, records...)
}

// decodeIndex reads back what encodeIndex wrote.
func decodeIndex(data []byte) (entries []indexEntry, err error) {
	var values []match.Value
	err = readIndexed(data, func(v match.Value) { values = append(values, v) }, func(at int, has []uint64) {
		e := indexEntry{at: at}
		for _, n := range has {
			e.values = append(e.values, values[n])
		}
		entries = append(entries, e)
	})
	return entries, err
}

// readIndex tests each distinct value once, and visits the records with whether any of theirs passed.
func readIndex(data []byte, test func(match.Value) bool, visit func(at int, passed bool)) error {
	var passes []bool
	return readIndexed(data, func(v match.Value) { passes = append(passes, test(v)) }, func(at int, has []uint64) {
		passed := false
		for _, n := range has {
			passed = passed || passes[n]
		}
		visit(at, passed)
	})
}

var errIndex = errors.New("an index of values is damaged")

// readIndexed visits the distinct values and then the records, with the numbers of their values.
func readIndexed(data []byte, value func(match.Value), visit func(at int, has []uint64)) error {
	if len(data) == 0 || data[0] != indexVersion {
		return errIndex
	}
	r := rollupReader{b: data[1:]}
	distinct := r.uint()
	for n := distinct; n > 0 && !r.bad; n-- {
		v, ok := r.value()
		if !ok {
			return errIndex
		}
		value(v)
	}
	at, has := -1, []uint64(nil)
	for n := r.uint(); n > 0 && !r.bad; n-- {
		at += int(r.uint()) + 1
		has = has[:0]
		for m := r.uint(); m > 0 && !r.bad; m-- {
			i := r.uint()
			r.bad = r.bad || i >= distinct
			has = append(has, i)
		}
		if !r.bad {
			visit(at, has)
		}
	}
	if r.bad {
		return errIndex
	}
	return nil
}

func (r *rollupReader) value() (match.Value, bool) {
	if len(r.b) == 0 {
		return match.Value{}, false
	}
	kind := match.Kind(r.b[0])
	r.b = r.b[1:]
	size := r.uint()
	if r.bad || kind > match.String || size > uint64(len(r.b)) {
		return match.Value{}, false
	}
	text := string(r.b[:size])
	r.b = r.b[size:]
	return match.Restore(kind, text), true
}

// seqSet is a set of a day's record numbers.
type seqSet []uint64

func (s *seqSet) add(seq int64) {
	word := int(seq >> 6)
	if word >= len(*s) {
		*s = append(*s, make(seqSet, word+1-len(*s)+len(*s)/2)...)
	}
	(*s)[word] |= 1 << (seq & 63)
}

func (s seqSet) has(seq int64) bool {
	word := int(seq >> 6)
	return word < len(s) && s[word]&(1<<(seq&63)) != 0
}
