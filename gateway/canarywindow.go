package gateway

import "time"

// CanaryMark is how far the counts of a service's canary were at a moment. The zero value is before all of them.
type CanaryMark struct {
	release      string
	since        time.Time
	canary, live count
}

// count is a tally at a moment.
type count struct {
	requests, errors int64
	slots            [tallySlots]int64
}

// MarkCanary notes how far a service's canary is; ok is false when it has none.
func (g *Gateway) MarkCanary(service string) (mark CanaryMark, ok bool) {
	rt := g.table.find(service)
	if rt == nil || rt.trial == nil {
		return CanaryMark{}, false
	}
	t := rt.trial.tallies
	return CanaryMark{release: t.release, since: t.since, canary: t.canary.count(), live: t.live.count()}, true
}

// Until tells what came of the requests between two marks. When another canary began between them, it is since its beginning.
func (m CanaryMark) Until(later CanaryMark) CanaryStats {
	if m.release != later.release || !m.since.Equal(later.since) {
		m = CanaryMark{}
	}
	return CanaryStats{
		Release: later.release, Since: later.since,
		Canary: later.canary.minus(m.canary).stats(), Live: later.live.minus(m.live).stats(),
	}
}

func (t *tally) count() (c count) {
	c.requests, c.errors = t.requests.Load(), t.errors.Load()
	for k := range t.slots {
		c.slots[k] = t.slots[k].Load()
	}
	return c
}

func (c count) minus(before count) count {
	c.requests -= before.requests
	c.errors -= before.errors
	for k := range c.slots {
		c.slots[k] -= before.slots[k]
	}
	return c
}
