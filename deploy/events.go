package deploy

import (
	"sync"
)

// A subscriber that is this many events behind loses lines; the rest of its channel is for changes of state, of
// which no deploy has more.
const (
	subscriberSize = 1024
	linesUpTo      = subscriberSize - 128
)

// replayed is how many of the last lines a new subscriber gets.
const replayed = 200

// hub fans the events of active deploys out to subscribers. Nothing in it ever waits for a subscriber.
type hub struct {
	mu     sync.Mutex
	topics map[int64]*topic
	notify func(Event) // gets every change of state; never waits
}

type topic struct {
	lines []Event // the last ones
	subs  map[chan Event]bool
}

func newHub() *hub { return &hub{topics: map[int64]*topic{}} }

// open makes a deploy one that can be subscribed to; one that is already keeps its subscribers.
func (h *hub) open(id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics[id] == nil {
		h.topics[id] = &topic{subs: map[chan Event]bool{}}
	}
}

// close ends a deploy's events.
func (h *hub) close(id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.topics[id]
	if !ok {
		return
	}
	delete(h.topics, id)
	for ch := range t.subs {
		close(ch)
	}
}

// subscribe returns the last lines and then everything new. The channel is closed when the deploy has ended, at once
// when it is not active; stop ends the subscription.
func (h *hub) subscribe(id int64) (events <-chan Event, stop func()) {
	ch := make(chan Event, subscriberSize)
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.topics[id]
	if !ok {
		close(ch)
		return ch, func() {}
	}
	for _, ev := range t.lines {
		ch <- ev
	}
	t.subs[ch] = true
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if t.subs[ch] {
			delete(t.subs, ch)
			if h.topics[id] == t {
				close(ch)
			}
		}
	}
}

// publish hands an event to every subscriber. A slow one loses lines; one that is too slow even for states is cut
// off, which it sees by its closed channel.
func (h *hub) publish(ev Event) {
	if h.notify != nil && ev.State != "" {
		h.notify(ev)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.topics[ev.Deploy]
	if !ok {
		return
	}
	line := ev.State == ""
	if line {
		if t.lines = append(t.lines, ev); len(t.lines) > replayed {
			t.lines = t.lines[1:]
		}
	}
	for ch := range t.subs {
		if line && len(ch) >= linesUpTo {
			continue
		}
		select {
		case ch <- ev:
		default:
			delete(t.subs, ch)
			close(ch)
		}
	}
}
