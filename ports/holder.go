package ports

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder is a program that listens on a port.
type Holder struct {
	PID     int    // 0 when it belongs to another user and may not be looked up
	Command string // the kernel's name of the program, at most 15 bytes
	UID     int
}

func (h Holder) String() string {
	if h.PID == 0 {
		return fmt.Sprintf("a program of user %d", h.UID)
	}
	return fmt.Sprintf("%s (pid %d)", h.Command, h.PID)
}

// FindHolder says who listens on a TCP port of this machine; ok is false when nobody does.
func FindHolder(port int) (h Holder, ok bool) {
	inodes := map[string]int{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if table, err := os.ReadFile(name); err == nil { // tcp6 is absent without IPv6
			listeners(table, port, inodes)
		}
	}
	for inode, uid := range inodes {
		h, ok = Holder{UID: uid}, true
		if pid := socketOwner(inode); pid != 0 {
			h.PID, h.Command = pid, command(pid)
			return h, true
		}
	}
	return h, ok
}

func (linux) holder(port int) string {
	h, ok := FindHolder(port)
	if !ok {
		return ""
	}
	return h.String()
}

// listeners adds the sockets that listen on port, as user by inode, from a table in the form of /proc/net/tcp.
func listeners(table []byte, port int, inodes map[string]int) {
	const listen = "0A"
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) < 10 || f[3] != listen {
			continue
		}
		at := strings.LastIndexByte(f[1], ':')
		found, err := strconv.ParseUint(f[1][at+1:], 16, 16)
		if err != nil || int(found) != port {
			continue
		}
		if uid, err := strconv.Atoi(f[7]); err == nil {
			inodes[f[9]] = uid
		}
	}
}

// socketOwner looks through the descriptors of every process we may look into; 0 when none has the socket.
func socketOwner(inode string) int {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	want := "socket:[" + inode + "]"
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != want {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
			return pid
		}
	}
	return 0
}

func command(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(name))
}
