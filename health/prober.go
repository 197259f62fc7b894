package health

import (
	"context"
	"sync"
	"time"
)

// Target is one running process to probe. PID tells two processes of one instance apart.
type Target struct {
	ID   string
	PID  int
	Addr string
	Policy
}

// Report is told after the first probe and whenever the verdict or its reason changes.
type Report struct {
	ID      string
	PID     int
	Verdict Verdict
	Reason  string
	At      time.Time
}

// Prober probes many targets, each on a goroutine of its own, and reports changes.
type Prober struct {
	report func(Report)
	check  func(context.Context, string, Policy) Result
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	running map[string]probe
	closed  bool
}

type probe struct {
	target Target
	cancel context.CancelFunc
}

// NewProber returns a prober that calls report, never two at a time for one target.
func NewProber(report func(Report)) *Prober {
	ctx, cancel := context.WithCancel(context.Background())
	return &Prober{report: report, check: Check, ctx: ctx, cancel: cancel, running: map[string]probe{}}
}

// Watch probes t from now on. The same target again changes nothing; another PID, address or policy starts afresh.
func (p *Prober) Watch(t Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if old, ok := p.running[t.ID]; ok {
		if old.target == t {
			return
		}
		old.cancel()
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.running[t.ID] = probe{t, cancel}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		defer cancel()
		p.loop(ctx, t)
	}()
}

// Forget stops probing id.
func (p *Prober) Forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.running[id]; ok {
		old.cancel()
		delete(p.running, id)
	}
}

// Close stops every probe and waits for them.
func (p *Prober) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
}

func (p *Prober) loop(ctx context.Context, t Target) {
	state := tracker{since: time.Now(), verdict: Starting}
	var told tracker
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		result := p.check(ctx, t.Addr, t.Policy)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		state = judge(state, t.Policy, now, result)
		if told.verdict != state.verdict || told.reason != state.reason {
			told = state
			p.report(Report{ID: t.ID, PID: t.PID, Verdict: state.verdict, Reason: state.reason, At: now})
		}
		timer.Reset(pause(state, t.Policy))
	}
}
