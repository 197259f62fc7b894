package autodeploy

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// maxPause is the longest pause between two looks at a repository that cannot be reached.
const maxPause = 10 * time.Minute

// Trouble is a repository that cannot be looked at.
type Trouble struct {
	Repository string
	Services   []string
	Since      time.Time
	Next       time.Time // when it is tried again
	Tries      int
	Error      string
}

type troubles struct {
	mu sync.Mutex
	of map[string]Trouble // by address
}

// due reports whether a repository is to be looked at.
func (t *troubles) due(address string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !now.Before(t.of[address].Next)
}

// failed notes a failure; first says that it is the first one after a success.
func (t *troubles) failed(address string, services []string, now time.Time, every time.Duration, err error) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.of[address]
	first = v.Tries == 0
	if first {
		v.Since = now
	}
	v.Repository, v.Services, v.Error, v.Tries = address, services, err.Error(), v.Tries+1
	v.Next = now.Add(min(every<<min(v.Tries-1, 10), max(every, maxPause)))
	t.of[address] = v
	return first
}

// ended forgets the trouble with a repository; since is when it began, zero when there was none.
func (t *troubles) ended(address string) (since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since = t.of[address].Since
	delete(t.of, address)
	return since
}

// keep forgets the repositories that are not looked at any more.
func (t *troubles) keep(wanted func(address string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for address := range t.of {
		if !wanted(address) {
			delete(t.of, address)
		}
	}
}

// Troubles lists the repositories that cannot be looked at, by address.
func (e *Engine) Troubles() []Trouble {
	e.troubles.mu.Lock()
	defer e.troubles.mu.Unlock()
	var out []Trouble
	for _, v := range e.troubles.of {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Trouble) int { return cmp.Compare(a.Repository, b.Repository) })
	return out
}
