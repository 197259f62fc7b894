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

// Prober probes many targets and reports changes. A target that starts or is in doubt is probed by a goroutine of its own;
// healthy ones are swept together, so that an idle daemon wakes up once a second and not for each of them.
type Prober struct {
	report func(Report)
	check  func(context.Context, string, Policy) Result
	sweep  func([]Target) []Result
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	running map[string]*probe
	calm    map[*probe]bool // healthy without a doubt: probed by the sweeper
	stirred chan struct{}   // tells a sleeping sweeper that calm is not empty any more
	closed  bool
}

// probe is one target under watch. Its tracker belongs to whoever probes it at the moment.
type probe struct {
	target Target
	ctx    context.Context
	cancel context.CancelFunc
	state  tracker
	told   tracker
	due    time.Time // of the next sweep
}

// sweepEvery is the beat of the sweeper; targets that are probed more often than twice that have a goroutine of their own.
const sweepEvery = time.Second

// NewProber returns a prober that calls report, never two at a time for one target.
func NewProber(report func(Report)) *Prober {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Prober{
		report: report, check: Check, sweep: sweepAll, ctx: ctx, cancel: cancel,
		running: map[string]*probe{}, calm: map[*probe]bool{}, stirred: make(chan struct{}, 1),
	}
	p.wg.Go(p.sweepLoop)
	return p
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
		p.drop(old)
	}
	w := &probe{target: t, state: tracker{since: time.Now(), verdict: Starting}}
	w.ctx, w.cancel = context.WithCancel(p.ctx)
	p.running[t.ID] = w
	p.wg.Go(func() { p.loop(w, 0) })
}

// Forget stops probing id.
func (p *Prober) Forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.running[id]; ok {
		p.drop(old)
	}
}

// drop ends a probe. Called with the lock held.
func (p *Prober) drop(w *probe) {
	w.cancel()
	delete(p.running, w.target.ID)
	delete(p.calm, w)
}

// Close stops every probe and waits for them.
func (p *Prober) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
}

// loop probes one target until it is forgotten or calm enough for the sweeper.
func (p *Prober) loop(w *probe, first time.Duration) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-timer.C:
		}
		result := p.check(w.ctx, w.target.Addr, w.target.Policy)
		if w.ctx.Err() != nil {
			return
		}
		p.take(w, result)
		if p.calmDown(w) {
			return
		}
		timer.Reset(pause(w.state, w.target.Policy))
	}
}

// take judges a result and reports what it changes.
func (p *Prober) take(w *probe, r Result) {
	now := time.Now()
	w.state = judge(w.state, w.target.Policy, now, r)
	if w.told.verdict != w.state.verdict || w.told.reason != w.state.reason {
		w.told = w.state
		p.report(Report{ID: w.target.ID, PID: w.target.PID, Verdict: w.state.verdict, Reason: w.state.reason, At: now})
	}
}

// calmDown hands a healthy target to the sweeper.
func (p *Prober) calmDown(w *probe) bool {
	if w.state.verdict != Healthy || w.state.bad > 0 || w.target.Interval < 2*sweepEvery || !local(w.target.Addr) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.ctx.Err() != nil {
		return true
	}
	w.due = time.Now().Add(w.target.Interval)
	p.calm[w] = true
	select {
	case p.stirred <- struct{}{}:
	default:
	}
	return true
}

// sweepLoop probes what is calm and due, once a second, and sleeps while nothing is calm.
func (p *Prober) sweepLoop() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		case <-p.stirred:
			tick.Reset(sweepEvery)
			continue
		}
		due, any := p.takeDue(time.Now())
		if !any {
			tick.Stop()
		}
		if len(due) > 0 {
			p.wg.Go(func() { p.sweepOnce(due) })
		}
	}
}

// takeDue takes the targets whose next sweep is due from the calm ones; any tells whether there are calm ones at all.
func (p *Prober) takeDue(now time.Time) (due []*probe, any bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	any = len(p.calm) > 0
	for w := range p.calm {
		if w.due.Before(now.Add(sweepEvery / 2)) {
			due = append(due, w)
			delete(p.calm, w)
		}
	}
	return due, any
}

// sweepOnce probes targets together. Those in doubt get a goroutine again, the others stay calm.
func (p *Prober) sweepOnce(due []*probe) {
	targets := make([]Target, len(due))
	for k, w := range due {
		targets[k] = w.target
	}
	for k, r := range p.sweep(targets) {
		w := due[k]
		if w.ctx.Err() != nil {
			continue
		}
		p.take(w, r)
		if !p.calmDown(w) {
			p.wg.Go(func() { p.loop(w, pause(w.state, w.target.Policy)) })
		}
	}
}
