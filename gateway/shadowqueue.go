package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of one service's shadow. What waits and what is under way counts.
const (
	copyCount    = 512
	copyBytes    = 32 << 20
	copyBytesAll = 128 << 20 // of all services' shadows together
	copyWorkers  = 16
	copyOverhead = 2 << 10 // head and bookkeeping of one copy
)

// dropReason is why a request was not copied, or a copy not sent.
type dropReason int

const (
	droppedQueue      dropReason = iota // too many wait
	droppedBytes                        // those that wait are too long together
	droppedBody                         // the body is not whole, or was not kept
	droppedStream                       // an upgraded connection, or trailers
	droppedLoop                         // it is the copy of a request itself
	droppedUnanswered                   // no instance answered the original
	droppedNoInstance                   // none of the shadow's is healthy and has room
	droppedEnded                        // the shadow or the gateway ended
	dropReasons
)

var dropNames = [dropReasons]string{"queue_full", "bytes_full", "body_not_kept", "stream", "loop", "unanswered", "no_instance", "ended"}

// ShadowStats is what came of a shadow's copies since it began. Errors are those answered with 500 or above, or not at all.
type ShadowStats struct {
	Service  string
	Release  string
	Since    time.Time
	Percent  float64
	Sent     int64 // that have ended, errors included
	Errors   int64
	Dropped  map[string]int64 // by reason, only those above 0
	Waiting  int              // that have not ended
	Bytes    int64            // of these
	P50, P95 time.Duration
}

// copies is a shadow in force: what waits to be sent, and what came of the rest. It outlives the routes that name it. Its goroutines end
// when nothing waits.
type copies struct {
	g       *Gateway
	to      Shadow
	dropped [dropReasons]atomic.Int64
	tally   tally
	life    context.Context // ends with the shadow
	end     context.CancelFunc

	mu      sync.Mutex
	queue   []*shadowed
	count   int // that wait or are under way
	bytes   int64
	workers int
	closed  bool
}

func newCopies(g *Gateway, to Shadow) *copies {
	c := &copies{g: g, to: to}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

func (c *copies) drop(why dropReason) { c.dropped[why].Add(1) }

// reserve makes room for a copy, or counts why there is none.
func (c *copies) reserve(size int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		c.drop(droppedEnded)
	case c.count >= copyCount:
		c.drop(droppedQueue)
	case c.bytes+size > copyBytes || !c.g.shadows.take(size):
		c.drop(droppedBytes)
	default:
		c.count++
		c.bytes += size
		return true
	}
	return false
}

// send queues a copy that has room, and sees that somebody sends it.
func (c *copies) send(s *shadowed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		c.discard(s)
		return
	}
	c.queue = append(c.queue, s)
	switch {
	case c.workers == copyWorkers:
	case c.g.shadows.begin(c.work):
		c.workers++
	case c.workers == 0: // the gateway has ended
		c.queue = nil
		c.discard(s)
	}
}

// discard counts a copy that is not sent and gives its room back. Callers hold c.mu.
func (c *copies) discard(s *shadowed) {
	c.drop(droppedEnded)
	c.free(s)
}

// free gives a copy's room back. Callers hold c.mu.
func (c *copies) free(s *shadowed) {
	c.count--
	c.bytes -= s.size()
	c.g.shadows.bytes.Add(-s.size())
}

// work sends copies until none waits.
func (c *copies) work(life context.Context) {
	for {
		s := c.next()
		if s == nil {
			return
		}
		c.sendOne(life, s)
	}
}

func (c *copies) next() *shadowed {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.workers--
		return nil
	}
	s := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	if len(c.queue) == 0 {
		c.queue = nil
	}
	return s
}

func (c *copies) sendOne(life context.Context, s *shadowed) {
	ctx, cancel := context.WithTimeoutCause(life, c.g.opt.ShadowTimeout, errShadowLate)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	begun := c.g.opt.Now()
	if sent, good := c.g.serveCopy(ctx, s); sent {
		c.tally.add(c.g.opt.Now().Sub(begun), !good)
	} else {
		c.drop(droppedNoInstance)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free(s)
}

// close drops what waits and cuts what is under way.
func (c *copies) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.end()
	for _, s := range c.queue {
		c.discard(s)
	}
	c.queue = nil
}

func (c *copies) stats() ShadowStats {
	t := c.tally.stats()
	s := ShadowStats{Service: c.to.Service, Release: c.to.Release, Since: c.to.Since, Sent: t.Requests, Errors: t.Errors,
		P50: t.P50, P95: t.P95, Dropped: map[string]int64{}}
	for why := range c.dropped {
		if n := c.dropped[why].Load(); n > 0 {
			s.Dropped[dropNames[why]] = n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Waiting, s.Bytes = c.count, c.bytes
	return s
}

// ShadowStats tells of the shadow of every service that has one, by the service that is copied.
func (g *Gateway) ShadowStats() map[string]ShadowStats {
	all := map[string]ShadowStats{}
	g.table.routes.Range(func(name, r any) bool {
		if rt := r.(*route); rt.shade != nil {
			s := rt.shade.copies.stats()
			s.Percent = rt.Shadow.Percent
			all[name.(string)] = s
		}
		return true
	})
	return all
}

// shadows are the goroutines that send copies.
type shadows struct {
	bytes   atomic.Int64 // of all copies that have not ended
	mu      sync.Mutex
	life    context.Context
	end     context.CancelFunc
	ended   bool
	running sync.WaitGroup
}

// take makes room for a copy among those of all services.
func (s *shadows) take(size int64) bool {
	if s.bytes.Add(size) <= copyBytesAll {
		return true
	}
	s.bytes.Add(-size)
	return false
}

// begin runs work on a goroutine of its own, unless the gateway has ended.
func (s *shadows) begin(work func(life context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if s.life == nil {
		s.life, s.end = context.WithCancel(context.Background())
	}
	s.running.Go(func() { work(s.life) })
	return true
}

// stop cuts the copies under way and returns when they have ended and are recorded. It may be called again.
func (s *shadows) stop() {
	s.mu.Lock()
	s.ended = true
	if s.end != nil {
		s.end()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// endShadows ends all copying.
func (g *Gateway) endShadows() {
	g.table.routes.Range(func(_, r any) bool {
		if rt := r.(*route); rt.shade != nil {
			rt.shade.copies.close()
		}
		return true
	})
	g.shadows.stop()
}
