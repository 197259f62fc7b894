package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	sys "aictl/procs/internal/kernel"
)

// Tree is the cgroup that holds the groups of one keeper and no process itself.
type Tree struct {
	dir string
	// Lacking is why controllers could not be handed down to the groups. They then limit nothing here.
	Lacking error
}

// Open makes the tree's directory and checks that groups in it can be killed (Linux 5.14 and later).
func Open(dir string) (*Tree, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if err := unix.Access(filepath.Join(dir, "cgroup.kill"), unix.W_OK); err != nil {
		fault := fmt.Errorf("%s/cgroup.kill: %w", dir, err)
		return nil, errors.Join(fault, os.Remove(dir))
	}
	return &Tree{dir: dir}, nil
}

func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Dir is the tree's directory.
func (t *Tree) Dir() string { return t.dir }

// Group names the cgroup of one process tree; Create makes it.
func (t *Tree) Group(name string) Group { return Group{dir: filepath.Join(t.dir, name)} }

// Groups lists the names of the groups that are there.
func (t *Tree) Groups() ([]string, error) {
	entries, err := os.ReadDir(t.dir)
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// Remove removes the tree once all its groups are removed.
func (t *Tree) Remove() error { return removeDir(t.dir) }

// Group is one cgroup.
type Group struct{ dir string }

// Beside is the group called name that has the same parent.
func (g Group) Beside(name string) Group { return Group{dir: filepath.Join(filepath.Dir(g.dir), name)} }

// Create makes the group; one that is there already is kept.
func (g Group) Create() error { return makeDir(g.dir) }

// OpenDir opens the group for SysProcAttr.CgroupFD.
func (g Group) OpenDir() (int, error) {
	fd, err := unix.Open(g.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: g.dir, Err: err}
	}
	return fd, nil
}

// Populated says whether a living process is in the group or below it. A group that does not exist is empty.
func (g Group) Populated() (bool, error) {
	data, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return strings.Contains(string(data), "populated 1"), err
}

// Kill sends SIGKILL to every process in the group and below it, including those being forked at this moment.
func (g Group) Kill() error {
	err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Pids lists the living processes in the group and below it.
func (g Group) Pids() ([]int, error) {
	// The kernel counts the directories below one in its links. A list of a group's many control files costs ten times
	// what reading the only file of interest does.
	var info unix.Stat_t
	if err := unix.Stat(g.dir, &info); err == nil && info.Nlink == 2 {
		return readPids(filepath.Join(g.dir, "cgroup.procs"))
	}
	var pids []int
	err := filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		found, err := readPids(filepath.Join(path, "cgroup.procs"))
		pids = append(pids, found...)
		return err
	})
	return pids, err
}

func readPids(path string) ([]int, error) {
	var buf [512]byte
	data, err := sys.ReadSmall(path, buf[:])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// CPUSeconds is the time all processes of the group used, those that have ended included.
func (g Group) CPUSeconds() (float64, error) {
	var buf [2048]byte
	data, err := sys.ReadSmall(filepath.Join(g.dir, "cpu.stat"), buf[:])
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			micros, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return float64(micros) / 1e6, err
		}
	}
	return 0, fmt.Errorf("%s/cpu.stat has no usage_usec", g.dir)
}

// Remove removes the group and those its processes made below it; none of them may hold a living process.
func (g Group) Remove() error {
	var dirs []string
	err := filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		err = errors.Join(err, removeDir(dirs[i]))
	}
	return err
}

// removeDir is rmdir: on the real file system the control files go with their directory.
func removeDir(dir string) error {
	err := unix.Rmdir(dir)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &os.PathError{Op: "rmdir", Path: dir, Err: err}
}

// Dir is the group's directory.
func (g Group) Dir() string { return g.dir }
