package procs

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

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

// endLeftovers ends what a dead leader left, by verified identity only, and returns when it is gone.
func (h *host) endLeftovers(id string, own []leftover) {
	warn := func(doing string, err error) {
		if err != nil {
			h.log.Warn("instance trouble", "instance", id, "doing", doing, "err", err)
		}
	}
	for _, l := range own {
		h.log.Warn("killing a process its leader left", "instance", id, "pid", l.stat.PID)
		warn("kill leftover", ignoreGone(killExact(l.stat)))
	}
	empty := func() bool { return !anyAlive(own) }
	if h.groups != nil {
		warn("kill leftovers", h.group(id).Kill())
		empty = func() bool {
			populated, err := h.group(id).Populated()
			return err == nil && !populated && !anyAlive(own)
		}
	}
	for pause := sweepFirst; !empty() && pause < sweepWarn; pause *= 2 {
		time.Sleep(pause)
	}
	warn("remove the old cgroup", h.newTree(id, "").remove())
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
	if spec.Launch, err = launchOf(l.stat.PID); err != nil {
		return nil, err
	}
	if port, err := strconv.Atoi(envValue(env, "PORT")); err == nil {
		spec.Port = port
	}
	return spec, spec.Validate()
}

// endOldDaemon ends the daemon of a keeper that was killed, in an upgrade both of them: two must not share one database.
func (k *Keeper) endOldDaemon(left []leftover) []leftover {
	own, others := split(left, func(l leftover) bool { return strings.HasPrefix(l.id, childID) })
	grace := time.Duration(0)
	if k.child != nil {
		grace = k.child.spec.Grace
	}
	var leaders sync.WaitGroup
	for _, l := range own {
		if l.leads() {
			leaders.Go(func() { k.host.endLeader(l, grace) })
		}
	}
	leaders.Wait()
	for len(own) > 0 {
		id := own[0].id
		var same []leftover
		same, own = split(own, func(l leftover) bool { return l.id == id })
		k.host.endLeftovers(id, slices.DeleteFunc(same, func(l leftover) bool { return !anyAlive([]leftover{l}) }))
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
