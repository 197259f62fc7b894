package gateway

import (
	"sync"
	"sync/atomic"
)

// table holds the routes in force. A change costs the same however many there are: at a start of a thousand services
// each of them changes its route several times.
type table struct {
	routes  sync.Map // *route by service
	calls   calls
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
	service *service
	rules   *rules  // nil: none
	loads   []*load // of Targets, in their order
	next    atomic.Uint32
	trial   *trial // nil without a canary
	shade   *shade // nil without a shadow
	cache   *cache // nil without one

	cacheRules cacheRules
}

func newRoute(r Route, s *service, loadOf func(instance string) *load) *route {
	rt := &route{Route: r, service: s, rules: s.rulesOf(r.Gateway)}
	for _, t := range r.Targets {
		rt.loads = append(rt.loads, loadOf(t.Instance))
	}
	rt.easeIn()
	return rt
}

// easeIn makes instances that nothing was sent to yet count as busy as the least busy of the others.
func (r *route) easeIn() {
	least, fresh := int32(-1), 0
	for _, l := range r.loads {
		if !l.used.Load() {
			fresh++
		} else if n := l.busy.Load(); least < 0 || n < least {
			least = n
		}
	}
	if fresh == 0 || least <= 0 {
		return
	}
	for _, l := range r.loads {
		if !l.used.Load() {
			l.eases.Store(least)
		}
	}
}

// pick enters x on the target on which the least runs, the next in turn among equals, and not the one at avoid. ok is false when none
// takes it.
func (r *route) pick(x *exchange, avoid string) (target Target, l *load, ok bool) {
	n := len(r.Targets)
	if n == 0 {
		return Target{}, nil, false
	}
	start := int(r.next.Add(1)-1) % n
	for tries := 0; tries < 3; tries++ {
		k := r.leastBusy(start, avoid)
		if k < 0 {
			return Target{}, nil, false
		}
		if r.loads[k].enterUpTo(r.Gateway.Concurrency, x) {
			return r.Targets[k], r.loads[k], true
		}
	}
	// The least busy ones were retired or given to others as they were chosen: anyone who takes it will do.
	for i := range n {
		k := (start + i) % n
		if r.Targets[k].Addr != avoid && r.loads[k].enterUpTo(r.Gateway.Concurrency, x) {
			return r.Targets[k], r.loads[k], true
		}
	}
	return Target{}, nil, false
}

// leastBusy is the index of the target to choose, from start on; -1 when there is none. An idle one is not compared with others.
func (r *route) leastBusy(start int, avoid string) int {
	best, least := -1, int32(0)
	for i := range r.loads {
		k := (start + i) % len(r.loads)
		l := r.loads[k]
		if r.Targets[k].Addr == avoid || l.closed.Load() {
			continue
		}
		n := l.weight()
		if n == 0 {
			return k
		}
		if most := r.Gateway.Concurrency; most > 0 && int(l.busy.Load()) >= most {
			continue
		}
		if best < 0 || n < least {
			best, least = k, n
		}
	}
	return best
}
