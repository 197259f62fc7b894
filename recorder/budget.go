package recorder

import "sync/atomic"

// budget is the memory the recorder may hold. Bodies may use seven eighths of it; the rest is for metadata, so that
// under pressure exchanges lose their bodies before any exchange is lost.
type budget struct {
	used          *atomic.Int64
	bodies, total int64
}

func newBudget(total int64) budget {
	return budget{used: new(atomic.Int64), bodies: total - total/8, total: total}
}

func (b budget) takeBody(n int64) bool { return b.take(n, b.bodies) }
func (b budget) takeMeta(n int64) bool { return b.take(n, b.total) }
func (b budget) release(n int64)       { b.used.Add(-n) }
func (b budget) inUse() int64          { return b.used.Load() }

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
