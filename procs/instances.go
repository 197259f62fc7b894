package procs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// find looks an instance up.
func (k *Keeper) find(id string) (*instance, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if i, ok := k.instances[id]; ok {
		return i, nil
	}
	return nil, fmt.Errorf("%s: %w", id, ErrUnknownInstance)
}

// register adds an instance and starts its goroutine.
func (k *Keeper) register(i *instance, first ...Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.add(i, first...)
}

// add is register for those who hold the lock.
func (k *Keeper) add(i *instance, first ...Event) {
	k.instances[i.id] = i
	i.ended = func() { k.drop(i) }
	i.begin(first...)
}

// sweepUnknown removes the FIFOs that an earlier keeper left of an instance that this one was never told to run.
func (k *Keeper) sweepUnknown(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, known := k.instances[id]; known {
		return
	}
	if err := removeIfThere(k.host.fifoPath(id, "out"), k.host.fifoPath(id, "err")); err != nil {
		k.host.log.Warn("remove fifos", "instance", id, "err", err)
	}
}

// drop removes an instance that has ended, unless another took its place.
func (k *Keeper) drop(i *instance) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.instances[i.id] == i {
		delete(k.instances, i.id)
	}
}

// ticket is an answer to come.
type ticket struct {
	id    string
	reply <-chan reply
	done  <-chan struct{}
}

// wait waits for the answer.
func (t ticket) wait(ctx context.Context) (Status, error) {
	select {
	case r := <-t.reply:
		return r.status, r.err
	case <-ctx.Done():
		return Status{}, ctx.Err()
	case <-t.done:
	}
	select {
	case r := <-t.reply:
		return r.status, r.err
	default:
		return Status{}, fmt.Errorf("%s: %w", t.id, ErrUnknownInstance)
	}
}

// ask hands msg to an instance. Whoever asks twice is heard in that order.
func (i *instance) ask(msg message) ticket {
	answer := make(chan reply, 1)
	msg.reply = answer
	i.post(msg)
	return ticket{id: i.id, reply: answer, done: i.done}
}

// ask hands an event to the instance called id.
func (k *Keeper) ask(id string, ev Event, until func(*instance) bool) (ticket, error) {
	i, err := k.find(id)
	if err != nil {
		return ticket{}, err
	}
	msg := message{event: ev}
	if until != nil {
		msg.until = func() bool { return until(i) }
	}
	return i.ask(msg), nil
}

func notStopping(i *instance) bool { return i.machine.State != StateStopping }

func onlyWhenGone(*instance) bool { return false }

// ApplyOptions say what follows from a spec.
type ApplyOptions struct {
	// Start wants the instance running. One that failed under the same spec (backoff, fatal) is left as it is, so that
	// applying twice is the same as applying once; Client.Start starts it anyway.
	Start bool `json:"start,omitempty"`
	// Restart gives a running instance a new process when the spec's Digest has changed.
	Restart bool `json:"restart,omitempty"`
}

// apply brings a spec to the instance of its id, which is made when there is none.
func (k *Keeper) apply(spec *Spec, opt ApplyOptions) (ticket, error) {
	if err := spec.Validate(); err != nil {
		return ticket{}, err
	}
	i, err := k.findOrAdd(spec)
	if err != nil {
		return ticket{}, err
	}
	answer := make(chan reply, 1)
	i.post(message{query: func() {
		err := i.applySpec(spec, opt)
		answer <- reply{status: i.current(), err: err}
	}})
	return ticket{id: i.id, reply: answer, done: i.done}, nil
}

func (k *Keeper) findOrAdd(spec *Spec) (*instance, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing {
		return nil, ErrShuttingDown
	}
	if i, ok := k.instances[spec.ID]; ok && !isClosed(i.done) {
		return i, nil
	}
	i := newInstance(k.host, spec, k.host.newNonce())
	k.add(i)
	return i, nil
}

func (i *instance) applySpec(spec *Spec, opt ApplyOptions) error {
	if i.machine.removing {
		return fmt.Errorf("%s: %w", i.id, ErrRemoving)
	}
	digest := spec.Digest()
	changed := digest != i.digest
	logChanged := spec.Log != i.spec.Log
	i.spec = spec
	if i.proc == nil {
		i.digest = digest
	}
	if logChanged && i.sink.Load() != nil {
		i.warn("open log", i.openOutput())
	}
	i.handle(SpecChanged{Spec: spec, Restart: opt.Restart && changed})
	failed := i.machine.State == StateFatal && !changed
	if opt.Start && !i.machine.wanted() && !failed {
		i.handle(Start{})
	}
	if i.saved != spec {
		i.save()
	}
	return nil
}

// statuses lists what the keeper holds, sorted by id.
func (k *Keeper) statuses() []Status {
	k.mu.RLock()
	list := make([]Status, 0, len(k.instances))
	for _, i := range k.instances {
		status := *i.status.Load()
		if status.State == StateRemoved {
			continue
		}
		status.LogLost = max(status.LogLost, i.lost())
		list = append(list, status)
	}
	k.mu.RUnlock()
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
