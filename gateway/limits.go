package gateway

import "time"

// Limits is what a service's rules did since the gateway has had a route for it.
type Limits struct {
	Waiting  int              // requests in the queue now
	Waited   int64            // requests that had to wait
	WaitTime time.Duration    // … and for how long all together
	Refused  map[string]int64 // requests that were refused, by reason; all reasons are there
}

// Limits is what every service's rules did.
func (g *Gateway) Limits() map[string]Limits {
	all := map[string]Limits{}
	g.services.Range(func(name, s any) bool {
		n := s.(*service)
		all[name.(string)] = Limits{
			Waiting: int(n.queue.waiting.Load()), Waited: n.queue.waited.Load(), WaitTime: time.Duration(n.queue.waits.Load()),
			Refused: n.refused.byName(),
		}
		return true
	})
	return all
}
