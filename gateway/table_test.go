package gateway

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

// noRecorder is a recorder for gateways that are asked nothing.
type noRecorder struct{}

func (noRecorder) Configure(string, configs.Record) error                { return nil }
func (noRecorder) Admit(context.Context, records.Intent) (Ticket, error) { return nil, nil }

// TestSwap: an instance is open to requests exactly while a route names it, and forgotten once it is idle.
func TestSwap(t *testing.T) {
	g := New(noRecorder{}, Options{})
	set := func(service string, instances ...string) {
		t.Helper()
		r := Route{Service: service}
		for _, i := range instances {
			r.Targets = append(r.Targets, Target{Instance: i, Addr: i})
		}
		if err := g.SetRoute(r); err != nil {
			t.Fatal(err)
		}
	}
	open := func(want ...string) {
		t.Helper()
		var got []string
		for name, l := range g.loads {
			if !l.retired {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("open are %q, want %q", got, want)
		}
	}
	set("a", "a/1", "a/2")
	set("b", "b/1", "shared")
	set("c", "shared")
	open("a/1", "a/2", "b/1", "shared")
	busy := &exchange{}
	g.loads["a/1"].enter(busy)
	set("a", "a/2", "a/3")
	open("a/2", "a/3", "b/1", "shared")
	if !g.table.leaving["a/1"] {
		t.Error("a busy instance was forgotten")
	}
	g.RemoveRoute("b")
	open("a/2", "a/3", "shared")
	set("a", "a/1")
	open("a/1", "shared")
	g.loads["a/1"].leave(busy)
	g.RemoveRoute("a")
	g.RemoveRoute("a")
	g.RemoveRoute("c")
	if len(g.loads)+len(g.table.named)+len(g.table.leaving) > 0 {
		t.Errorf("left over: %v %v %v", slices.Collect(maps.Keys(g.loads)), g.table.named, g.table.leaving)
	}
}

// TestSetRouteCost: a change of one route takes no more memory, and so no more time, with a thousand others.
func TestSetRouteCost(t *testing.T) {
	const changes = 100
	cost := func(services int) uint64 {
		g := New(noRecorder{}, Options{})
		set := func(k int) {
			name := fmt.Sprint("svc-", k)
			if err := g.SetRoute(Route{Service: name, Targets: []Target{{Instance: name + "/1", Addr: "127.0.0.1:1"}}}); err != nil {
				t.Fatal(err)
			}
		}
		for k := range services {
			set(k)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range changes {
			set(0)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / changes
	}
	if few, many := cost(10), cost(1000); many > 2*few+2048 {
		t.Errorf("a change takes %d bytes with 10 services and %d with 1000", few, many)
	}
}
