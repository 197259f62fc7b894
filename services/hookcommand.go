package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"aictl/configs"
)

// shownOutput is how much of a failed hook's output is told, in bytes.
const shownOutput = 2000

// command runs a hook's command in a process group of its own, which is gone when it returns.
func (h *hooks) command(ctx context.Context, job hookJob, input []byte) error {
	argv, err := configs.SplitCommand(job.hook.Command)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.limit, fmt.Errorf("it took longer than %s and was killed", h.limit))
	defer cancel()
	env := append(eventEnv(job.event), job.env...)
	path, err := program(argv[0], job.dir, env)
	if err != nil {
		return err
	}
	var out tail
	cmd := &exec.Cmd{
		Path: path, Args: argv, Dir: job.dir, Env: env, Stdin: bytes.NewReader(input), Stdout: &out, Stderr: &out,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, WaitDelay: time.Second,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %q: %w", argv[0], err)
	}
	err = waitGroup(ctx, cmd)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return fmt.Errorf("run %q: %w%s", argv[0], err, out.text())
}

// waitGroup waits for the command and ends its whole group: at once when ctx ends, else when the command has ended.
// The group's number cannot be another's as long as the command has not been reaped.
func waitGroup(ctx context.Context, cmd *exec.Cmd) error {
	kill := func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return nil
	}
	killed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { killed <- kill() })
	err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	if !stop() {
		err = errors.Join(err, <-killed)
	}
	err = errors.Join(err, kill()) // what it left behind
	return errors.Join(cmd.Wait(), err)
}

// eventEnv are the variables that tell a command of an event.
func eventEnv(ev Event) []string {
	var env []string
	for _, kv := range [][2]string{
		{"KIND", string(ev.Kind)}, {"SERVICE", ev.Service}, {"INSTANCE", ev.Instance}, {"RELEASE", ev.Release},
		{"REASON", ev.Reason}, {"TIME", ev.Time.Format(time.RFC3339Nano)},
	} {
		env = append(env, "AICTL_EVENT_"+kv[0]+"="+strings.ReplaceAll(kv[1], "\x00", ""))
	}
	return env
}

// program finds a command's file: relative to its folder, or on its environment's PATH.
func program(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if filepath.IsAbs(name) {
			return name, nil
		}
		return filepath.Join(dir, name), nil
	}
	for _, kv := range env {
		list, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, folder := range filepath.SplitList(list) {
			path := filepath.Join(folder, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("run %q: %w", name, exec.ErrNotFound)
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - shownOutput; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	if len(t.kept) == 0 {
		return ""
	}
	return "; it wrote: " + strings.ToValidUTF8(strings.TrimSpace(string(t.kept)), "\uFFFD")
}
