package gateway

import (
	"maps"
	"sync/atomic"
)

// table is immutable; a change makes a new one.
type table struct {
	routes map[string]*route
}

// route is a Route with what is needed to choose among its targets.
type route struct {
	Route
	loads []*load // of Targets, in their order
	next  atomic.Uint32
}

func newRoute(r Route, loadOf func(instance string) *load) *route {
	rt := &route{Route: r}
	for _, t := range r.Targets {
		rt.loads = append(rt.loads, loadOf(t.Instance))
	}
	return rt
}

func (t *table) with(r *route) *table {
	routes := maps.Clone(t.routes)
	if routes == nil {
		routes = map[string]*route{}
	}
	routes[r.Service] = r
	return &table{routes: routes}
}

func (t *table) without(service string) *table {
	routes := maps.Clone(t.routes)
	delete(routes, service)
	return &table{routes: routes}
}

func (t *table) instances() map[string]bool {
	names := map[string]bool{}
	for _, r := range t.routes {
		for _, target := range r.Targets {
			names[target.Instance] = true
		}
	}
	return names
}

// pick enters x on the next target in turn that is not the one at avoid. ok is false when none takes it.
func (r *route) pick(x *exchange, avoid string) (target Target, l *load, ok bool) {
	n := len(r.Targets)
	start := int(r.next.Add(1) - 1)
	for i := range n {
		k := (start + i) % n
		if r.Targets[k].Addr != avoid && r.loads[k].enter(x) {
			return r.Targets[k], r.loads[k], true
		}
	}
	return Target{}, nil, false
}
