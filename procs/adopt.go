package procs

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"aictl/procs/internal/kernel"
)

// takeBack finds what an earlier keeper left and goes on with it.
func (k *Keeper) takeBack() error {
	left, err := k.host.leftovers()
	if err != nil {
		return err
	}
	left = k.endOldDaemon(left)
	records, err := k.host.records()
	for _, r := range records {
		left = k.resume(r, left)
	}
	return errors.Join(err, k.adoptUnrecorded(left))
}

// records reads the state files. One that cannot be read is put aside: its processes are found by their mark.
func (h *host) records() ([]*record, error) {
	paths, err := filepath.Glob(filepath.Join(h.runDir, "instances", "*.json"))
	var records []*record
	for _, path := range paths {
		r, fault := readRecord(path)
		if fault == nil && filepath.Base(h.statePath(r.Spec.ID)) != filepath.Base(path) {
			fault = errors.New("state file bears another instance's name")
		}
		if fault != nil {
			h.log.Error("state file is damaged and put aside", "path", path, "err", fault)
			err = errors.Join(err, os.Rename(path, path+".damaged"))
			continue
		}
		records = append(records, r)
	}
	return records, err
}

// resume goes on with a recorded instance and returns the leftovers that are not its own.
func (k *Keeper) resume(r *record, left []leftover) []leftover {
	own, others := split(left, func(l leftover) bool { return l.nonce == r.Nonce })
	i := newInstance(k.host, r.Spec, r.Nonce)
	i.digest, i.saved = r.Digest, r.Spec
	i.machine.recall(r)
	proc := k.host.findLeader(r, own)
	if proc == nil {
		k.host.endLeftovers(i.id, own)
		k.register(i, r.resumed(k.host.bootID)...)
		return others
	}
	i.takeOver(proc)
	k.register(i, i.adoptedEvents(r)...)
	i.log.Info("instance adopted", "pid", proc.pid)
	return others
}

// recall restores what a machine remembers beyond its process.
func (m *Machine) recall(r *record) {
	m.Restarts, m.LastExit, m.Reason = r.Restarts, r.LastExit, r.Reason
	m.backoffs, m.failures, m.HealthySince = r.Backoffs, r.Failures, r.HealthySince
	if !r.Wanted && r.State != StateStopping {
		m.State = r.State
	}
}

// findLeader finds the recorded process by boot, pid and start time, or one that was spawned and not recorded.
func (h *host) findLeader(r *record, own []leftover) *process {
	if r.PID > 0 && r.BootID == h.bootID {
		if p, err := h.openProcess(r.PID, r.Start, r.Nonce, r.Spec.ID); err == nil {
			p.startedAt = r.StartedAt
			return p
		}
	}
	for _, l := range own {
		if !l.leads() {
			continue
		}
		if p, err := h.openProcess(l.stat.PID, l.stat.Start, r.Nonce, r.Spec.ID); err == nil {
			return p
		}
	}
	return nil
}

var errOtherProcess = errors.New("the pid belongs to another process by now")

// openProcess takes hold of a process and only then checks that it is the one that is meant.
func (h *host) openProcess(pid int, start uint64, nonce, id string) (*process, error) {
	pidfd, err := kernel.OpenPidfd(pid)
	if err != nil {
		return nil, err
	}
	stat, err := kernel.ReadStat(pid)
	if err == nil && stat.Start != start {
		err = errOtherProcess
	}
	if err != nil {
		return nil, errors.Join(err, pidfd.Close())
	}
	p := &process{host: h, pid: pid, start: start, pidfd: pidfd, child: stat.PPID == os.Getpid()}
	if p.child {
		h.children.mu.Lock()
		h.children.known[pid] = true
		h.children.mu.Unlock()
	}
	p.born = h.now().Add(-kernel.Age(stat))
	p.startedAt = p.born
	p.tree = h.treeOf(p, id, nonce)
	return p, nil
}

