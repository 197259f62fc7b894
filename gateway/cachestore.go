package gateway

import (
	"container/list"
	"net/http"
	"sync"
	"time"
)

// cacheOverhead is what an answer is charged with beyond its body and header, in bytes. A ghost takes less than that.
const cacheOverhead = 512

// kept is one answer, or with body nil and ghost set the memory of one.
type kept struct {
	key     cacheKey
	release string
	header  http.Header
	body    []byte
	at      time.Time
	until   time.Time
	size    int64
	segment *segment
	place   *list.Element
}

// segment is a part of the order of use, with what is in it.
type segment struct {
	list  list.List // of *kept, those used last at the front
	bytes int64
}

// cache keeps the answers of one service, those used last. Their order is kept for twice the bytes that there are: hot and cold hold answers
// of half the bytes each, ghosts are what was evicted last, without the answers. So each lookup tells also what it would have been with
// half and with twice the size.
type cache struct {
	mu      sync.Mutex
	rules   cacheRules
	entries map[cacheKey]*kept
	hot     segment
	cold    segment
	ghosts  segment
	pending int64 // bytes of answers that are being collected
	flights map[cacheKey]*flight

	hits, misses, expired   int64
	hotHits, ghostHits      int64
	joined                  int64
	stored, evicted, purged int64
	bypassed                [bypasses]int64
}

func newCache(r cacheRules) *cache { return &cache{rules: r, entries: map[cacheKey]*kept{}} }

// reconfigure puts other rules in force. Answers that are kept stay for as long as they were to.
func (c *cache) reconfigure(r cacheRules) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = r
	c.balance()
}

func (c *cache) bypass(why bypass) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bypassed[why]++
}

// lookup returns the answer of a key, nil when there is none any more. What it returns is not changed by anybody.
func (c *cache) lookup(k cacheKey, now time.Time) *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	switch {
	case e == nil:
		c.misses++
		return nil
	case !now.Before(e.until):
		c.misses++
		c.expired++
		c.remove(e)
		return nil
	case e.segment == &c.ghosts:
		c.misses++
		c.ghostHits++
		return nil
	}
	c.hits++
	if e.segment == &c.hot {
		c.hotHits++
	}
	c.take(e)
	c.put(&c.hot, e)
	c.balance()
	return e
}

// store keeps an answer.
func (c *cache) store(e *kept) {
	e.size = int64(len(e.body)) + headerSize(e.header) + cacheOverhead
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.size > c.rules.max {
		c.bypassed[bypassTooLong]++
		return
	}
	if old := c.entries[e.key]; old != nil {
		c.remove(old)
	}
	c.stored++
	c.entries[e.key] = e
	c.put(&c.hot, e)
	c.balance()
}

func headerSize(h http.Header) (n int64) {
	for name, values := range h {
		for _, v := range values {
			n += int64(len(name) + len(v) + 32)
		}
	}
	return n
}

// put makes e the one of a segment that was used last. Callers hold c.mu.
func (c *cache) put(s *segment, e *kept) {
	e.segment, e.place = s, s.list.PushFront(e)
	s.bytes += e.size
}

func (c *cache) take(e *kept) {
	e.segment.list.Remove(e.place)
	e.segment.bytes -= e.size
}

func (c *cache) remove(e *kept) {
	c.take(e)
	delete(c.entries, e.key)
}

// balance moves what a segment has no room for to the next one.
func (c *cache) balance() {
	for c.hot.bytes > c.rules.max/2 {
		c.move(&c.hot, &c.cold)
	}
	for c.hot.bytes+c.cold.bytes > c.rules.max {
		e := c.cold.list.Back().Value.(*kept)
		c.take(e)
		ghost := &kept{key: e.key, release: e.release, until: e.until, size: e.size} // who has looked e up may still be sending it
		c.entries[e.key] = ghost
		c.put(&c.ghosts, ghost)
		c.evicted++
	}
	for c.ghosts.bytes > c.rules.max {
		c.remove(c.ghosts.list.Back().Value.(*kept))
	}
}

func (c *cache) move(from, to *segment) {
	e := from.list.Back().Value.(*kept)
	c.take(e)
	c.put(to, e)
}

// only drops the answers of other releases than these.
func (c *cache) only(releases map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if !releases[e.release] {
			c.purge(e)
		}
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		c.purge(e)
	}
}

func (c *cache) purge(e *kept) {
	if e.segment != &c.ghosts {
		c.purged++
	}
	c.remove(e)
}

// reserve makes room for an answer that is being collected: a quarter of the cache's size at most is for those.
func (c *cache) reserve(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending+n > max(c.rules.max/4, c.rules.one) {
		return false
	}
	c.pending += n
	return true
}

func (c *cache) unreserve(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending -= n
}

// CacheStats is what a service's cache holds and what came of it. Half and Double are the hits that it would have had with half and with twice
// its size. Bypassed counts, by reason, requests that were not looked up and answers that were not kept.
type CacheStats struct {
	Hits, Misses    int64
	Half, Double    int64
	Joined          int64 // of the hits: requests that waited for the answer to an equal one
	Expired         int64 // misses whose answer had been kept for too long
	Stored          int64
	Evicted         int64 // for want of room
	Cleared         int64 // by a release switch, or by hand
	Entries         int
	Bytes, MaxBytes int64
	TTL             time.Duration
	Bypassed        map[string]int64
}

func (c *cache) stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := CacheStats{
		Hits: c.hits, Misses: c.misses, Joined: c.joined, Half: c.hotHits, Double: c.hits + c.ghostHits, Expired: c.expired, Stored: c.stored, Evicted: c.evicted,
		Cleared: c.purged, Entries: c.hot.list.Len() + c.cold.list.Len(), Bytes: c.hot.bytes + c.cold.bytes, MaxBytes: c.rules.max, TTL: c.rules.ttl,
		Bypassed: map[string]int64{},
	}
	for why := bypassNone + 1; why < bypasses; why++ {
		if n := c.bypassed[why]; n > 0 {
			s.Bypassed[bypassNames[why]] = n
		}
	}
	return s
}
