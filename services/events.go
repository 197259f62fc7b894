package services

import (
	"sync"
	"time"
)

// EventKind says what happened: "instance.exited".
type EventKind string

// The kinds of events. Those of deploys are EventDeploy followed by the deploy's state, or EventDeployStep.
const (
	EventInstanceStarted   EventKind = "instance.started"
	EventInstanceHealthy   EventKind = "instance.healthy"
	EventInstanceUnhealthy EventKind = "instance.unhealthy"
	EventInstanceExited    EventKind = "instance.exited" // by itself
	EventInstanceBackoff   EventKind = "instance.backoff"
	EventInstanceFatal     EventKind = "instance.fatal"
	EventInstanceStopped   EventKind = "instance.stopped" // by wish

	EventServiceStarted EventKind = "service.started"
	EventServiceStopped EventKind = "service.stopped"
	EventServiceScaled  EventKind = "service.scaled"
	EventServiceRemoved EventKind = "service.removed"

	EventCanaryStarted   EventKind = "canary.started"
	EventCanaryChanged   EventKind = "canary.changed"   // another weight or header
	EventCanaryUnhealthy EventKind = "canary.unhealthy" // it has no healthy instance: all requests go to the live release
	EventCanaryHealthy   EventKind = "canary.healthy"   // it has one again
	EventCanaryPromoted  EventKind = "canary.promoted"
	EventCanaryEnded     EventKind = "canary.ended"

	EventShadowStarted EventKind = "shadow.started"
	EventShadowChanged EventKind = "shadow.changed"
	EventShadowEnded   EventKind = "shadow.ended"

	// Events of the daemon itself, about no service.
	EventConfigApplied EventKind = "config.applied"
	EventConfigRefused EventKind = "config.refused"

	EventJobStarted   EventKind = "job.started"
	EventJobSucceeded EventKind = "job.succeeded"
	EventJobFailed    EventKind = "job.failed"
	EventJobSkipped   EventKind = "job.skipped"
	EventJobStopped   EventKind = "job.stopped" // by wish

	EventDeploy     EventKind = "deploy."
	EventDeployStep EventKind = "deploy.step"

	// EventsLost stands for the events that a reader was too slow for; its field "count" says how many.
	EventsLost EventKind = "events.lost"
)

// Event is one thing that happened. Seq counts the events of one daemon from 1.
type Event struct {
	Seq      uint64            `json:"seq"`
	Time     time.Time         `json:"time"`
	Kind     EventKind         `json:"kind"`
	Service  string            `json:"service"`
	Instance string            `json:"instance,omitempty"` // "" when it is about the service
	Release  string            `json:"release,omitempty"`
	Reason   string            `json:"reason,omitempty"` // for people
	Fields   map[string]string `json:"fields,omitempty"`
}

// keptEvents is how many events can still be read.
const keptEvents = 1000

// Events are the last things that happened. Publishing never waits for a reader. The zero value is ready.
type Events struct {
	mu   sync.Mutex
	ring []Event
	told EventCounts
	last uint64
	more chan struct{} // closed at the next event; made when someone waits
}

// Publish adds an event and returns it with its number.
func (e *Events) Publish(ev Event) Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	ev.Seq = e.last
	e.told.count(ev)
	if len(e.ring) < keptEvents {
		e.ring = append(e.ring, ev)
	} else {
		e.ring[(ev.Seq-1)%keptEvents] = ev
	}
	if e.more != nil {
		close(e.more)
		e.more = nil
	}
	return ev
}

// Read returns the kept events after the one with the number after, how many of those are not kept any more, and a
// channel that is closed when there is another one.
func (e *Events) Read(after uint64) (events []Event, lost uint64, more <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.more == nil {
		e.more = make(chan struct{})
	}
	first := e.last - uint64(len(e.ring)) + 1
	if from := after + 1; from < first {
		lost, after = first-from, first-1
	}
	for seq := after + 1; seq <= e.last; seq++ {
		events = append(events, e.ring[(seq-1)%keptEvents])
	}
	return events, lost, e.more
}

// Last is the number of the newest event.
func (e *Events) Last() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}
