package records

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxGroups bounds the memory of statistics; what would be another group is counted as others.
const maxGroups = 1000

// OtherGroups is the key of what did not get a group of its own.
const OtherGroups = "(others)"

// counter adds up records of one day after the other.
type counter struct {
	by      GroupBy
	stats   Stats
	all     tally
	groups  map[string]*tally
	damaged int64

	// of the day being counted
	ctx      context.Context
	day      day
	db       *sql.DB
	count    int64
	bytes    int64
	services map[int64]int64
	ends     map[int64]int64
	keys     map[int64]*tally // of the group's column
}

func newCounter(by GroupBy) *counter {
	return &counter{by: by, groups: map[string]*tally{}, stats: Stats{ByService: map[string]int64{}, ByStatus: map[int]int64{}, ByEnd: map[End]int64{}}}
}

// tally is a sum in the making.
type tally struct {
	sum         Sum
	first, last int64
	durations   histogram
	firstBytes  histogram
}

func (t *tally) span(count, first, last int64) {
	if t.sum.Count == 0 {
		t.first, t.last = first, last
	}
	t.sum.Count += count
	t.first, t.last = min(t.first, first), max(t.last, last)
}

func (t *tally) addGroup(g *group) {
	t.span(g.count, g.first, g.last)
	t.sum.RequestBytes += g.in
	t.sum.ResponseBytes += g.out
	if isFailed(g.key[keyStatus]) {
		t.sum.Failed += g.count
	}
	for _, b := range g.durations {
		t.durations.addMany(b.bucket, b.n, g.maxDuration)
	}
	for _, b := range g.firstBytes {
		t.firstBytes.addMany(b.bucket, b.n, g.maxFirstByte)
	}
}

func (t *tally) addSample(s *sample) {
	t.span(1, s.started, s.started)
	t.sum.RequestBytes += s.in
	t.sum.ResponseBytes += s.out
	if isFailed(s.key[keyStatus]) {
		t.sum.Failed++
	}
	t.durations.add(s.duration)
	if s.firstByte > 0 {
		t.firstBytes.add(s.firstByte)
	}
}

func (t *tally) merge(o *tally) {
	t.span(o.sum.Count, o.first, o.last)
	t.sum.RequestBytes += o.sum.RequestBytes
	t.sum.ResponseBytes += o.sum.ResponseBytes
	t.sum.Failed += o.sum.Failed
	t.durations.merge(&o.durations)
	t.firstBytes.merge(&o.firstBytes)
}

// finished is the sum with its percentiles.
func (t *tally) finished() Sum {
	s := t.sum
	if s.Count > 0 {
		s.First, s.Last = time.UnixMicro(t.first).UTC(), time.UnixMicro(t.last).UTC()
	}
	s.Duration, s.FirstByte = t.durations.percentiles(), t.firstBytes.percentiles()
	return s
}

func (c *counter) begin(ctx context.Context, d day, db *sql.DB) {
	c.ctx, c.day, c.db, c.count, c.bytes = ctx, d, db, 0, 0
	c.services, c.ends, c.keys = map[int64]int64{}, map[int64]int64{}, map[int64]*tally{}
}

func (c *counter) addGroup(g *group) {
	c.all.addGroup(g)
	c.countIn(&g.key, g.count, g.in+g.out)
	if t := c.groupOf(&g.key); t != nil {
		t.addGroup(g)
	}
}

func (c *counter) addSample(s *sample) {
	c.all.addSample(s)
	c.countIn(&s.key, 1, s.in+s.out)
	if t := c.groupOf(&s.key); t != nil {
		t.addSample(s)
	}
}

func (c *counter) countIn(key *groupKey, n, bytes int64) {
	c.count += n
	c.bytes += bytes
	c.services[key[keyService]] += n
	c.ends[key[keyEnd]] += n
	c.stats.ByStatus[int(key[keyStatus])] += n
}

// others is the number of what did not get a group of its own on a day.
const others = -1

// groupOf is the tally that records with a key are added to. No query may be made here: rows are being read.
func (c *counter) groupOf(key *groupKey) *tally {
	if c.by == ByNothing {
		return nil
	}
	n := int64(0)
	if column, ok := keyOf[c.by]; ok {
		n = key[column]
	}
	t := c.keys[n]
	if t == nil && len(c.keys) >= maxGroups {
		n = others
		t = c.keys[n]
	}
	if t == nil {
		t = &tally{}
		c.keys[n] = t
	}
	return t
}

const textOfName = `SELECT text FROM names WHERE n = ?`

// nameOf is what people call the group of a number.
func (c *counter) nameOf(n int64) (string, error) {
	switch {
	case n == others:
		return OtherGroups, nil
	case c.by == ByDay:
		return c.day.String(), nil
	case c.by == ByHour:
		return fmt.Sprintf("%sT%02d", c.day, n), nil
	case c.by == ByStatus:
		return strconv.FormatInt(n, 10), nil
	}
	text, err := c.text(n)
	if c.by == BySource {
		text = Source(text).Name()
	}
	return text, err
}

func (c *counter) text(n int64) (text string, err error) {
	err = c.db.QueryRowContext(c.ctx, textOfName, n).Scan(&text)
	return text, err
}

// end puts names in the place of the day's numbers.
func (c *counter) end() error {
	for n, count := range c.services {
		text, err := c.text(n)
		if err != nil {
			return err
		}
		c.stats.ByService[text] += count
	}
	for n, count := range c.ends {
		text, err := c.text(n)
		if err != nil {
			return err
		}
		c.stats.ByEnd[End(text)] += count
	}
	for n, t := range c.keys {
		name, err := c.nameOf(n)
		if err != nil {
			return err
		}
		if c.groups[name] == nil && len(c.groups) >= maxGroups {
			name = OtherGroups
		}
		if c.groups[name] == nil {
			c.groups[name] = &tally{}
		}
		c.groups[name].merge(t)
	}
	if c.count > 0 {
		c.stats.Days = append(c.stats.Days, DaySum{Day: c.day.String(), Count: c.count, Bytes: c.bytes})
	}
	return nil
}

func (c *counter) done() Stats {
	s := c.stats
	s.Sum = c.all.finished()
	for key, t := range c.groups {
		s.Groups = append(s.Groups, Group{Key: key, Sum: t.finished()})
	}
	slices.SortFunc(s.Groups, func(a, b Group) int {
		if c.by == ByHour || c.by == ByDay || c.by == ByStatus || a.Count == b.Count {
			return cmp.Compare(a.Key, b.Key)
		}
		return cmp.Compare(b.Count, a.Count)
	})
	if c.damaged > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d records are damaged and are not counted", c.damaged))
	}
	if c.groups[OtherGroups] != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf("there are more than %d groups; the rest is counted together as %s", maxGroups, OtherGroups))
	}
	return s
}
