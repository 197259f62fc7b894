package gateway

import (
	"fmt"
	"testing"
)

const unused = -1

// balanced is a route to instances with so many requests running on each, all but the unused ones were asked before.
func balanced(t *testing.T, running ...int) (*route, []*load) {
	t.Helper()
	loads := make(map[string]*load)
	r := Route{Service: "svc"}
	for i, n := range running {
		name := fmt.Sprintf("svc/%d", i+1)
		r.Targets = append(r.Targets, Target{Instance: name, Addr: fmt.Sprintf("127.0.0.1:%d", i+1)})
		loads[name] = newLoad()
		loads[name].used.Store(n != unused)
		for range n {
			loads[name].enter(new(exchange))
		}
	}
	rt := newRoute(r, new(service), func(name string) *load { return loads[name] })
	return rt, rt.loads
}

func TestPickLeastBusy(t *testing.T) {
	for _, tc := range []struct {
		running []int
		avoid   string
		want    []int // instances, from 1; 0: none
	}{
		{[]int{0, 0, 0}, "", []int{1, 2, 3, 1}}, // ties in turn: each pick leaves at once
		{[]int{3, 1, 2}, "", []int{2, 2, 2}},
		{[]int{2, 2, 5}, "", []int{1, 2, 1, 1, 2}}, // the turn moves on over the busy one
		{[]int{1, 3}, "127.0.0.1:1", []int{2}},
		{[]int{1}, "127.0.0.1:1", []int{0}},
		{nil, "", []int{0}},
	} {
		rt, loads := balanced(t, tc.running...)
		for i, want := range tc.want {
			x := new(exchange)
			target, l, ok := rt.pick(x, tc.avoid)
			got := 0
			for k := range loads {
				if loads[k] == l {
					got = k + 1
				}
			}
			if got != want || ok != (want > 0) || ok && target.Instance != fmt.Sprintf("svc/%d", want) {
				t.Errorf("%v, pick %d: instance %d, want %d", tc.running, i, got, want)
			}
			if ok {
				l.leave(x)
			}
		}
	}
}

// Requests that stay spread evenly.
func TestPickSpreads(t *testing.T) {
	rt, loads := balanced(t, 7, 0, 3, 0)
	for range 30 {
		if _, _, ok := rt.pick(new(exchange), ""); !ok {
			t.Fatal("no target")
		}
	}
	for k, l := range loads {
		if n := l.running(); n != 10 {
			t.Errorf("instance %d has %d", k+1, n)
		}
	}
}

// An instance that joins busy ones is not given everything at once, but is not left idle either.
func TestFreshInstanceIsNotFlooded(t *testing.T) {
	rt, _ := balanced(t, 50, 50, unused)
	fresh := rt.loads[2]
	var running []*exchange
	for range 10 { // callers that bring a new request for each answer of the old instances
		x := new(exchange)
		_, l, ok := rt.pick(x, "")
		switch {
		case !ok:
			t.Fatal("no target")
		case l == fresh:
			running = append(running, x)
		default:
			l.leave(x)
		}
	}
	if len(running) < 1 || len(running) > 4 {
		t.Errorf("it was given %d of the first 10", len(running))
	}
	for round := 0; fresh.running() < 40; round++ {
		if round > 20 {
			t.Fatalf("after %d rounds it has only %d", round, fresh.running())
		}
		for _, x := range running {
			fresh.leave(x)
		}
		running = running[:0]
		for range 150 {
			x := new(exchange)
			_, l, _ := rt.pick(x, "")
			if l == fresh {
				running = append(running, x)
				continue
			}
			l.leave(x)
		}
	}
}

// At a switch nobody has run before: the first requests spread like any others.
func TestFreshRouteIsNotEasedIn(t *testing.T) {
	rt, loads := balanced(t, unused, unused)
	for range 20 {
		rt.pick(new(exchange), "")
	}
	if a, b := loads[0].running(), loads[1].running(); a != 10 || b != 10 {
		t.Errorf("%d and %d", a, b)
	}
}

func TestRetiredIsNotPicked(t *testing.T) {
	rt, loads := balanced(t, 0, 4, 2)
	loads[0].retire()
	if _, l, ok := rt.pick(new(exchange), ""); !ok || l != loads[2] {
		t.Error("not the least busy of those that are left")
	}
	loads[1].retire()
	loads[2].retire()
	if _, _, ok := rt.pick(new(exchange), ""); ok {
		t.Error("picked a retired instance")
	}
	loads[1].revive()
	if _, l, ok := rt.pick(new(exchange), ""); !ok || l != loads[1] {
		t.Error("a revived instance is not picked")
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{1, 2, 8, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := Route{Service: "svc"}
			loads := map[string]*load{}
			for i := range n {
				name := fmt.Sprintf("svc/%d", i+1)
				r.Targets = append(r.Targets, Target{Instance: name, Addr: name})
				loads[name] = newLoad()
				loads[name].enter(new(exchange))
			}
			rt := newRoute(r, new(service), func(name string) *load { return loads[name] })
			x := new(exchange)
			for b.Loop() {
				_, l, _ := rt.pick(x, "")
				l.leave(x)
			}
		})
	}
}
