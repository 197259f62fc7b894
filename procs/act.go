package procs

import (
	"errors"
	"fmt"
	"syscall"

	"aictl/procs/internal/kernel"
)

// act does one action of the machine. What comes of it is a further event, now (pending) or later (inbox).
func (i *instance) act(a Action) {
	switch a.Kind {
	case ActSpawn:
		i.spawn()
	case ActSignal:
		i.signal(a.Signal)
	case ActKillTree, ActAwaitTree:
		i.endTree(a.Kind == ActKillTree)
	case ActArm:
		i.arm(a.Timer, a.Delay)
	case ActCancel:
		i.timer.Stop()
	case ActReport:
		i.changed = true
	case ActForget:
		i.forget()
	}
}

func (i *instance) spawn() {
	err := i.openOutput()
	if err == nil {
		i.saveIntent()
		i.digest = i.spec.Digest()
		err = i.host.limited(i.startLeader)
	}
	if err != nil {
		i.log.Warn("instance did not start", "err", err)
		i.pending = append(i.pending, SpawnFailed{Err: err})
		return
	}
	i.watch()
	i.log.Info("instance started", "pid", i.proc.pid)
	i.pending = append(i.pending, Spawned{})
}

func (i *instance) startLeader() (err error) {
	var ends [2]int
	for n, s := range i.streams {
		if ends[n], err = kernel.OpenFIFOWriter(s.path); err != nil {
			return errors.Join(err, closeAll(ends[:n]))
		}
	}
	spec := i.spec
	i.proc, err = i.host.spawn(command{
		id: i.id, argv: spec.Argv, dir: spec.Dir, env: spec.Env, nonce: i.nonce, stdout: ends[0], stderr: ends[1],
		limits: spec.Limits, launch: spec.Launch,
	})
	return errors.Join(err, closeAll(ends[:]))
}

func closeAll(fds []int) error {
	var faults []error
	for _, fd := range fds {
		faults = append(faults, syscall.Close(fd))
	}
	return errors.Join(faults...)
}

// watch posts the leader's end to the inbox.
func (i *instance) watch() {
	proc := i.proc
	proc.id, proc.limits = i.id, i.spec.Limits
	i.warn("find the limits", proc.findLimiter())
	proc.watch(func(exit Exit) {
		i.post(message{event: Exited{Exit: exit}, from: proc})
	})
	i.warn("watch the limits", proc.watchOOM(func() {
		i.post(message{query: func() { i.outOfMemory(proc) }})
	}))
}

// outOfMemory ends the rest of a tree of which the kernel killed a part: a leader whose workers are gone looks healthy and
// is not. The exit that follows tells why.
func (i *instance) outOfMemory(proc *process) {
	if i.proc == proc && i.machine.phase == phaseAlive {
		i.log.Warn("out of memory: the rest of the instance is ended", "limit", proc.limits.Memory)
		i.warn("kill", proc.kill())
	}
}

// post hands a message over unless the instance is gone.
func (i *instance) post(msg message) bool {
	select {
	case i.inbox <- msg:
		return true
	case <-i.quit:
	case <-i.done:
	}
	return false
}

func (i *instance) signal(name string) {
	sig, err := ParseSignal(name)
	if err != nil {
		sig = syscall.SIGTERM
	}
	i.warn("note descendants", i.proc.tree.note())
	i.warn("send stop signal", i.proc.signalGroup(sig))
}

// endTree ends what is left of the process tree. While the leader lives it is a single blow, the rest follows
// when the leader's exit is known.
func (i *instance) endTree(kill bool) {
	if i.machine.phase == phaseAlive {
		i.warn("kill", i.proc.kill())
		return
	}
	i.logExit()
	if i.sweep != nil {
		i.sweep.kill()
		return
	}
	i.sweep = newSweep(i.proc, kill)
	if i.sweep.once() {
		i.collect()
		i.pending = append(i.pending, TreeGone{})
		return
	}
	proc := i.proc
	i.sweep.start(func() { i.post(message{event: TreeGone{}, from: proc}) }, i.log)
	i.changed = true
}

// collect takes what the dead tree left: its last output and the leader's pid.
func (i *instance) collect() {
	i.sweep = nil
	for _, s := range i.streams {
		if s != nil {
			i.warn("drain output", s.drain())
		}
	}
	i.warn("reap", i.proc.release())
	i.proc = nil
}

func (i *instance) logExit() {
	exit := i.machine.LastExit
	if i.sweep != nil || exit == nil {
		return
	}
	i.log.Info("instance exited", "pid", i.proc.pid, "how", describeExit(*exit))
}

// forget removes every trace. Nothing of the tree is left when it is called.
func (i *instance) forget() {
	i.closeOutput()
	i.warn("remove traces", i.removeFiles())
	i.warn("remove cgroup", i.host.newTree(i.id, i.nonce).remove())
	neverRan := process{host: i.host, id: i.id, limits: i.spec.Limits}
	i.warn("remove the groups of limits", neverRan.endLimits())
	status := i.current()
	status.State, status.Reason = StateRemoved, ""
	i.host.feed.publish(&status)
	i.status.Store(&status)
	i.gone = true
}

func (i *instance) stale(v *Verdict) error {
	return fmt.Errorf("verdict on %s, process %d: %w", i.id, v.PID, ErrStale)
}

// userSignal sends a signal on somebody's wish; what comes of it is seen like any other event.
func (i *instance) userSignal(sig syscall.Signal, group bool) error {
	if i.proc == nil {
		return fmt.Errorf("signal %s: %w", i.id, ErrNotRunning)
	}
	if group {
		return i.proc.signalGroup(sig)
	}
	err := i.proc.pidfd.Signal(sig)
	if errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", i.id, ErrNotRunning)
	}
	return err
}
