package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Stat is one line of /proc/<pid>/stat. Start is the start time in clock ticks since boot: together with the pid
// and the boot id it names one process for ever.
type Stat struct {
	PID, PPID, Group, Session int
	State                     byte
	Start                     uint64
	CPUTicks, ChildCPUTicks   uint64
	ResidentPages             int64
	exitStatus                int64
}

// Exit is how a zombie ended; for the living, and for processes of other users, it is ErrExitUnknown.
func (s Stat) Exit() (Exit, error) {
	var uid int
	info, err := os.Stat("/proc/" + strconv.Itoa(s.PID))
	if err == nil {
		uid = int(info.Sys().(*syscall.Stat_t).Uid)
	}
	if err != nil || s.State != 'Z' || os.Geteuid() != 0 && os.Geteuid() != uid {
		return Exit{}, ErrExitUnknown
	}
	return exitOf(syscall.WaitStatus(s.exitStatus)), nil
}

// Alive is false for zombies and the dead.
func (s Stat) Alive() bool { return s.State != 'Z' && s.State != 'X' && s.State != 'x' }

// TicksPerSecond is USER_HZ, which Linux fixes at 100 on every architecture Go supports.
const TicksPerSecond = 100

// ReadStat reads the Stat of pid; os.ErrNotExist when there is no such process.
func ReadStat(pid int) (Stat, error) {
	var buf [1024]byte // a line has 52 fields, most of them one digit; it comes with one read
	data, err := ReadSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(data)
}

// Resident is the memory of a process in pages, 0 for a zombie. It costs half of what ReadStat does, which looks at the
// process's threads and stack.
func Resident(pid int) (pages int64, err error) {
	var buf [256]byte
	data, err := ReadSmall("/proc/"+strconv.Itoa(pid)+"/statm", buf[:])
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(data, []byte{' '})
	second, _, ok := bytes.Cut(rest, []byte{' '})
	if !ok {
		return 0, fmt.Errorf("statm of %d: %q", pid, data)
	}
	return strconv.ParseInt(string(second), 10, 64)
}

// ParseStat reads a stat line. The command name stands in brackets and may itself hold blanks and brackets.
func ParseStat(line []byte) (Stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return Stat{}, fmt.Errorf("stat line %.40q has no command name", line)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line[:open])))
	if err != nil {
		return Stat{}, fmt.Errorf("stat line %.40q: %w", line, err)
	}
	fields := bytes.Fields(line[end+1:])
	if len(fields) < 22 {
		return Stat{}, fmt.Errorf("stat line of %d has %d fields, want 22 or more", pid, len(fields))
	}
	var faults []error
	number := func(i int) int64 {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		faults = append(faults, err)
		return n
	}
	stat := Stat{
		PID: pid, State: fields[0][0], PPID: int(number(1)), Group: int(number(2)), Session: int(number(3)),
		CPUTicks: uint64(number(11) + number(12)), ChildCPUTicks: uint64(number(13) + number(14)),
		Start: uint64(number(19)), ResidentPages: number(21),
	}
	if len(fields) >= 50 {
		stat.exitStatus = number(49)
	}
	return stat, errors.Join(faults...)
}

// Pids lists every process there is.
func Pids() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, errors.Join(err, dir.Close())
}

// Children lists the children of every thread of pid. A pid that is gone has none. It needs a kernel with
// CONFIG_PROC_CHILDREN, see HaveChildren.
func Children(pid int) ([]int, error) {
	base := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(base)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, thread := range threads {
		data, err := os.ReadFile(base + thread.Name() + "/children")
		if err != nil {
			continue // the thread ended meanwhile; its children moved to another thread
		}
		for field := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids, nil
}

// Environ reads the environment pid was executed with.
func Environ(pid int) ([]string, error) {
	return readList(pid, "environ")
}

// Cmdline reads the arguments pid was executed with.
func Cmdline(pid int) ([]string, error) {
	return readList(pid, "cmdline")
}

func readList(pid int, name string) ([]string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(string(data), "\x00")
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\x00"), nil
}

// BootID names this boot of the machine.
func BootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}

// HaveChildren says whether this kernel has /proc/<pid>/task/<tid>/children.
func HaveChildren() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
}

// Age is how long ago the process started, to a hundredth of a second.
func Age(s Stat) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano()) - time.Duration(s.Start)*(time.Second/TicksPerSecond)
}

// OpenFiles counts the descriptors of a process. Since Linux 6.2 the size of the folder is their number; before, they are
// listed. Processes of other users are an error.
func OpenFiles(pid int) (int, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	info, err := os.Stat(dir)
	if err == nil && info.Size() > 0 && unix.Access(dir, unix.R_OK) == nil {
		return int(info.Size()), nil
	}
	names, err := os.ReadDir(dir)
	return len(names), err
}

// LastPID is the pid that was given out last; as long as it stays, nothing was forked. 0 when it cannot be read.
func LastPID() int {
	data, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 5 {
		return 0
	}
	pid, err := strconv.Atoi(fields[4])
	if err != nil {
		return 0
	}
	return pid
}

// Owner is the effective user and group of a process.
func Owner(pid int) (uid, gid int, err error) {
	path := "/proc/" + strconv.Itoa(pid) + "/status"
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	found := 0
	for line := range strings.Lines(string(data)) {
		for key, id := range map[string]*int{"Uid:": &uid, "Gid:": &gid} {
			fields := strings.Fields(line) // real, effective, saved, file system
			if len(fields) < 3 || fields[0] != key {
				continue
			}
			if *id, err = strconv.Atoi(fields[2]); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", path, err)
			}
			found++
		}
	}
	if found != 2 {
		return 0, 0, fmt.Errorf("%s names no user and group", path)
	}
	return uid, gid, nil
}
