package procs

import "sync"

// feedLength is how many changes a watcher may lie behind before it has to begin anew.
const feedLength = 1024

// StateRemoved is told to watchers once, after an instance was forgotten. No instance is ever in it.
const StateRemoved State = "removed"

// feed numbers every change and keeps the last ones for watchers. It never waits for any of them.
type feed struct {
	mu      sync.Mutex
	seq     uint64
	base    uint64              // the changes up to this one were another program's
	ring    [feedLength]*Status // the change with number n is at n % feedLength
	wakeups map[chan struct{}]bool
}

func newFeed() *feed { return &feed{wakeups: make(map[chan struct{}]bool)} }

// goOn counts on from the last number that an earlier program of this process has given: whoever has heard that one's
// words takes those of this one for later.
func (f *feed) goOn(last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq, f.base = last, last
}

// publish gives the status its number and tells every watcher that there is news.
func (f *feed) publish(status *Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	status.Seq = f.seq
	f.ring[f.seq%feedLength] = status
	for wake := range f.wakeups {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// since lists the changes after number seq. ok is false when some of them are no longer there.
func (f *feed) since(seq uint64) (changes []*Status, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seq > f.seq || seq < f.base || f.seq-seq > feedLength {
		return nil, false
	}
	for n := seq + 1; n <= f.seq; n++ {
		changes = append(changes, f.ring[n%feedLength])
	}
	return changes, true
}

// last is the number of the latest change.
func (f *feed) last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

// follow returns a channel that gets a value after each change, or one for many.
func (f *feed) follow() (wake chan struct{}, stop func()) {
	wake = make(chan struct{}, 1)
	f.mu.Lock()
	f.wakeups[wake] = true
	f.mu.Unlock()
	return wake, func() {
		f.mu.Lock()
		delete(f.wakeups, wake)
		f.mu.Unlock()
	}
}
