package gateway

import (
	"sync"
	"sync/atomic"
)

// table holds the routes in force. A change costs the same however many there are: at a start of a thousand services
// each of them changes its route several times.
type table struct {
	routes  sync.Map        // *route by service
	named   map[string]int  // by how many targets of routes an instance is named; guarded by the gateway's lock
	leaving map[string]bool // instances that no route names and that were busy when last looked at; likewise
}

func newTable() *table { return &table{named: map[string]int{}, leaving: map[string]bool{}} }

// find returns a service's route, nil when it has none.
func (t *table) find(service string) *route {
	if r, ok := t.routes.Load(service); ok {
		return r.(*route)
	}
	return nil
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
