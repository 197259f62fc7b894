package procs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"aictl/procs/internal/kernel"
)

// command is what spawn needs to start a leader.
type command struct {
	id     string
	argv   []string
	dir    string
	env    []string // the whole environment but for what marks the process
	nonce  string
	stdout int
	stderr int
	limits Limits
	launch Launch
	extra  []int // descriptors the child gets as 3, 4 …
	self   bool  // argv[0] names this process's own program, which is run even when another lies there by now
}

// spawn starts a leader in a process group, and where possible a cgroup, of its own.
func (h *host) spawn(c command) (*process, error) {
	path, err := findProgram(c)
	if err != nil {
		return nil, err
	}
	if c.self && !isOwnProgram(path) {
		path = ownProgram
	}
	p, err := h.spawnIn(h.newTree(c.id, c.nonce), path, c)
	if err == nil || h.groups == nil || isRefusal(err) {
		return p, explainSpawn(path, c, err)
	}
	// The fault may be the cgroup's: what starts without one shall run.
	p, without := h.spawnIn(h.walkedTree(c.nonce), path, c)
	if without == nil {
		h.log.Warn("started without a cgroup", "instance", c.id, "err", err)
	}
	return p, explainSpawn(path, c, without)
}

func (h *host) spawnIn(t tree, path string, c command) (*process, error) {
	if c.launch.none() {
		return h.fork(t, path, c.argv, c)
	}
	s, err := newStub(c, path, 3+len(c.extra))
	if err != nil {
		return nil, err
	}
	c.extra = append(slices.Clone(c.extra), int(s.end.Fd()))
	p, err := h.fork(t, s.path, s.argv, c)
	if err != nil {
		return nil, errors.Join(err, s.drop())
	}
	if err := errors.Join(s.began(), s.await()); err != nil {
		return nil, errors.Join(err, p.pidfd.Close(), p.abort())
	}
	return p, nil
}

// fork starts path with argv in a tree, in the place that c describes.
func (h *host) fork(t tree, path string, argv []string, c command) (*process, error) {
	p := &process{host: h, child: true, tree: t}
	pidfd := -1
	attr := &syscall.ProcAttr{
		Dir:   c.dir,
		Env:   append(withoutMarks(c.env), envInstance+"="+c.id, envNonce+"="+c.nonce),
		Files: []uintptr{h.null.Fd(), uintptr(c.stdout), uintptr(c.stderr)},
		Sys:   &syscall.SysProcAttr{Setpgid: true, PidFD: &pidfd},
	}
	for _, fd := range c.extra {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	done, err := t.prepare(attr.Sys)
	if err != nil {
		return nil, err
	}
	p.pid, err = h.children.spawn(func() (int, error) {
		start := func() (int, error) {
			pid, _, err := syscall.StartProcess(path, argv, attr)
			return pid, err
		}
		if c.limits == (Limits{}) {
			return start()
		}
		return h.startLimited(p, c, start)
	})
	if err = errors.Join(err, done()); err != nil {
		return nil, err
	}
	if err := p.identify(pidfd); err != nil {
		return nil, errors.Join(err, p.abort())
	}
	return p, nil
}

// identify fills in what names the process for ever. It is our unreaped child, so the pid is still its own.
func (p *process) identify(pidfd int) error {
	if pidfd < 0 {
		return fmt.Errorf("process %d has no pidfd: Linux 5.4 or later is needed", p.pid)
	}
	stat, err := kernel.ReadStat(p.pid)
	if err != nil {
		return errors.Join(err, syscall.Close(pidfd))
	}
	p.start, p.startedAt = stat.Start, p.host.now()
	p.born = p.startedAt
	p.tree.bind(p)
	p.pidfd, err = kernel.NewPidfd(pidfd)
	return err
}

// abort ends a child that cannot be watched.
func (p *process) abort() error {
	err := syscall.Kill(-p.pid, syscall.SIGKILL)
	_, fault := syscall.Wait4(p.pid, nil, 0, nil)
	p.host.children.reaped(p.pid)
	return errors.Join(err, fault)
}

func withoutMarks(env []string) []string {
	kept := make([]string, 0, len(env)+2)
	for _, kv := range env {
		if !strings.HasPrefix(kv, envInstance+"=") && !strings.HasPrefix(kv, envNonce+"=") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// ownProgram is the file this process runs, wherever its name points by now.
const ownProgram = "/proc/self/exe"

func isOwnProgram(path string) bool {
	own, err := os.Stat(ownProgram)
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(own, there)
}

// findProgram looks the program up as a shell in the service's own directory and environment would.
func findProgram(c command) (string, error) {
	name := c.argv[0]
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			return filepath.Join(c.dir, name), nil
		}
		return name, nil
	}
	for _, dir := range filepath.SplitList(envValue(c.env, "PATH")) {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(c.dir, dir)
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot start %s: no such command in PATH=%s; install it or correct the command",
		name, envValue(c.env, "PATH"))
}

func envValue(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// explainSpawn turns an errno of exec into what is wrong and what to do.
func explainSpawn(path string, c command, err error) error {
	if err == nil {
		return nil
	}
	if info, dirErr := os.Stat(c.dir); dirErr != nil || !info.IsDir() {
		return fmt.Errorf("cannot start %s: its directory %s does not exist", c.argv[0], c.dir)
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		if interpreter := shebang(path); interpreter != "" {
			return fmt.Errorf("cannot start %s: the interpreter in its first line, %s, does not exist", path, interpreter)
		}
		return fmt.Errorf("cannot start %s: no such file; correct the command", path)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot start %s: not executable; run chmod +x, or name its interpreter in the command", path)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("cannot start %s: neither a program for this machine nor a script with a #! line", path)
	}
	return fmt.Errorf("cannot start %s: %w", path, err)
}

// shebang is the interpreter a script names, "" when path is no script.
func shebang(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	head := make([]byte, 256)
	n, err := io.ReadFull(file, head)
	if err = errors.Join(ignoreShort(err), file.Close()); err != nil {
		return ""
	}
	line, ok := bytes.CutPrefix(head[:n], []byte("#!"))
	fields := bytes.Fields(bytes.SplitN(line, []byte("\n"), 2)[0])
	if !ok || len(fields) == 0 {
		return ""
	}
	return string(fields[0])
}

func ignoreShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
