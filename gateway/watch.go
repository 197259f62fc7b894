package gateway

import (
	"context"
	"sync/atomic"
	"time"
)

// watchTick is how often the gateway looks after requests that take long. Most are over before anybody has to.
const watchTick = 10 * time.Millisecond

// watch looks through what runs, as long as something does. A look costs less than two timers and a context for every request.
type watch struct {
	on    atomic.Bool
	timer *time.Timer
}

// wake makes the watch look soon; call it after a request has entered its load.
func (g *Gateway) wake() {
	if !g.watch.on.Load() && g.watch.on.CompareAndSwap(false, true) {
		g.watch.timer.Reset(watchTick)
	}
}

// look ends when nothing runs; what enters after its last glance wakes it again.
func (g *Gateway) look() {
	if !g.glance() {
		g.watch.on.Store(false)
		if !g.glance() || !g.watch.on.CompareAndSwap(false, true) {
			return
		}
	}
	g.watch.timer.Reset(watchTick)
}

// glance looks after every running request and reports whether there is one.
func (g *Gateway) glance() bool {
	busy, now := false, g.opt.Now()
	for _, l := range g.allLoads() {
		busy = l.lookAfter(now) || busy
	}
	return g.lobby.listen() || busy
}

// lookAfter reports whether anything runs on the instance.
func (l *load) lookAfter(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for x := range l.open {
		x.glances++
		if x.glances == 2 {
			x.takesLong()
		}
		if x.glances >= 2 {
			x.listen()
		}
		if x.silence.over(now) {
			x.call.Abort(errSilent)
		}
	}
	return len(l.open) > 0
}

// takesLong is called once for a request that has run for one or two ticks. It does not block.
func (x *exchange) takesLong() {
	ctx := x.r.Context()
	context.AfterFunc(ctx, func() { x.call.Abort(context.Cause(ctx)) }) // the server ends ctx in any case
	if x.body.phase.CompareAndSwap(bodyComes, bodyIsSent) {
		go x.sendWhatCame() // waited for by collect
	}
}
