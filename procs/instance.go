package procs

import (
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// instance owns everything one Machine decides about: one goroutine handles its events one after the other.
type instance struct {
	id     string
	host   *host
	log    *slog.Logger
	inbox  chan message
	quit   chan struct{} // closed: let go of everything without touching the process
	done   chan struct{} // closed: the goroutine has ended
	ended  func()        // called when done is closed
	status atomic.Pointer[Status]
	sink   atomic.Pointer[sink]

	// What follows belongs to the goroutine.
	machine Machine
	spec    *Spec
	nonce   string
	digest  string // of the spec the process was started with
	proc    *process
	streams [2]*stream
	sweep   *sweep
	timer   *time.Timer
	timerOf Timer
	waiters []waiter
	pending []Event // follow-ups of the event at hand
	saved   *Spec   // the spec in the state file

	savedSum uint64 // of the state file
	changed  bool
	gone     bool
	timerEnd time.Time     // when the timer fires
	held     *heldInstance // what was handed over: by another keeper at the start, to another at the end
}

// message is an event with an optional answer.
type message struct {
	event Event
	about *Verdict     // set when the event is about a certain process
	from  *process     // set when the event came from a process
	until func() bool  // answer only when it holds, nil for at once; called by the instance's goroutine
	reply chan<- reply // buffered
	query func()       // called by the instance's goroutine instead of handling an event
}

type reply struct {
	status Status
	err    error
}

type waiter struct {
	until func() bool
	reply chan<- reply
}

func newInstance(h *host, spec *Spec, nonce string) *instance {
	return &instance{
		id: spec.ID, host: h, spec: spec, nonce: nonce, digest: spec.Digest(), machine: newMachine(spec),
		log:   h.log.With("instance", spec.ID),
		inbox: make(chan message, 4), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// begin handles the first events, publishes what came of them and starts the goroutine.
func (i *instance) begin(first ...Event) {
	i.timer = time.NewTimer(time.Hour)
	i.timer.Stop()
	if i.held != nil {
		i.goOn()
	}
	for _, ev := range first {
		i.handle(ev)
	}
	if !i.gone {
		i.report()
	}
	go i.run()
}

func (i *instance) run() {
	defer i.ended()
	defer close(i.done)
	for !i.gone {
		select {
		case msg := <-i.inbox:
			i.receive(msg)
		case <-i.timer.C:
			i.handle(TimerFired{Timer: i.timerOf})
		case <-i.quit:
			i.letGo()
			return
		}
	}
	i.answer()
}

func (i *instance) receive(msg message) {
	if msg.query != nil {
		msg.query()
		return
	}
	if msg.from != nil && msg.from != i.proc {
		return // about a process that was released meanwhile
	}
	if msg.about != nil && !i.isCurrent(msg.about) {
		msg.reply <- reply{err: i.stale(msg.about)}
		return
	}
	if _, gone := msg.event.(TreeGone); gone {
		i.collect()
	}
	i.handle(msg.event)
	switch {
	case msg.reply == nil:
	case msg.until == nil || msg.until() || i.gone:
		msg.reply <- reply{status: i.current()}
	default:
		i.waiters = append(i.waiters, waiter{until: msg.until, reply: msg.reply})
	}
}

// handle runs the machine over an event and over all that follows from it, then tells the world once.
func (i *instance) handle(ev Event) {
	i.pending = append(i.pending, ev)
	for len(i.pending) > 0 {
		ev := i.pending[0]
		i.pending = i.pending[1:]
		before := i.machine.State
		var actions []Action
		i.machine, actions = next(i.machine, ev, i.host.now(), i.host.random())
		for _, action := range actions {
			i.act(action)
		}
		if i.machine.State != before {
			i.log.Debug("instance changed state", "from", before, "to", i.machine.State, "reason", i.machine.Reason)
		}
	}
	i.pending = nil
	if i.changed && !i.gone {
		i.changed = false
		i.report()
		i.save()
	}
	i.answer()
}

// report publishes what others see, when it is new.
func (i *instance) report() {
	status := i.current()
	if old := i.status.Load(); old != nil && sameStatus(*old, status) {
		return
	}
	i.host.feed.publish(&status)
	i.status.Store(&status)
}

// answer serves those who wait for something that has come true.
func (i *instance) answer() {
	i.waiters = slices.DeleteFunc(i.waiters, func(w waiter) bool {
		if !i.gone && !w.until() {
			return false
		}
		w.reply <- reply{status: i.current()}
		return true
	})
	if len(i.waiters) == 0 {
		i.waiters = nil
	}
}

// current is the status as the machine has it now.
func (i *instance) current() Status {
	m := &i.machine
	status := Status{
		ID: i.id, State: m.State, Port: i.spec.Port, Restarts: m.Restarts, LastExit: m.LastExit,
		NextStart: m.NextStart, Reason: m.Reason, Digest: i.digest, Labels: i.spec.Labels, LogLost: i.lost(),
	}
	if i.proc != nil {
		status.PID, status.StartedAt = i.proc.pid, m.StartedAt
	}
	if old := i.status.Load(); old != nil {
		status.Seq = old.Seq
	}
	return status
}

// letGo drops everything this keeper holds and leaves the process as it is, for the next keeper.
func (i *instance) letGo() {
	i.timer.Stop()
	if i.host.handing.Load() {
		i.hold()
	}
	if i.sweep != nil {
		i.sweep.cancel()
	}
	if i.proc != nil {
		i.warn("let go of process", errors.Join(i.proc.pidfd.Close(), i.proc.endOOM()))
	}
	i.closeOutput()
	why := ErrShuttingDown
	if i.host.handing.Load() {
		why = ErrHandover
	}
	for _, w := range i.waiters {
		w.reply <- reply{err: why}
	}
}

// warn logs what must not stop an instance from going on.
func (i *instance) warn(doing string, err error) {
	if err != nil {
		i.log.Warn("instance trouble", "doing", doing, "err", err)
	}
}

func (i *instance) isCurrent(v *Verdict) bool {
	return i.proc != nil && i.proc.pid == v.PID && (v.StartedAt.IsZero() || v.StartedAt.Equal(i.machine.StartedAt))
}
