package procs

import (
	"errors"
	"os"
	"syscall"

	"aictl/procs/internal/cgroups"
	"aictl/procs/internal/kernel"
)

// tree is every process that descends from one leader, wherever it went.
type tree interface {
	// prepare makes ready for a spawn; done ends the preparation whether or not the spawn worked.
	prepare(attr *syscall.SysProcAttr) (done func() error, err error)
	// bind says who the leader is.
	bind(leader *process)
	// note remembers who belongs to the tree while the leader can still be asked.
	note() error
	// empty says that no process of the tree is alive.
	empty() (bool, error)
	// members lists living processes of the tree.
	members() ([]int, error)
	// kill sends SIGKILL to the living processes of the tree, once.
	kill() error
	// ended takes note that nothing of the tree is left, its leader reaped.
	ended() error
	// remove drops what the tree left in the kernel.
	remove() error
}

func (h *host) newTree(id, nonce string) tree {
	if h.groups != nil {
		return &groupTree{group: h.group(id)}
	}
	return h.walkedTree(nonce)
}

func (h *host) walkedTree(nonce string) tree {
	return &walkedTree{host: h, nonce: nonce, seen: make(map[int]uint64)}
}

// group is the cgroup of one instance; the prefix keeps it apart from the kernel's own files.
func (h *host) group(id string) cgroups.Group { return h.groups.Group(groupName(id)) }

func groupName(id string) string { return "svc-" + escapeID(id) }

// groupAlive says whether a living process is still in the leader's process group.
func (p *process) groupAlive() (bool, error) {
	pids, err := p.tree.members()
	for _, pid := range pids {
		stat, err := kernel.ReadStat(pid)
		if err == nil && stat.Group == p.pid && stat.Alive() {
			return true, nil
		}
		if err != nil && !gone(err) {
			return false, err
		}
	}
	return false, err
}

// gone says that an error only means that the process has ended meanwhile.
func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// groupTree keeps a tree together with a cgroup: nothing can leave it, and one write kills all of it.
type groupTree struct {
	group  cgroups.Group
	killed bool
}

func (t *groupTree) prepare(attr *syscall.SysProcAttr) (func() error, error) {
	if err := t.group.Create(); err != nil {
		return nil, err
	}
	fd, err := t.group.OpenDir()
	if err != nil {
		return nil, err
	}
	attr.UseCgroupFD, attr.CgroupFD = true, fd
	return func() error { return syscall.Close(fd) }, nil
}

func (t *groupTree) bind(*process)           {}
func (t *groupTree) note() error             { return nil }
func (t *groupTree) members() ([]int, error) { return t.group.Pids() }
func (t *groupTree) remove() error           { return t.group.Remove() }

func (t *groupTree) empty() (bool, error) {
	populated, err := t.group.Populated()
	return !populated, err
}

func (t *groupTree) kill() error {
	t.killed = true
	return t.group.Kill()
}

// ended removes a group that was ever killed: Linux 6.14 and later kill whatever is cloned into such a group from
// outside it (the child's kill count is compared with that of its parent's group).
func (t *groupTree) ended() error {
	if !t.killed {
		return nil
	}
	return t.group.Remove()
}
