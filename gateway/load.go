package gateway

import "sync"

// load is what runs on one instance.
type load struct {
	mu      sync.Mutex
	open    map[*exchange]struct{}
	retired bool          // no route names the instance; nothing new may enter
	idle    chan struct{} // closed when open becomes empty; made when someone waits
}

func newLoad() *load { return &load{open: map[*exchange]struct{}{}} }

// enter reports false when the instance is retired.
func (l *load) enter(x *exchange) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired {
		return false
	}
	l.open[x] = struct{}{}
	return true
}

func (l *load) leave(x *exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, x)
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
	return len(l.open)
}

func (l *load) revive() {
	l.mu.Lock()
	l.retired = false
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