// treeOf is the tree a running process is in: the keeper that spawned it may have had no cgroups.
func (h *host) treeOf(p *process, id, nonce string) tree {
	if h.groups != nil {
		group, err := h.mount.GroupOf(p.pid)
		if err == nil && group.Dir() == h.group(id).Dir() {
			return h.newTree(id, nonce)
		}
	}
	t := h.walkedTree(nonce)
	t.bind(p)
	return t
}

// takeOver makes the instance the owner of a running process. Without its output it is still better off than dead.
func (i *instance) takeOver(p *process) {
	i.warn("open the output of an adopted process", i.openOutput())
	i.proc = p
	i.watch()
}

// adoptedEvents lead from the recorded state on: what was being stopped is stopped.
func (i *instance) adoptedEvents(r *record) []Event {
	state := r.State
	if state != StateRunning && state != StateUnhealthy {
		state = StateStarting
		if !r.Spec.Checked {
			state = StateRunning
		}
	}
	events := []Event{Adopted{State: state, StartedAt: i.proc.startedAt, HealthySince: r.healthySince(i.proc.born, i.host.now())}}
	switch {
	case r.Removing:
		return append(events, Remove{})
	case !r.Wanted:
		return append(events, Stop{})
	case r.State == StateStopping && r.Then == sequelFailed:
		return append(events, Restart{Reason: r.Reason, Unhealthy: true})
	case r.State == StateStopping && r.Then == sequelStart:
		return append(events, Restart{Reason: "was being restarted when the keeper ended"})
	}
	return events
}

// healthySince is since when a process is healthy that runs since born. The record has no more than the time of day,
// and the clock may have been put forward or back since then: no health is older than its process or begins later than now.
func (r *record) healthySince(born, now time.Time) time.Time {
	switch since := r.HealthySince; {
	case since.IsZero():
		return since
	case since.Before(born):
		return born
	case since.After(now):
		return now
	default:
		return now.Add(since.Sub(now)) // has a monotonic reading, as now does
	}
}

// resumed leads on an instance whose process is gone. A reboot starts afresh, also what was given up before it.
func (r *record) resumed(bootID string) []Event {
	rebooted := r.BootID != bootID
	switch {
	case r.Removing:
		return []Event{Remove{}}
	case !r.Wanted && r.State == StateStopping:
		return []Event{Stop{}}
	case rebooted && r.State == StateFatal && r.Spec.Restart.Policy != PolicyNever && !r.Spec.Waits:
		return []Event{Start{}}
	case !r.Wanted:
		return nil
	case rebooted && r.Spec.Waits:
		return nil
	case rebooted:
		return []Event{Start{}}
	case r.State == StateStopping && r.Then != sequelStop:
		return []Event{Swept{Then: r.Then}}
	case r.State == StateStopping: // written by a version that did not say what follows
		return []Event{Start{}}
	case r.PID > 0:
		return []Event{Lost{}}
	case r.State == StateBackoff:
		return []Event{Resumed{Backoff: true, NextStart: r.NextStart}}
	case r.Spec.Once:
		return nil
	}
	return []Event{Resumed{}}
}

// adoptUnrecorded takes back leaders whose state file is lost or damaged, with a spec read from the process itself.
// The daemon brings the full spec with its next Apply.
func (k *Keeper) adoptUnrecorded(left []leftover) error {
	var faults []error
	for len(left) > 0 {
		var own []leftover
		id := left[0].id
		own, left = split(left, func(l leftover) bool { return l.id == id })
		faults = append(faults, k.adoptLost(id, own))
	}
	return errors.Join(faults...)
}

func (k *Keeper) adoptLost(id string, own []leftover) error {
	for _, l := range own {
		if !l.leads() {
			continue
		}
		spec, err := specOf(l)
		if err != nil {
			return err
		}
		p, err := k.host.openProcess(l.stat.PID, l.stat.Start, l.nonce, id)
		if err != nil {
			continue
		}
		i := newInstance(k.host, spec, l.nonce)
		i.takeOver(p)
		k.register(i, Adopted{State: StateRunning, StartedAt: p.startedAt})
		i.log.Warn("instance without a state file adopted", "pid", p.pid)
		return nil
	}
	k.host.endLeftovers(id, own)
	return nil
}
