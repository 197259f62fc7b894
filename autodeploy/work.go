package autodeploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"aictl/gitea"
	"aictl/store"
)

const (
	// batch bounds the deliveries that are worked off in one go.
	batch = 2000
	// parallel bounds the repositories whose deliveries are worked on at a time.
	parallel = 8
	// maxTries bounds how often a delivery is begun.
	maxTries = 5
	// firstRetry is the pause after the first failure; it doubles.
	firstRetry = 5 * time.Second
)

// worker knows which repositories' deliveries are being worked on, and which are to wait.
type worker struct {
	slots chan struct{}

	mu    sync.Mutex
	busy  map[string]bool
	later map[string]time.Time
}

// work works deliveries off as they come, and those that an earlier daemon left: each repository's in order, several repositories at a
// time, so that a slow one keeps nobody else waiting.
func (e *Engine) work(ctx context.Context) {
	w := &worker{slots: make(chan struct{}, parallel), busy: map[string]bool{}, later: map[string]time.Time{}}
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		var retry <-chan time.Time
		if again := e.dispatch(ctx, w, &running); again > 0 {
			retry = time.After(again)
		}
		select {
		case <-ctx.Done():
		case <-e.wake:
		case <-retry:
		}
	}
}

// dispatch starts work on what has arrived. It returns when something that failed is to be tried again, 0 for never; the end of what
// it started wakes the loop.
func (e *Engine) dispatch(ctx context.Context, w *worker, running *sync.WaitGroup) (again time.Duration) {
	open, err := e.Store.OpenDeliveries(ctx, batch)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("deliveries not read", "err", err)
		}
		return firstRetry
	}
	queues := map[string][]store.Delivery{}
	var order []string
	for _, d := range open {
		key := d.Forge + " " + strings.ToLower(d.Repository)
		if queues[key] == nil {
			order = append(order, key)
		}
		queues[key] = append(queues[key], d)
	}
	for _, key := range order {
		begin, wait := w.begin(key, e.Now())
		if wait > 0 && (again == 0 || wait < again) {
			again = wait
		}
		if !begin {
			continue
		}
		running.Go(func() {
			w.end(key, e.Now(), e.workQueue(ctx, queues[key]))
			e.nudge()
		})
	}
	return again
}

// begin takes a slot for a repository whose turn it is; wait is how long it has to wait after a failure.
func (w *worker) begin(key string, now time.Time) (ok bool, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[key] {
		return false, 0
	}
	if wait := w.later[key].Sub(now); wait > 0 {
		return false, wait
	}
	select {
	case w.slots <- struct{}{}:
		w.busy[key] = true
		delete(w.later, key)
		return true, 0
	default:
		return false, 0
	}
}

func (w *worker) end(key string, now time.Time, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, key)
	if wait > 0 {
		w.later[key] = now.Add(wait)
	}
	<-w.slots
}

// workQueue works off the deliveries of one repository until one fails that is to be tried again: those after it wait.
func (e *Engine) workQueue(ctx context.Context, queue []store.Delivery) (again time.Duration) {
	for _, d := range queue {
		if ctx.Err() != nil {
			return 0
		}
		outcome, err := e.workOne(ctx, d)
		state := store.DeliveryDone
		if err != nil {
			if ctx.Err() != nil { // it is worked off by the next daemon
				return 0
			}
			e.log.Warn("delivery not worked off", "delivery", d.ID, "repository", d.Repository, "try", d.Tries+1, "err", err)
			if d.Tries+1 < maxTries {
				return firstRetry << d.Tries
			}
			state, outcome = store.DeliveryFailed, join(outcome, err.Error())
		}
		if err := e.Store.FinishDelivery(ctx, d.ID, state, cut(outcome, maxMessage)); err != nil && !errors.Is(err, store.ErrNotFound) {
			e.log.Error("end of a delivery not stored", "delivery", d.ID, "err", err)
			return firstRetry
		}
	}
	return 0
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// workOne says what came of a delivery. What a try before it did is not done again.
func (e *Engine) workOne(ctx context.Context, d store.Delivery) (outcome string, err error) {
	switch {
	case d.Change == "":
		return d.Event + " deploys nothing", nil
	case d.Tries >= maxTries:
		return "", fmt.Errorf("given up: the daemon ended %d times while it was worked on", d.Tries)
	}
	if err := e.Store.TryDelivery(ctx, d.ID); err != nil {
		return "", err
	}
	var c Change
	if err := json.Unmarshal([]byte(d.Change), &c); err != nil {
		return "", err
	}
	c.Doubtful = c.Doubtful || d.Repeated
	if c.Addresses, err = e.earlier(ctx, c.Addresses, d); err != nil {
		return "", err
	}
	return e.apply(ctx, c)
}

// earlier adds the addresses that a repository had under the names it had before.
func (e *Engine) earlier(ctx context.Context, addresses []string, d store.Delivery) ([]string, error) {
	if d.RepoID == 0 {
		return addresses, nil
	}
	names, err := e.Store.RepositoryNames(ctx, d.Forge, d.RepoID)
	if err != nil {
		return nil, err
	}
	bases := map[string]bool{}
	for _, a := range addresses {
		if base, ok := cutFold(canonical(a), "/"+d.Repository); ok {
			bases[base] = true
		}
	}
	forges, err := e.Forges(ctx)
	if err != nil {
		return nil, err
	}
	if f, ok := gitea.Named(forges, d.Forge); ok {
		bases[f.Client.URL()] = true
	}
	for base := range bases {
		for _, name := range names {
			addresses = append(addresses, base+"/"+name)
		}
	}
	return addresses, nil
}

// cutFold is strings.CutSuffix for names, which forges compare without regard to case.
func cutFold(s, suffix string) (string, bool) {
	return strings.CutSuffix(s, strings.ToLower(trimRepo(suffix)))
}
