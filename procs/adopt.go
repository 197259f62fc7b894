package procs

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aictl/procs/internal/cgroups"
	"aictl/procs/internal/kernel"
)

// leftover is a living process that bears the mark of this data directory.
type leftover struct {
	stat  kernel.Stat
	id    string
	nonce string
}

// leads says whether the process is the leader of a process group, as every leader is.
func (l leftover) leads() bool { return l.stat.Group == l.stat.PID }

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

// leftovers looks through all processes once.
func (h *host) leftovers() ([]leftover, error) {
	pids, err := kernel.Pids()
	var found []leftover
	for _, pid := range pids {
		if pid == os.Getpid() {
			continue
		}
		if l, ok := h.leftover(pid); ok {
			found = append(found, l)
		}
	}
	return found, err
}

func (h *host) leftover(pid int) (leftover, bool) {
	stat, err := kernel.ReadStat(pid)
	if err != nil || !stat.Alive() {
		return leftover{}, false
	}
	env, err := kernel.Environ(pid)
	l := leftover{stat: stat, id: envValue(env, envInstance), nonce: envValue(env, envNonce)}
	return l, err == nil && l.id != "" && strings.HasPrefix(l.nonce, h.mark+"-")
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
		i.killLeftovers(own)
		k.register(i, r.resumed(k.host.bootID)...)
		return others
	}
	i.takeOver(proc)
	k.register(i, i.adoptedEvents(r)...)
	i.log.Info("instance adopted", "pid", proc.pid)
	return others
}

func split(all []leftover, mine func(leftover) bool) (own, others []leftover) {
	for _, l := range all {
		if mine(l) {
			own = append(own, l)
		} else {
			others = append(others, l)
		}
	}
	return own, others
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
	p.startedAt = h.now().Add(-kernel.Age(stat))
	p.tree = h.treeOf(p, id, nonce)
	return p, nil
}

// treeOf is the tree a running process is in: the keeper that spawned it may have had no cgroups.
func (h *host) treeOf(p *process, id, nonce string) tree {
	if h.groups != nil {
		group, err := cgroups.OfProcess(p.pid)
		if err == nil && group.Dir() == h.groups.Group(escapeID(id)).Dir() {
			return h.newTree(id, nonce)
		}
	}
	t := &walkedTree{host: h, nonce: nonce, seen: make(map[int]uint64)}
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
	events := []Event{Adopted{State: state, StartedAt: i.proc.startedAt, HealthySince: r.HealthySince}}
	switch {
	case r.Removing:
		return append(events, Remove{})
	case !r.Wanted:
		return append(events, Stop{})
	case r.State == StateStopping:
		return append(events, Restart{Reason: "was being restarted when the keeper ended"})
	}
	return events
}

// resumed leads on an instance whose process is gone.
func (r *record) resumed(bootID string) []Event {
	switch {
	case r.Removing:
		return []Event{Remove{}}
	case !r.Wanted && r.State == StateStopping:
		return []Event{Stop{}}
	case !r.Wanted:
		return nil
	case r.PID > 0 && r.BootID == bootID && r.State != StateStopping:
		return []Event{Lost{}}
	}
	return []Event{Start{}}
}

// killLeftovers ends what a dead leader left, by verified identity only, and returns when it is gone.
func (i *instance) killLeftovers(own []leftover) {
	for _, l := range own {
		i.log.Warn("killing a process its leader left", "pid", l.stat.PID)
		i.warn("kill leftover", ignoreGone(killExact(l.stat)))
	}
	empty := func() bool { return !anyAlive(own) }
	if i.host.groups != nil {
		group := i.host.groups.Group(escapeID(i.id))
		i.warn("kill leftovers", group.Kill())
		empty = func() bool {
			populated, err := group.Populated()
			return err == nil && !populated && !anyAlive(own)
		}
	}
	for pause := sweepFirst; !empty() && pause < sweepWarn; pause *= 2 {
		time.Sleep(pause)
	}
	i.warn("remove the old cgroup", i.host.newTree(i.id, i.nonce).remove())
}

func anyAlive(all []leftover) bool {
	for _, l := range all {
		if stat, err := kernel.ReadStat(l.stat.PID); err == nil && stat.Start == l.stat.Start && stat.Alive() {
			return true
		}
	}
	return false
}

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
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
	for _, l := range own {
		k.host.log.Warn("killing a process whose instance is unknown", "instance", id, "pid", l.stat.PID)
		if err := killExact(l.stat); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// specOf reads back what a process was started with. Policies and log are the defaults.
func specOf(l leftover) (*Spec, error) {
	argv, err := kernel.Cmdline(l.stat.PID)
	if err != nil {
		return nil, err
	}
	env, err := kernel.Environ(l.stat.PID)
	if err != nil {
		return nil, err
	}
	dir, err := os.Readlink("/proc/" + strconv.Itoa(l.stat.PID) + "/cwd")
	if err != nil {
		return nil, err
	}
	spec := &Spec{ID: l.id, Argv: argv, Dir: dir, Env: withoutMarks(env)}
	if port, err := strconv.Atoi(envValue(env, "PORT")); err == nil {
		spec.Port = port
	}
	return spec, spec.Validate()
}

// endOldDaemon ends the daemon of a keeper that was killed: two must not share one database.
func (k *Keeper) endOldDaemon(left []leftover) []leftover {
	own, others := split(left, func(l leftover) bool { return l.id == childID })
	grace := time.Duration(0)
	if k.child != nil {
		grace = k.child.spec.Grace
	}
	for _, l := range own {
		if l.leads() {
			k.host.endLeader(l, grace)
		}
	}
	for _, l := range own {
		if err := killExact(l.stat); err != nil && !gone(err) {
			k.host.log.Warn("kill what the old daemon left", "pid", l.stat.PID, "err", err)
		}
	}
	return others
}

// endLeader tells a process to stop, gives it its time and returns when it is gone or has had it.
func (h *host) endLeader(l leftover, grace time.Duration) {
	p, err := h.openProcess(l.stat.PID, l.stat.Start, l.nonce, l.id)
	if err != nil {
		return // gone meanwhile
	}
	h.log.Warn("ending the daemon of an earlier keeper", "pid", p.pid)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.pidfd.Wait(); err != nil {
			h.log.Debug("wait for the old daemon", "err", err)
		}
	}()
	err = p.pidfd.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(grace):
		err = errors.Join(err, p.kill())
		<-ended
	}
	if err = errors.Join(err, p.release()); err != nil {
		h.log.Warn("end the old daemon", "pid", p.pid, "err", err)
	}
}
