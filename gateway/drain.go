package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errCut is the cause of requests that were ended because their instance or the gateway stops.
var errCut = errors.New("cut: the instance or the gateway is stopping")

// settleTime is how long a cut request has to leave; it only has to notice that its context has ended.
const settleTime = 5 * time.Second

// DrainError tells how many requests were cut because they outlasted a drain.
type DrainError struct {
	Instance string // "" when the whole gateway was drained
	Cut      int
	Err      error // why the drain did not wait longer
}

func (e *DrainError) Error() string {
	what := "the gateway"
	if e.Instance != "" {
		what = e.Instance
	}
	return fmt.Sprintf("drain %s: %d requests were cut: %v", what, e.Cut, e.Err)
}

func (e *DrainError) Unwrap() error { return e.Err }

// Drain waits until no request runs on an instance. When ctx ends first, it cuts what still runs, which is recorded as
// ended by a shutdown, and returns a *DrainError with their number. New requests keep an instance from
// draining only while a route names it.
func (g *Gateway) Drain(ctx context.Context, instance string) error {
	l := g.findLoad(instance)
	if l == nil {
		return nil
	}
	select {
	case <-l.whenIdle():
		return nil
	case <-ctx.Done():
	}
	n := l.cut(errCut)
	if n == 0 {
		return nil
	}
	g.settle([]*load{l})
	return &DrainError{Instance: instance, Cut: n, Err: ctx.Err()}
}

// drainAll waits until nothing runs anywhere; when ctx ends first, it cuts what still runs.
func (g *Gateway) drainAll(ctx context.Context) error {
	g.endShadows()
	loads := g.allLoads()
	for _, l := range loads {
		select {
		case <-l.whenIdle():
		case <-ctx.Done():
		}
	}
	loads = append([]*load{g.lobby}, loads...) // first: what is cut elsewhere would make room for it
	n := 0
	for _, l := range loads {
		n += l.cut(errCut)
	}
	if n == 0 {
		return nil
	}
	g.settle(loads)
	return &DrainError{Cut: n, Err: ctx.Err()}
}

func (g *Gateway) allLoads() []*load {
	g.mu.Lock()
	defer g.mu.Unlock()
	loads := make([]*load, 0, len(g.loads))
	for _, l := range g.loads {
		loads = append(loads, l)
	}
	return loads
}

// settle waits for cut requests to end, so that their records are handed over before a caller goes on to close the recorder.
func (g *Gateway) settle(loads []*load) {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	for _, l := range loads {
		select {
		case <-l.whenIdle():
		case <-late.C:
			g.opt.Logger.Warn("cut requests did not end", "within", settleTime)
			return
		}
	}
}
