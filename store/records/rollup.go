package records

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Each transaction leaves a rollup: its records counted in groups, with their sizes and the distribution of their
// durations. Statistics add up rollups where a filter says nothing that they do not know: some 250 bytes for 256
// records instead of 256 rows.

// The columns that groups are made of, as in a row: numbers of names, then the status.
const (
	keyService = iota
	keyRelease
	keyInstance
	keyMethod
	keyPath
	keyModel
	keySource
	keyEnd
	keyStatus
	keyHour // of the day, UTC
	keyCount
)

// groupKey tells the groups of a rollup apart.
type groupKey [keyCount]int64

// group is what a rollup knows of its records with one key.
type group struct {
	key          groupKey
	count        int64
	in, out      int64 // bytes of requests and responses
	first, last  int64 // StartedAt, µs since 1970
	maxDuration  int64 // µs
	maxFirstByte int64
	durations    []bucketCount
	firstBytes   []bucketCount // of those that got an answer
}

// bucketCount is how many values fell into a bucket of histogram.
type bucketCount struct{ bucket, n int64 }

// sample is what a rollup is made of: one record.
type sample struct {
	key                 groupKey
	started             int64
	firstByte, duration int64
	in, out             int64
}

// maxRollupGroups is where paths are too many to be told apart in one rollup.
const maxRollupGroups = 48

// rollUp groups samples. Of records with many different paths the groups are made without them; known is false then.
func rollUp(samples []sample) (groups []group, pathsKnown bool) {
	groups = groupSamples(samples, true)
	if len(groups) <= maxRollupGroups {
		return groups, true
	}
	return groupSamples(samples, false), false
}

func groupSamples(samples []sample, paths bool) []group {
	at := map[groupKey]int{}
	var groups []group
	for i := range samples {
		s := &samples[i]
		key := s.key
		if !paths {
			key[keyPath] = 0
		}
		n, ok := at[key]
		if !ok {
			n = len(groups)
			at[key] = n
			groups = append(groups, group{key: key, first: s.started, last: s.started})
		}
		groups[n].add(s)
	}
	for i := range groups {
		groups[i].durations, groups[i].firstBytes = packed(groups[i].durations), packed(groups[i].firstBytes)
	}
	return groups
}

func (g *group) add(s *sample) {
	g.count++
	g.in += s.in
	g.out += s.out
	g.first, g.last = min(g.first, s.started), max(g.last, s.started)
	g.maxDuration = max(g.maxDuration, s.duration)
	g.durations = append(g.durations, bucketCount{int64(bucketOf(s.duration)), 1})
	if s.firstByte > 0 {
		g.maxFirstByte = max(g.maxFirstByte, s.firstByte)
		g.firstBytes = append(g.firstBytes, bucketCount{int64(bucketOf(s.firstByte)), 1})
	}
}

// packed sorts buckets and counts equal ones together.
func packed(list []bucketCount) []bucketCount {
	slices.SortFunc(list, func(a, b bucketCount) int { return int(a.bucket - b.bucket) })
	out := list[:0]
	for _, b := range list {
		if n := len(out); n > 0 && out[n-1].bucket == b.bucket {
			out[n-1].n += b.n
			continue
		}
		out = append(out, b)
	}
	return out
}

const (
	rollupVersion   = 1
	rollupPathsSeen = 1 // flag: the groups tell paths apart
)

// encodeRollup is on disk: version, flags, number of groups, then for each group its numbers as varints.
func encodeRollup(groups []group, pathsKnown bool) []byte {
	flags := uint64(0)
	if pathsKnown {
		flags = rollupPathsSeen
	}
	b := append(make([]byte, 0, 64*len(groups)+256), rollupVersion)
	b = binary.AppendUvarint(b, flags)
	b = binary.AppendUvarint(b, uint64(len(groups)))
	for i := range groups {
		g := &groups[i]
		for _, v := range g.key {
			b = binary.AppendVarint(b, v)
		}
		for _, v := range []int64{g.count, g.in, g.out, g.first, g.last - g.first, g.maxDuration, g.maxFirstByte} {
			b = binary.AppendVarint(b, v)
		}
		b = appendBuckets(appendBuckets(b, g.durations), g.firstBytes)
	}
	return b
}

func appendBuckets(b []byte, list []bucketCount) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	before := int64(0)
	for _, c := range list {
		b = binary.AppendUvarint(b, uint64(c.bucket-before))
		b = binary.AppendUvarint(b, uint64(c.n))
		before = c.bucket
	}
	return b
}

var errRollup = errors.New("a rollup is damaged")

// rollupReader visits the groups of an encoded rollup; the group is reused.
type rollupReader struct {
	b     []byte
	bad   bool
	heads bool // without the distributions
	g     group
}

// readRollup visits the groups of a rollup. The group is only valid within visit.
func (r *rollupReader) read(data []byte, visit func(g *group, pathsKnown bool)) error {
	if len(data) == 0 || data[0] != rollupVersion {
		return errRollup
	}
	r.b, r.bad = data[1:], false
	flags, n := r.uint(), r.uint()
	for ; n > 0 && !r.bad; n-- {
		g := &r.g
		for i := range g.key {
			g.key[i] = r.int()
		}
		for _, v := range []*int64{&g.count, &g.in, &g.out, &g.first, &g.last, &g.maxDuration, &g.maxFirstByte} {
			*v = r.int()
		}
		g.last += g.first
		g.durations = r.buckets(g.durations[:0])
		g.firstBytes = r.buckets(g.firstBytes[:0])
		if !r.bad {
			visit(g, flags&rollupPathsSeen != 0)
		}
	}
	if r.bad {
		return errRollup
	}
	return nil
}

func (r *rollupReader) uint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := uint64(r.b[0])
		r.b = r.b[1:]
		return v
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *rollupReader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// skip passes over n numbers.
func (r *rollupReader) skip(n uint64) {
	i := 0
	for ; n > 0 && i < len(r.b); i++ {
		if r.b[i] < 0x80 {
			n--
		}
	}
	r.b, r.bad = r.b[i:], r.bad || n > 0
}

func (r *rollupReader) buckets(into []bucketCount) []bucketCount {
	n, at := r.uint(), uint64(0)
	if r.heads {
		r.skip(2 * n)
		return into
	}
	for ; n > 0 && !r.bad; n-- {
		at += r.uint()
		if at >= histogramBuckets {
			r.bad = true
			return into
		}
		into = append(into, bucketCount{int64(at), int64(r.uint())})
	}
	return into
}

// hourOf is the hour of its day that a time in µs lies in.
func hourOf(us int64) int64 {
	const hour = int64(time.Hour / time.Microsecond)
	return floorDiv(us, hour) - 24*floorDiv(us, 24*hour)
}
