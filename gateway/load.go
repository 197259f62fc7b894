package gateway

import (
	"sync"
	"sync/atomic"
)

// load is what runs on one instance.
type load struct {
	busy   atomic.Int32 // len(open), to be read without the lock
	eases  atomic.Int32 // see weight
	used   atomic.Bool  // a request has been sent to it
	closed atomic.Bool  // retired, to be read without the lock

	mu      sync.Mutex
	open    map[*exchange]struct{}
	retired bool          // no route names the instance; nothing new may enter
	idle    chan struct{} // closed when open becomes empty; made when someone waits
}

func newLoad() *load { return &load{open: map[*exchange]struct{}{}} }

// enter reports false when the instance is retired.
func (l *load) enter(x *exchange) bool { return l.enterUpTo(0, x) }

// enterUpTo also reports false when as many run already; 0 is no limit.
func (l *load) enterUpTo(most int, x *exchange) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired || most > 0 && len(l.open) >= most {
		return false
	}
	l.open[x] = struct{}{}
	l.busy.Add(1)
	if !l.used.Load() {
		l.used.Store(true)
	}
	return true
}

// weight is what a choice among instances compares: what runs, and for an instance that came to busy ones also what ran on those, less
// one for each answer it has given. So it is asked for twice as much in each round of answers, not for everything at once. When it
// is idle, it may always be asked.
func (l *load) weight() int32 {
	n := l.busy.Load()
	if n > 0 {
		n += l.eases.Load()
	}
	return n
}

func (l *load) leave(x *exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, x)
	l.busy.Add(-1)
	if n := l.eases.Load(); n > 0 {
		l.eases.CompareAndSwap(n, n-1)
	}
	if len(l.open) == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// retire closes the instance to new requests and returns how many run.
func (l *load) retire() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	l.closed.Store(true)
	return len(l.open)
}

func (l *load) revive() {
	l.mu.Lock()
	l.retired = false
	l.closed.Store(false)
	l.mu.Unlock()
}

func (l *load) running() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// whenIdle is closed once nothing runs.
func (l *load) whenIdle() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == 0 {
		return closedChan
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	return l.idle
}

// cut ends everything that runs and returns how many that were.
func (l *load) cut(cause error) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for x := range l.open {
		x.cut(cause)
	}
	return len(l.open)
}
