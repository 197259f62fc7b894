package services

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/health"
)

// hintAfter is how long a process is left alone that has not begun to listen: most take a while, and looking through
// the machine's sockets costs the more the more services there are.
const hintAfter = time.Second

// elsewhere is asked now: an unhealthy process is about to be restarted.
func (m *Manager) elsewhere(r health.Report) string {
	m.mu.Lock()
	i, ok := m.instances[r.ID]
	if !ok || i.status.PID != r.PID {
		m.mu.Unlock()
		return ""
	}
	port, age := i.Port, r.At.Sub(i.status.StartedAt)
	m.mu.Unlock()
	if r.Verdict == health.Starting && age < hintAfter {
		return ""
	}
	return elsewhere(r.Reason, r.PID, port)
}

// elsewhere names the ports that a process listens on when nothing answers on its own.
func elsewhere(reason string, pid, port int) string {
	if !strings.Contains(reason, "nothing listens") {
		return ""
	}
	others := slices.DeleteFunc(listening(pid), func(p int) bool { return p == port })
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("; it listens on %s instead of $PORT (%d)", joinInts(others), port)
}

// listening are the TCP ports that a process or one of its descendants listens on, sorted. It reads /proc and is meant
// for explaining a failure, not for polling. What cannot be read is left out.
func listening(pid int) []int {
	if pid == 0 {
		return nil
	}
	byInode := map[string]int{}
	for _, table := range []string{"tcp", "tcp6"} {
		readTable(filepath.Join("/proc", strconv.Itoa(pid), "net", table), byInode)
	}
	var ports []int
	for _, p := range family(pid) {
		fds, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p), "fd", "*"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			target, err := os.Readlink(fd)
			inode, isSocket := strings.CutPrefix(target, "socket:[")
			if err != nil || !isSocket {
				continue
			}
			if port, ok := byInode[strings.TrimSuffix(inode, "]")]; ok {
				ports = append(ports, port)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// readTable adds the listening sockets of a /proc/net/tcp file: inode → port.
func readTable(path string, byInode map[string]int) {
	const listen = "0A"
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Fields(lines.Text())
		if len(field) < 10 || field[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(field[1], ":")
		if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
			byInode[field[9]] = int(port)
		}
	}
}

// family is a process and all its descendants.
func family(pid int) []int {
	all := []int{pid}
	for k := 0; k < len(all); k++ {
		lists, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(all[k]), "task", "*", "children"))
		if err != nil {
			continue
		}
		for _, list := range lists {
			data, err := os.ReadFile(list)
			if err != nil {
				continue
			}
			for _, word := range strings.Fields(string(data)) {
				if child, err := strconv.Atoi(word); err == nil && !slices.Contains(all, child) {
					all = append(all, child)
				}
			}
		}
	}
	return all
}
