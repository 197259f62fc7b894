package services

import (
	"maps"
	"sync/atomic"
)

// EventCount names one counter of events.
type EventCount struct {
	Kind    EventKind
	Service string // "" for the daemon's own
}

// EventCounts are what happened since the daemon was started, also what is not kept any more.
type EventCounts struct {
	Events   map[EventCount]int64
	Restarts map[string]int64 // by service: new processes that nobody asked for
}

// count adds an event. A removed service's counters go with it: names are not collected without end.
func (c *EventCounts) count(ev Event) {
	if c.Events == nil {
		c.Events, c.Restarts = map[EventCount]int64{}, map[string]int64{}
	}
	if ev.Kind == EventServiceRemoved {
		maps.DeleteFunc(c.Events, func(k EventCount, _ int64) bool { return k.Service == ev.Service })
		delete(c.Restarts, ev.Service)
	}
	c.Events[EventCount{ev.Kind, ev.Service}]++
	if ev.Kind == EventInstanceStarted && ev.Fields["restarts"] != "" && ev.Fields["restarts"] != "0" {
		c.Restarts[ev.Service]++
	}
}

// Counts returns how many events there were.
func (e *Events) Counts() EventCounts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return EventCounts{Events: maps.Clone(e.told.Events), Restarts: maps.Clone(e.told.Restarts)}
}

// HookCounts are how runs of hooks ended since the daemon was started.
type HookCounts struct{ Done, Failed, Dropped int64 }

// hookCounts is HookCounts while it grows.
type hookCounts struct{ ok, failed, dropped atomic.Int64 }

func (c *hookCounts) done(err error) {
	if err != nil {
		c.failed.Add(1)
		return
	}
	c.ok.Add(1)
}

// HookCounts returns how runs of hooks ended.
func (m *Manager) HookCounts() HookCounts {
	c := &m.hooks.counts
	return HookCounts{Done: c.ok.Load(), Failed: c.failed.Load(), Dropped: c.dropped.Load()}
}
