package procs

import (
	"errors"
	"os"
	"slices"
	"syscall"

	"aictl/procs/internal/kernel"
)

// walkedTree finds a tree without a cgroup. Descendants are reached from the leader; orphans come to the keeper,
// which is their subreaper, and are told apart by process group, by the nonce in their environment, or because an
// earlier walk saw them below the leader.
type walkedTree struct {
	host   *host
	nonce  string
	leader *process
	seen   map[int]uint64 // pid → start time
	gap    bool           // the last walk met a process that was gone when it was looked at
	doubts int            // walks in a row that found nothing and may have missed something
}

// mostDoubts bounds how often an empty walk is not believed. Where orphans cannot be told from the start, other
// programs' processes come and go in every walk.
const mostDoubts = 20

func (t *walkedTree) prepare(*syscall.SysProcAttr) (func() error, error) {
	return func() error { return nil }, nil
}

func (t *walkedTree) bind(leader *process) {
	t.leader = leader
	clear(t.seen)
}

func (t *walkedTree) ended() error  { return nil }
func (t *walkedTree) remove() error { return nil }

func (t *walkedTree) note() error {
	_, err := t.walk()
	return err
}

// empty believes a walk that found nothing only when nothing was forked meanwhile, or nothing had gone by the time it was
// looked at: a process that forks and exits between two looks hides its child from both.
func (t *walkedTree) empty() (bool, error) {
	last := kernel.LastPID()
	pids, err := t.members()
	if err != nil || len(pids) > 0 {
		t.doubts = 0
		return false, err
	}
	if !t.gap || last != 0 && kernel.LastPID() == last {
		return true, nil
	}
	t.doubts++
	return t.doubts > mostDoubts, nil
}

func (t *walkedTree) members() ([]int, error) {
	found, err := t.walk()
	pids := make([]int, 0, len(found))
	for _, stat := range found {
		pids = append(pids, stat.PID)
	}
	return pids, err
}

// kill kills by pidfd, and only what is still the process the walk saw.
func (t *walkedTree) kill() error {
	found, err := t.walk()
	for _, stat := range found {
		if fault := killExact(stat); fault != nil && !gone(fault) {
			err = errors.Join(err, fault)
		}
	}
	return err
}

// killExact sends SIGKILL to the process stat describes and to no other that got its pid since.
func killExact(stat kernel.Stat) error {
	pidfd, err := kernel.OpenPidfd(stat.PID)
	if err != nil {
		return err
	}
	now, err := kernel.ReadStat(stat.PID)
	if err == nil && now.Start == stat.Start {
		err = pidfd.Signal(syscall.SIGKILL)
	}
	return errors.Join(err, pidfd.Close())
}

// link is a process and the parent it was found below; 0 for a root.
type link struct{ pid, parent int }

// walk lists the living processes of the tree.
func (t *walkedTree) walk() ([]kernel.Stat, error) {
	t.gap = false
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	var todo []link
	for _, pid := range roots {
		todo = append(todo, link{pid: pid})
	}
	var found []kernel.Stat
	visited := make(map[int]bool)
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		stat, err := kernel.ReadStat(at.pid)
		if visited[at.pid] || err != nil || at.parent != 0 && stat.PPID != at.parent {
			t.gap = t.gap || !visited[at.pid]
			continue // seen, ended meanwhile, or orphaned and found again as a root by the next walk
		}
		visited[at.pid] = true
		if stat.Alive() {
			t.seen[at.pid] = stat.Start
			found = append(found, stat)
		}
		below, err := kernel.Children(at.pid)
		if err != nil {
			return nil, err
		}
		for _, pid := range below {
			todo = append(todo, link{pid: pid, parent: at.pid})
		}
	}
	return found, nil
}

// roots are the leader and the orphans of its tree.
func (t *walkedTree) roots() ([]int, error) {
	var roots []int
	if t.leader != nil {
		stat, err := kernel.ReadStat(t.leader.pid)
		if err == nil && stat.Start == t.leader.start {
			roots = append(roots, t.leader.pid)
		}
	}
	candidates, err := t.orphans()
	for _, pid := range candidates {
		if pid != os.Getpid() && t.owns(pid) {
			roots = append(roots, pid)
		}
	}
	return roots, err
}

// orphans are the processes that may be orphans of this tree: the keeper's own unknown children when it is
// their subreaper, else every process there is.
func (t *walkedTree) orphans() ([]int, error) {
	if !t.host.subreaper || t.leader == nil || !t.leader.child || !kernel.HaveChildren() {
		return kernel.Pids()
	}
	pids, err := kernel.Children(os.Getpid())
	return slices.DeleteFunc(pids, t.host.children.isKnown), err
}

func (t *walkedTree) owns(pid int) bool {
	stat, err := kernel.ReadStat(pid)
	if err != nil || !stat.Alive() {
		t.gap = true
		return false
	}
	if start, ok := t.seen[pid]; ok && start == stat.Start {
		return true
	}
	if t.leader != nil && t.leader.child && stat.Group == t.leader.pid {
		return true
	}
	env, err := kernel.Environ(pid)
	return err == nil && slices.Contains(env, envNonce+"="+t.nonce)
}
