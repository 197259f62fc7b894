package daemon_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// found is a living process of a rig as /proc tells.
type found struct {
	pid, parent int
	start       uint64 // in clock ticks since boot
	instance    string // whose process it is; empty for keeper and daemon
	childOf     int    // the leader that a child names on its command line
	args        string
}

// scan is one look at the rig's processes.
type scan struct {
	all     []found
	leaders map[string][]found // by instance
	forked  map[string][]found // children of leaders, by instance
	keepers []int
	daemons []int
	zombies []string
}

// look reads /proc once. Processes older than this test are nobody of the rig's; a zombie is the rig's when its parent is.
func (r *rig) look(since uint64) (scan, error) {
	s := scan{leaders: map[string][]found{}, forked: map[string][]found{}}
	names, err := os.ReadDir("/proc")
	if err != nil {
		return s, err
	}
	dead := map[int]int{} // zombie → parent
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		state, parent, start := statOf(pid)
		switch {
		case start < since:
		case state == 'Z':
			dead[pid] = parent
		default:
			if p, ok := r.own(pid); ok {
				p.parent, p.start = parent, start
				s.all = append(s.all, p)
			}
		}
	}
	mine := map[int]found{}
	for _, p := range s.all {
		mine[p.pid] = p
	}
	for _, p := range s.all {
		s.sort(p, mine[p.parent])
	}
	for pid, parent := range dead {
		if _, ok := mine[parent]; ok {
			s.zombies = append(s.zombies, fmt.Sprintf("%d, child of %v", pid, mine[parent].args))
		}
	}
	return s, nil
}

// sort files a process. One that was forked and has not become another program yet looks like its parent and is left out.
func (s *scan) sort(p, parent found) {
	switch {
	case p.childOf != 0:
		s.forked[p.instance] = append(s.forked[p.instance], p)
	case parent.pid != 0 && parent.args == p.args:
	case p.instance != "" && p.instance == parent.instance:
		s.forked[p.instance] = append(s.forked[p.instance], p)
	case strings.Contains(p.args, " --worker"):
		s.daemons = append(s.daemons, p.pid)
	case p.instance == "":
		s.keepers = append(s.keepers, p.pid)
	default:
		s.leaders[p.instance] = append(s.leaders[p.instance], p)
	}
}

// own reads what belongs to a process of the rig.
func (r *rig) own(pid int) (found, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	env, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil || !bytes.Contains(env, []byte("HOME="+r.dir+"\x00")) {
		return found{}, false
	}
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(args) == 0 {
		return found{}, false
	}
	words := strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")
	p := found{pid: pid, args: strings.Join(words, " ")}
	for kv := range strings.SplitSeq(string(env), "\x00") {
		if id, ok := strings.CutPrefix(kv, "AICTL_INSTANCE="); ok && id != ".daemon" {
			p.instance = id
		}
	}
	for n, word := range words {
		if word == "-child" && n+1 < len(words) {
			if leader, err := strconv.Atoi(words[n+1]); err == nil {
				p.childOf = leader
			}
		}
	}
	return p, true
}

// statOf is the state, parent and start time of a process; zeros when there is none.
func statOf(pid int) (state byte, parent int, start uint64) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	at := bytes.LastIndexByte(line, ')')
	if err != nil || at < 0 {
		return 0, 0, 0
	}
	fields := strings.Fields(string(line[at+1:]))
	if len(fields) < 20 {
		return 0, 0, 0
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return 0, 0, 0
	}
	if start, err = strconv.ParseUint(fields[19], 10, 64); err != nil {
		return 0, 0, 0
	}
	return fields[0][0], parent, start
}

// alive says whether it is still there, and not as a zombie.
func (p found) alive() bool {
	state, _, start := statOf(p.pid)
	return start == p.start && state != 'Z' && state != 'X' && state != 0
}

// openFilesOf is how many descriptors a process has.
func openFilesOf(pid int) int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0
	}
	return len(entries)
}

// listening are the sockets that listen on the rig's ports: port → inodes.
func (r *rig) listening() (map[int][]string, error) {
	const stateListen = "0A"
	ports := map[int][]string{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // a machine without IPv6
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != stateListen {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			port, err := strconv.ParseInt(hex, 16, 32)
			if err == nil && int(port) >= r.ports.First && int(port) <= r.ports.Last {
				ports[int(port)] = append(ports[int(port)], f[9])
			}
		}
	}
	return ports, nil
}

// holders are the processes that have each socket open: inode → pids.
func holders(all []found) map[string][]int {
	held := map[string][]int{}
	for _, p := range all {
		dir := fmt.Sprintf("/proc/%d/fd", p.pid)
		names, err := os.ReadDir(dir)
		if err != nil {
			continue // ended meanwhile
		}
		for _, name := range names {
			to, err := os.Readlink(filepath.Join(dir, name.Name()))
			inode, ok := strings.CutPrefix(strings.TrimSuffix(to, "]"), "socket:[")
			if err == nil && ok && !slices.Contains(held[inode], p.pid) {
				held[inode] = append(held[inode], p.pid)
			}
		}
	}
	return held
}

// twice finds an instance with two leaders alive at one moment. A scan takes a while, so that both are looked at once more.
func (s *scan) twice() string {
	for id, leaders := range s.leaders {
		if len(leaders) > 1 && leaders[0].alive() && leaders[1].alive() {
			return fmt.Sprintf("%s runs twice: %+v", id, leaders)
		}
	}
	return ""
}

// instances are those that have any process.
func (s *scan) instances() map[string]bool {
	ids := map[string]bool{}
	for id := range maps.Keys(s.leaders) {
		ids[id] = true
	}
	for id := range maps.Keys(s.forked) {
		ids[id] = true
	}
	return ids
}

// frozen says whether every thread of a process is stopped by a signal.
func frozen(pid int) bool {
	state, _, _ := statOf(pid)
	return state == 'T'
}

// awaitGone waits until a process has ended, be it as a zombie.
func (r *rig) awaitGone(p found) {
	r.t.Helper()
	r.until(fmt.Sprintf("process %d has ended", p.pid), func() bool { return !p.alive() })
}

// hit signals a process that may just have ended by itself.
func (r *rig) hit(pid int, sig syscall.Signal) {
	r.t.Helper()
	if err := r.signalOwn(pid, sig); err != nil {
		r.t.Logf("signal %d to %d: %v", sig, pid, err)
	}
}
