package gateway

import "sync/atomic"

// Traffic counts a service's requests since the gateway has had a route for it. Errors are those answered with 500 or
// above, or not at all though the client waited.
type Traffic struct{ Requests, Errors int64 }

type counts struct{ requests, errors atomic.Int64 }

// Traffic is what every service has been asked.
func (g *Gateway) Traffic() map[string]Traffic {
	all := map[string]Traffic{}
	g.counts.Range(func(service, c any) bool {
		n := c.(*counts)
		all[service.(string)] = Traffic{n.requests.Load(), n.errors.Load()}
		return true
	})
	return all
}

// count adds an exchange that has ended.
func (x *exchange) count() {
	c, ok := x.g.counts.Load(x.route.Service)
	if !ok {
		return // the service was removed meanwhile
	}
	n := c.(*counts)
	n.requests.Add(1)
	if x.status >= 500 || x.status == 0 && !x.clientGone() {
		n.errors.Add(1)
	}
}
