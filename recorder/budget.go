package recorder

import "sync/atomic"

// budget is the memory the recorder may hold. Bodies may use seven eighths of it; the rest is for metadata, so that
// under pressure exchanges lose their bodies before any exchange is lost.
// The bounds can change while it is in use.
type budget struct {
	used, bodies, total *atomic.Int64
}

func newBudget(total int64) budget {
	b := budget{used: new(atomic.Int64), bodies: new(atomic.Int64), total: new(atomic.Int64)}
	b.resize(total)
	return b
}

// resize sets what may be held. What is held already stays.
func (b budget) resize(total int64) {
	b.total.Store(total)
	b.bodies.Store(total - total/8)
}

func (b budget) takeBody(n int64) bool { return b.take(n, b.bodies.Load()) }
func (b budget) takeMeta(n int64) bool { return b.take(n, b.total.Load()) }
func (b budget) release(n int64)       { b.used.Add(-n) }
func (b budget) inUse() int64          { return b.used.Load() }

// crowded reports whether more than half is in use: what runs already must have room to end.
func (b budget) crowded() bool { return b.used.Load() > b.total.Load()/2 }

func (b budget) take(n, limit int64) bool {
	for {
		used := b.used.Load()
		if used+n > limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}
