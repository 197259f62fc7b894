package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"syscall"
	"testing/fstest"
	"time"

	"aictl/procs"
)

// output is what a program of the fake machine prints.
type output struct {
	text string
	err  error
}

// machine is a System made of values: what is not set is not there.
type machine struct {
	programs    map[string]string // name → path
	outputs     map[string]output // path → output
	files       fstest.MapFS      // without the leading slash
	notWritable map[string]error
	bind        func(addr string) error
	disk        Disk
	diskErr     error
	soft, hard  uint64
	limitErr    error
	now         time.Time
	notSynced   bool
	clockErr    error
	uid         int
	limits      []procs.Enforcement
}

// sound is a machine on which every check is happy.
func sound() *machine {
	dir := &fstest.MapFile{Mode: fs.ModeDir | 0o700}
	return &machine{
		programs: map[string]string{"python3": "/usr/bin/python3", "uv": "/usr/bin/uv", "node": "/usr/bin/node", "npm": "/usr/bin/npm", "git": "/usr/bin/git"},
		outputs: map[string]output{
			"/usr/bin/python3": {text: "3.11.2\n"}, "/usr/bin/uv": {text: "uv 0.9.1\n"},
			"/usr/bin/node": {text: "v20.1.0\n"}, "/usr/bin/git": {text: "git version 2.39.5\n"},
		},
		files: fstest.MapFS{
			"data":                                  dir,
			"proc/sys/net/ipv4/ip_local_port_range": {Data: []byte("32768\t60999\n")},
		},
		bind: func(string) error { return nil },
		disk: Disk{Free: 100 * gib, Total: 200 * gib, FreeInodes: 1e6, HasInodeCount: true},
		soft: 1024, hard: 65536,
		limits: []procs.Enforcement{{Limit: "memory", How: "cgroup v2"}, {Limit: "cpus", How: "cgroup v2"}, {Limit: "pids", How: "cgroup v1"}},
		now:    time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
}

func (m *machine) LookPath(name string) (string, error) {
	if path, ok := m.programs[name]; ok {
		return path, nil
	}
	return "", exec.ErrNotFound
}

func (m *machine) Output(_ context.Context, name string, _ ...string) (string, error) {
	return m.outputs[name].text, m.outputs[name].err
}

func (m *machine) ReadFile(name string) ([]byte, error) { return m.files.ReadFile(name[1:]) }

func (m *machine) Stat(name string) (fs.FileInfo, error) {
	if name == "/" {
		return m.files.Stat(".")
	}
	return m.files.Stat(name[1:])
}

func (m *machine) Writable(dir string) error {
	if err, ok := m.notWritable[dir]; ok {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return nil
}

func (m *machine) Bind(addr string) error            { return m.bind(addr) }
func (m *machine) Disk(string) (Disk, error)         { return m.disk, m.diskErr }
func (m *machine) OpenFiles() (a, b uint64, e error) { return m.soft, m.hard, m.limitErr }
func (m *machine) UID() int                          { return m.uid }
func (m *machine) Enforceable() []procs.Enforcement  { return m.limits }
func (m *machine) Clock() (time.Time, bool, error)   { return m.now, !m.notSynced, m.clockErr }

func taken(addrs ...string) func(string) error {
	return func(addr string) error {
		for _, a := range addrs {
			if a == addr {
				return syscall.EADDRINUSE
			}
		}
		return nil
	}
}

var errGone = errors.New("connection refused")
