package autodeploy

import (
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// keptRefusals bounds the refusals that are remembered.
	keptRefusals = 100
	// quiet is how long refusals of one kind are not logged again.
	quiet = time.Minute
)

// Refusal is a delivery that was not taken. It is remembered, not stored: anybody can cause one.
type Refusal struct {
	At     time.Time
	From   string // address
	Path   string
	Event  string
	Status int // of the answer
	Why    string
}

type refusals struct {
	log *slog.Logger

	mu     sync.Mutex
	list   []Refusal // oldest first
	count  int64
	logged map[int]time.Time // by status
}

func (r *refusals) add(v Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if len(r.list) == keptRefusals {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, v)
	if last := r.logged[v.Status]; v.At.Sub(last) >= quiet {
		r.logged[v.Status] = v.At
		r.log.Warn("delivery refused", "from", v.From, "path", v.Path, "event", v.Event, "status", v.Status, "why", v.Why, "refused", r.count)
	}
}

// since lists the refusals from a moment on, newest first.
func (r *refusals) since(t time.Time) []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Refusal
	for _, v := range slices.Backward(r.list) {
		if !v.At.Before(t) {
			out = append(out, v)
		}
	}
	return out
}
