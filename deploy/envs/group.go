package envs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// markName is the variable that names the processes of a build, also those that left its process group.
const markName = "AICTL_BUILD"

// What is kept of a program's output for its error, and the length in bytes at which a line is cut.
const (
	tailLines = 20
	maxLine   = 4096
)

// Command is a program to run for a build. Env is its whole environment.
type Command struct {
	Name string // for people: "pip install"
	Argv []string
	Dir  string
	Env  []string
	Mark string
	Log  func(line string)
}

// Failed is a program that did not exit with 0.
type Failed struct {
	Name   string
	Code   int    // -1 when a signal ended it
	Signal string // its name
	Tail   []string
}

// Error shows the program's own last words.
func (f *Failed) Error() string {
	how := fmt.Sprintf("%s exited with code %d", f.Name, f.Code)
	if f.Signal != "" {
		how = f.Name + " was ended by " + f.Signal
	}
	if said := f.lastWords(); said != "" {
		how += ": " + said
	}
	return how
}

// lastWords are the last lines that name an error, else the last line.
func (f *Failed) lastWords() string {
	var errs []string
	for _, l := range f.Tail {
		low := strings.ToLower(strings.TrimSpace(l))
		if strings.HasPrefix(low, "error") || strings.HasPrefix(low, "npm err") || strings.HasPrefix(low, "×") {
			errs = append(errs, strings.TrimSpace(l))
		}
	}
	if len(errs) == 0 && len(f.Tail) > 0 {
		errs = f.Tail[len(f.Tail)-1:]
	}
	return strings.Join(errs[max(0, len(errs)-3):], "; ")
}

func (f *Failed) says(any ...string) bool {
	all := strings.Join(f.Tail, "\n")
	return slices.ContainsFunc(any, func(s string) bool { return strings.Contains(all, s) })
}

// Run runs a program in a process group of its own and waits for it. When it ends, or ctx does, every process it
// started is killed, those in other groups and sessions too: they carry c.Mark in their environment.
func Run(ctx context.Context, c Command) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", c.Name, err)
	}
	defer out.Close()
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, append(slices.Clone(c.Env), markName+"="+c.Mark)
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = errors.Join(cmd.Start(), in.Close())
	if err != nil {
		return fmt.Errorf("run %s: %w", c.Name, err)
	}
	var tail []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		eachLine(out, func(l string) {
			if tail = append(tail, l); len(tail) > tailLines {
				tail = tail[1:]
			}
			c.Log(l)
		})
	}()
	g := &group{pid: cmd.Process.Pid, mark: c.Mark}
	unhook := context.AfterFunc(ctx, g.kill)
	err = g.await(cmd)
	unhook()
	if derr := out.SetReadDeadline(time.Now().Add(2 * time.Second)); derr != nil {
		err = errors.Join(err, derr)
	}
	<-read
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return failure(c.Name, err, tail)
}

func failure(name string, err error, tail []string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			err = fmt.Errorf("run %s: %w", name, err)
		}
		return err
	}
	f := &Failed{Name: name, Code: exit.ExitCode(), Tail: tail}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		f.Signal = unix.SignalName(ws.Signal())
	}
	return f
}

// group is a process group whose leader has not been reaped, so that its number is nobody else's.
type group struct {
	pid  int
	mark string

	mu   sync.Mutex
	over bool
}

// kill ends the group; once the leader is reaped it does nothing.
func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	// ESRCH: nothing is left of it, which is what was wanted.
	if err := unix.Kill(-g.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return // EPERM: it changed its user; the marked ones are tried all the same
	}
}

// await waits for the leader, ends whatever it left behind, and only then reaps it.
func (g *group) await(cmd *exec.Cmd) error {
	for {
		err := unix.Waitid(unix.P_PID, g.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break // any other error: Wait below tells it
		}
	}
	g.kill()
	if g.mark != "" {
		KillMarked(g.mark)
	}
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	return cmd.Wait()
}

// KillMarked kills every process whose environment holds the mark, and returns how many it found. It looks again
// until none is left, because they may be forking.
func KillMarked(mark string) int {
	total := 0
	for range 20 {
		n := killMarkedOnce(mark)
		total += n
		if n == 0 {
			break
		}
	}
	return total
}

func killMarkedOnce(mark string) (killed int) {
	want := []byte(markName + "=" + mark)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if !marked(pid, want) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		// The number may have changed hands before it was pinned by the descriptor.
		if marked(pid, want) && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil {
			killed++
		}
		if err := unix.Close(fd); err != nil {
			return killed
		}
	}
	return killed
}

// marked reports whether a live process carries the mark. A zombie's environment is empty.
func marked(pid int, want []byte) bool {
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(kv, want) || bytes.HasPrefix(kv, want) && len(kv) > len(want) && kv[len(want)] == '#' {
			return true
		}
	}
	return false
}

// colour matches terminal control sequences.
var colour = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")

// eachLine reads lines of any length and bytes: long ones are cut into pieces, a carriage return ends one too,
// invalid UTF-8 is replaced.
func eachLine(r io.Reader, emit func(string)) {
	br := bufio.NewReaderSize(r, maxLine)
	var part []byte
	flush := func() {
		if text := strings.TrimRight(colour.ReplaceAllString(strings.ToValidUTF8(string(part), "\uFFFD"), ""), " \t"); text != "" {
			emit(text)
		}
		part = part[:0]
	}
	for {
		c, err := br.ReadByte()
		if err != nil {
			flush()
			return // the end, or the deadline after the program's
		}
		if c == '\n' || c == '\r' {
			flush()
			continue
		}
		if part = append(part, c); len(part) >= maxLine {
			flush()
		}
	}
}
