package daemon_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a living process of a rig.
type process struct {
	pid  int
	args string
}

func (p process) String() string { return fmt.Sprintf("%d (%s)", p.pid, p.args) }

// processes are all living processes of the rig, whoever their parents are. Zombies are none.
func (r *rig) processes() []process {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		r.t.Fatal(err)
	}
	var found []process
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte("HOME="+r.dir+"\x00")) {
			continue // gone, or somebody else's
		}
		args, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		pid, numErr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && numErr == nil && len(args) > 0 {
			found = append(found, process{pid, strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " ")})
		}
	}
	return found
}

// running are the rig's processes whose command line has every one of the words.
func (r *rig) running(words ...string) (pids []int) {
	for _, p := range r.processes() {
		all := true
		for _, w := range words {
			all = all && strings.Contains(p.args, w)
		}
		if all {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// signal sends a signal to a process after making sure that it is the rig's.
func (r *rig) signal(pid int, sig syscall.Signal) {
	r.t.Helper()
	if err := r.signalOwn(pid, sig); err != nil {
		r.t.Fatalf("signal %d: %v", pid, err)
	}
}

func (r *rig) signalOwn(pid int, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	env, err := environ(pid)
	if err != nil {
		return err
	}
	if !bytes.Contains(env, []byte("HOME="+r.dir+"\x00")) {
		return errors.New("not a process of this test")
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// environ reads a process's environment, which is empty for a moment while it becomes another program.
func environ(pid int) (env []byte, err error) {
	for end := time.Now().Add(2 * time.Second); len(env) == 0 && err == nil && time.Now().Before(end); {
		env, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	}
	return env, err
}

// killAll kills the rig's processes until there are none and returns how many there were at first.
func (r *rig) killAll() int {
	first := r.processes()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		left := r.processes()
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			if err := r.signalOwn(p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, os.ErrNotExist) {
				r.t.Errorf("kill %v: %v", p, err)
			}
		}
	}
	return len(first)
}

// cgroups are the folders of the cgroups v2 that the keeper's children are in, below the one of this test.
func (r *rig) cgroups() (dirs []string) {
	own := groupOf("self")
	for _, p := range r.processes() {
		if g := groupOf(strconv.Itoa(p.pid)); g != own && g != "" {
			dirs = append(dirs, filepath.Join("/sys/fs/cgroup/unified", g), filepath.Join("/sys/fs/cgroup", g))
		}
	}
	return dirs
}

func groupOf(pid string) string {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if g, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return g
		}
	}
	return ""
}

func reachable(url string) bool {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
