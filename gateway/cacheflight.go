package gateway

import "time"

// flightPatience is how long a request waits for the answer to an equal one before it asks an instance itself.
const flightPatience = time.Minute

// flight is a request that equal ones wait for; done is closed when its answer is kept, or will not be.
type flight struct{ done chan struct{} }

// join returns the flight that has a key's answer fetched, or nil: then it is the caller's to fetch it and to land.
func (c *cache) join(k cacheKey) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[k]; f != nil {
		return f
	}
	if c.flights == nil {
		c.flights = map[cacheKey]*flight{}
	}
	c.flights[k] = &flight{make(chan struct{})}
	return nil
}

// land lets those go who wait for a key's answer.
func (c *cache) land(k cacheKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.flights[k].done)
	delete(c.flights, k)
}

// landed is the answer that a flight has brought, nil when there is none to be kept. What was a miss before the wait is a hit then.
func (c *cache) landed(k cacheKey, now time.Time) *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil || e.segment == &c.ghosts || !now.Before(e.until) {
		return nil
	}
	c.misses--
	c.hits++
	c.hotHits++
	c.joined++
	return e
}

// awaits waits until a flight has landed, nobody waits for x any more, or for too long.
func (x *exchange) awaits(f *flight) {
	cut := make(chan struct{})
	x.g.lobby.enter(x)
	defer x.g.lobby.leave(x)
	x.call.OnAbort(func(error) { close(cut) })
	defer x.call.OnAbort(nil)
	patience := time.NewTimer(flightPatience)
	defer patience.Stop()
	select {
	case <-f.done:
	case <-patience.C:
	case <-cut:
	case <-x.r.Context().Done():
	}
}

// answeredByFlight answers x with what another request brings, if one like it is under way. When it reports false and lands is set, x is
// the one that others wait for: they have to be told with land.
func (x *exchange) answeredByFlight(c *cache, key cacheKey) (done, lands bool) {
	f := c.join(key)
	if f == nil {
		return false, true
	}
	x.awaits(f)
	if e := c.landed(key, x.g.opt.Now()); e != nil {
		x.answerKept(e)
		return true, false
	}
	return false, false
}
