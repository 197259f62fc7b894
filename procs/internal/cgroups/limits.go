package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of one group; zero values mean none. Memory is in bytes, CPUs in processors.
type Limits struct {
	Memory int64
	CPUs   float64
	Pids   int
}

// cpuPeriod is the kernel's default period of a CPU quota in µs.
const cpuPeriod = 100_000

// Limiter holds one instance's groups: the version 2 group, and one in each version 1 controller there is.
type Limiter struct {
	group Group
	v1    map[string]string // controller → directory
}

// NewLimiter finds the controllers' groups called tree/name below this process's own. group is the instance's version 2
// group; its zero value means that there is none.
func NewLimiter(group Group, tree, name string) (Limiter, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Limiter{}, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Limiter{}, err
	}
	l := Limiter{group: group, v1: make(map[string]string)}
	for controller, dir := range parseControllers(string(mounts), string(own)) {
		l.v1[controller] = filepath.Join(dir, tree, name)
	}
	return l, nil
}

// LimiterOf finds the groups called name that the process pid is in, wherever an earlier keeper made them. group is its version 2
// group, as for NewLimiter.
func LimiterOf(pid int, group Group, name string) (Limiter, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Limiter{}, err
	}
	its, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return Limiter{}, err
	}
	l := Limiter{group: group, v1: parseControllers(string(mounts), string(its))}
	maps.DeleteFunc(l.v1, func(_, dir string) bool { return filepath.Base(dir) != name })
	return l, nil
}

// parseControllers finds this process's own directory in each version 1 hierarchy that can limit something.
func parseControllers(mounts, own string) map[string]string {
	paths := make(map[string]string)
	for line := range strings.Lines(own) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) == 3 {
			for controller := range strings.SplitSeq(parts[1], ",") {
				paths[controller] = parts[2]
			}
		}
	}
	dirs := make(map[string]string)
	for line := range strings.Lines(mounts) {
		head, tail, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(head), strings.Fields(tail)
		if len(fields) < 5 || len(kind) < 3 || kind[0] != "cgroup" {
			continue
		}
		for controller := range strings.SplitSeq(kind[2], ",") {
			path, known := paths[controller]
			rel, inside := within(unescape(fields[3]), path)
			if known && inside && (controller == "memory" || controller == "cpu" || controller == "pids") {
				dirs[controller] = filepath.Join(unescape(fields[4]), rel)
			}
		}
	}
	return dirs
}

// Prepare makes the groups and writes the limits. entries are the version 1 files a thread writes 0 to before it forks
// the leader; faults says by limit what could not be had.
func (l Limiter) Prepare(want Limits) (entries []string, faults map[string]error) {
	faults = make(map[string]error)
	set := func(wanted bool, limit, controller, file2, value2, file1, value1 string) {
		if !wanted {
			return
		}
		entry, err := l.set(controller, file2, value2, file1, value1)
		if err != nil {
			faults[limit] = err
		} else if entry != "" {
			entries = append(entries, entry)
		}
	}
	memory, pids := strconv.FormatInt(want.Memory, 10), strconv.Itoa(want.Pids)
	quota := strconv.Itoa(max(int(want.CPUs*cpuPeriod), 1000)) // the kernel takes no less than 1 ms
	set(want.Memory > 0, "memory", "memory", "memory.max", memory, "memory.limit_in_bytes", memory)
	set(want.CPUs > 0, "cpus", "cpu", "cpu.max", quota+" "+strconv.Itoa(cpuPeriod), "cpu.cfs_quota_us", quota)
	set(want.Pids > 0, "pids", "pids", "pids.max", pids, "pids.max", pids)
	if want.Memory > 0 && l.group.dir != "" && faults["memory"] == nil {
		// All or nothing: a leader whose workers are gone looks healthy and is not. Where the file is missing, version 1 limits.
		if err := writeControl(filepath.Join(l.group.dir, "memory.oom.group"), "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults["memory"] = err
		}
	}
	return entries, faults
}

// set writes one limit where its controller is. The entry is "" for version 2, where the leader is cloned into its group.
func (l Limiter) set(controller, file2, value2, file1, value1 string) (entry string, err error) {
	if l.group.dir != "" {
		err := writeControl(filepath.Join(l.group.dir, file2), value2)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	dir, ok := l.v1[controller]
	if !ok {
		return "", fmt.Errorf("the %s controller is neither in this cgroup v2 tree nor mounted as v1; run aictl as root, or under systemd with Delegate=yes", controller)
	}
	if err := makeBelow(dir); err != nil {
		return "", err
	}
	return filepath.Join(dir, "tasks"), writeControl(filepath.Join(dir, file1), value1)
}

// writeControl never makes a file: on a cgroup file system that is refused, and elsewhere it would look like success.
func writeControl(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// makeBelow tries again when somebody's Remove took the shared parent away in between.
func makeBelow(dir string) (err error) {
	for range 5 {
		if err = os.MkdirAll(dir, 0o755); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// Enter moves the calling thread into the groups: what it forks from now on is born there.
func Enter(entries []string) error {
	for _, entry := range entries {
		if err := writeControl(entry, "0"); err != nil {
			return err
		}
	}
	return nil
}

// NotifyOOM returns a descriptor that becomes readable when memory of the version 1 group has run out, and when the group
// is removed. Version 2 needs none: there the kernel ends the whole group at once.
func (l Limiter) NotifyOOM() (*os.File, error) {
	dir, ok := l.v1["memory"]
	if !ok {
		return nil, fs.ErrNotExist
	}
	control, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err != nil {
		return nil, err
	}
	defer control.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	event := os.NewFile(uintptr(fd), "oom event")
	order := strconv.Itoa(fd) + " " + strconv.Itoa(int(control.Fd()))
	if err := writeControl(filepath.Join(dir, "cgroup.event_control"), order); err != nil {
		return nil, errors.Join(err, event.Close())
	}
	return event, nil
}

// OOMKills counts the processes of the groups the kernel killed for want of memory, since the groups were made.
func (l Limiter) OOMKills() int {
	var files []string
	if dir, ok := l.v1["memory"]; ok {
		files = append(files, filepath.Join(dir, "memory.oom_control"))
	}
	if l.group.dir != "" {
		files = append(files, filepath.Join(l.group.dir, "memory.events"))
	}
	kills := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // no such controller there
		}
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, err := strconv.Atoi(strings.TrimSpace(value))
				if err == nil {
					kills += n
				}
			}
		}
	}
	return kills
}

// Remove removes the version 1 groups, and the tree they are in once it is empty. None may hold a living process.
func (l Limiter) Remove() error {
	var faults []error
	for _, dir := range l.v1 {
		err := Group{dir: dir}.Remove()
		if err == nil && removeDir(filepath.Dir(dir)) != nil {
			continue // other instances are in it
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Dirs are the directories of the version 1 groups, by controller.
func (l Limiter) Dirs() map[string]string { return maps.Clone(l.v1) }
