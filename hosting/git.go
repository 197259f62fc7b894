package hosting

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTime is how long a program that was killed may take to go.
const stopTime = 5 * time.Second

// protocol is what a client may say in the header Git-Protocol.
var protocol = regexp.MustCompile(`^[a-z0-9=:-]{1,64}$`)

// command is git with these arguments. It sees nothing of the user's configuration, runs no hook of a repository, asks
// nobody anything, keeps large files out of memory, and is ended with all it started when ctx ends.
func (h *Host) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := h.program()
	if err != nil {
		return nil, err
	}
	settings := []string{
		"protocol.ext.allow=never", "core.hooksPath=/dev/null", "safe.directory=*", "core.bigFileThreshold=8m",
		"core.deltaBaseCacheLimit=32m", "pack.windowMemory=64m", "pack.threads=1", "gc.autoDetach=false",
		"receive.autogc=false", "receive.unpackLimit=1", "transfer.hideRefs=refs/aictl", "uploadpack.allowFilter=true",
		"uploadpack.allowAnySHA1InWant=true", "receive.maxInputSize=" + strconv.FormatInt(h.cfg.MaxPush, 10),
	}
	full := make([]string, 0, 2*len(settings)+len(args))
	for _, s := range settings {
		full = append(full, "-c", s)
	}
	cmd := exec.CommandContext(ctx, program, append(full, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.cfg.Root, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_ATTR_NOSYSTEM=1", "GIT_ADVICE=0",
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // git takes its locks away
	cmd.WaitDelay = stopTime
	return cmd, nil
}

// run runs git to its end and returns what it wrote.
func (h *Host) run(ctx context.Context, dir string, args ...string) (string, error) {
	if dir != "" {
		args = append([]string{"--git-dir=" + dir}, args...)
	}
	cmd, err := h.command(ctx, args...)
	if err != nil {
		return "", err
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("git %s: %w: %s", verb(args), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// verb is the command among git's arguments.
func verb(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}
