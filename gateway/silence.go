package gateway

import (
	"sync/atomic"
	"time"
)

// silence follows how long an instance lets an exchange wait. Time that the client takes, to send its request or to take its answer,
// is not the instance's. Upgraded connections may be silent for as long as they like.
type silence struct {
	limit time.Duration // 0: none; set before the exchange is known to others

	waits  atomic.Bool  // for the instance
	client atomic.Int32 // how many reads of the request's body are under way
	moved  atomic.Bool  // something passed since it was looked at last
	since  atomic.Int64 // Unix nanoseconds of the look that last found that something had passed; 0: not looked at yet
}

// begins says that the exchange waits for the instance from now on.
func (s *silence) begins() {
	if s.limit > 0 {
		s.moved.Store(true)
		s.waits.Store(true)
	}
}

// ends says that it does not.
func (s *silence) ends() {
	if s.limit > 0 {
		s.waits.Store(false)
	}
}

// reads notes that the client is read from, or, with -1, that it was.
func (s *silence) reads(n int32) {
	if s != nil && s.limit > 0 {
		s.moved.Store(true)
		s.client.Add(n)
	}
}

// over reports whether the instance has been silent for longer than it may. It is accurate to a tick of the watch.
func (s *silence) over(now time.Time) bool {
	if s.limit <= 0 || !s.waits.Load() {
		return false
	}
	if s.moved.Swap(false) || s.client.Load() > 0 || s.since.Load() == 0 {
		s.since.Store(now.UnixNano())
		return false
	}
	return now.UnixNano()-s.since.Load() >= int64(s.limit)
}

// errSilent is the cause of exchanges that were ended because their instance was silent for too long. It is a timeout as net.Error has it.
var errSilent error = silentError{}

type silentError struct{}

func (silentError) Error() string   { return "the instance was silent for longer than gateway.timeout" }
func (silentError) Timeout() bool   { return true }
func (silentError) Temporary() bool { return false }
