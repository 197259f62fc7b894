package gateway

import "sync/atomic"

// Traffic counts a service's requests since the gateway has had a route for it. Errors are those answered with 500 or
// above, or not at all though the client waited.
type Traffic struct{ Requests, Errors int64 }

// service is what the gateway keeps of a service, whatever its routes are.
type service struct {
	requests, errors atomic.Int64
	refused          refusalCounts
	queue            queue
	rate             *limiter // of the route in force; under the gateway's lock
}

// serviceOf returns a service, a new one when it is not known.
func (g *Gateway) serviceOf(name string) *service {
	if s, ok := g.services.Load(name); ok {
		return s.(*service)
	}
	s, _ := g.services.LoadOrStore(name, new(service))
	return s.(*service)
}

// forget drops what the gateway knows of a service; those who wait for it are told.
func (g *Gateway) forget(name string) {
	if s, ok := g.services.LoadAndDelete(name); ok {
		s.(*service).queue.dispatch()
	}
}

// Traffic is what every service has been asked.
func (g *Gateway) Traffic() map[string]Traffic {
	all := map[string]Traffic{}
	g.services.Range(func(name, s any) bool {
		n := s.(*service)
		all[name.(string)] = Traffic{n.requests.Load(), n.errors.Load()}
		return true
	})
	return all
}

// count adds an exchange that has ended.
func (x *exchange) count() {
	n := x.route.service
	n.requests.Add(1)
	if x.status >= 500 || x.status == 0 && !x.clientGone() {
		n.errors.Add(1)
	}
}
