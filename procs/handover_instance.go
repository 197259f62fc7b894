package procs

import (
	"errors"
	"time"
)

// heldInstance is an instance between two programs of one keeper: its state file and all that is not in it.
type heldInstance struct {
	Record    record         `json:"record"`
	Spec      *Spec          `json:"spec"`
	Phase     phase          `json:"phase"`
	Then      sequel         `json:"then"`
	Removing  bool           `json:"removing,omitempty"`
	Killed    bool           `json:"killed,omitempty"`
	Sustained bool           `json:"sustained,omitempty"`
	NextStart time.Time      `json:"next_start,omitzero"`
	Armed     bool           `json:"armed,omitempty"`
	Timer     Timer          `json:"timer,omitempty"`
	Left      time.Duration  `json:"left,omitempty"` // until the timer fires
	Seen      map[int]uint64 `json:"seen,omitempty"` // descendants that a walk has met
	Output    bool           `json:"output,omitempty"`

	pipes []int // reading ends
}

func (i *instance) arm(t Timer, delay time.Duration) {
	i.timerOf, i.timerEnd = t, time.Now().Add(delay)
	i.timer.Reset(delay)
}

// hold notes everything for the next program. The pipes stay open: what a service writes right before it ends would be gone
// with the last descriptor.
func (i *instance) hold() {
	m := &i.machine
	h := &heldInstance{
		Record: i.record(), Spec: i.spec, Phase: m.phase, Then: m.then, Removing: m.removing, Killed: m.killed,
		Sustained: m.sustained, NextStart: m.NextStart, Armed: m.armed, Timer: i.timerOf,
	}
	if m.armed {
		h.Left = max(0, time.Until(i.timerEnd))
	}
	if i.proc != nil {
		if t, ok := i.proc.tree.(*walkedTree); ok {
			h.Seen = t.seen
		}
	}
	for _, s := range i.streams {
		if s == nil {
			continue
		}
		h.Output = true
		fd, err := s.copyFD()
		if err != nil {
			i.warn("keep a pipe for the next program", err)
			continue
		}
		h.pipes = append(h.pipes, fd)
	}
	i.held = h
}

func (s *stream) copyFD() (fd int, err error) {
	fault := s.raw.Control(func(own uintptr) { fd, err = dupFD(int(own)) })
	return fd, errors.Join(fault, err)
}

// resumeHeld goes on with an instance of the program before this one. A process that is none of ours and gone
// meanwhile is looked for like one of a dead keeper.
func (k *Keeper) resumeHeld(h *heldInstance) {
	r := &h.Record
	r.Spec = h.Spec
	i := newInstance(k.host, r.Spec, r.Nonce)
	i.digest, i.saved, i.held = r.Digest, r.Spec, h
	i.machine.restore(h)
	if r.PID > 0 {
		p, err := k.host.openProcess(r.PID, r.Start, r.Nonce, r.Spec.ID)
		if err != nil {
			i.warn("process of the program before", err)
			left, err := k.host.leftovers()
			i.warn("look for leftovers", err)
			k.resume(r, left)
			return
		}
		p.startedAt = r.StartedAt
		if t, ok := p.tree.(*walkedTree); ok && h.Seen != nil {
			t.seen = h.Seen
		}
		i.proc = p
	}
	k.register(i)
}

// restore is recall when nothing was lost.
func (m *Machine) restore(h *heldInstance) {
	m.recall(&h.Record)
	m.State, m.StartedAt, m.NextStart = h.Record.State, h.Record.StartedAt, h.NextStart
	m.phase, m.then, m.removing, m.killed, m.armed, m.sustained = h.Phase, h.Then, h.Removing, h.Killed, h.Armed, h.Sustained
}

// goOn takes up what the instance of the program before was doing.
func (i *instance) goOn() {
	h := i.held
	i.held = nil
	if h.Output {
		i.warn("open output", i.openOutput())
	}
	switch {
	case i.proc == nil:
	case i.machine.phase == phaseEnding:
		proc := i.proc
		proc.id, proc.limits = i.id, i.spec.Limits
		i.sweep = newSweep(proc, i.machine.killed || i.machine.then == sequelPolicy)
		i.sweep.start(func() { i.post(message{event: TreeGone{}, from: proc}) }, i.log)
	default:
		i.watch()
	}
	if h.Armed {
		i.arm(h.Timer, h.Left)
	}
}
