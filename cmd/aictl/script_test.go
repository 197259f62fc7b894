package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aictl/api"
	"aictl/daemon"
)

// patience bounds every wait of a script.
const patience = 30 * time.Second

// TestScripts runs every script of testdata/script with the program itself and, where a script starts one, a real daemon.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("AICTL_DATA_DIR", filepath.Join(env.WorkDir, "data"))
			env.Setenv("LC_ALL", "C.UTF-8")
			env.Values["daemon"], env.Values["gitea"] = &testDaemon{}, new(*scriptGitea)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": cmdDaemon,
			"code":   cmdCode,
			"until":  cmdUntil,
			"signal": cmdSignal,
			"cert":   cmdCert,
			"token":  cmdToken,
			"gitea":  cmdGitea,
			"post":   cmdPost,
		},
	})
}

// testDaemon is the keeper that a script started.
type testDaemon struct {
	cmd *exec.Cmd
	log string
}

// cmdDaemon is `daemon start [FLAG…]` and `daemon stop`. Whatever happens to the script, its daemon is stopped, and
// nothing that was started below the script's directory may be left.
func cmdDaemon(ts *testscript.TestScript, neg bool, args []string) {
	d := ts.Value("daemon").(*testDaemon)
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("usage: daemon start [FLAG…] | daemon stop")
	case args[0] == "start":
		d.start(ts, args[1:])
		ts.Defer(func() { d.stop(ts) })
	case args[0] == "stop":
		d.stop(ts)
	default:
		ts.Fatalf("daemon: no such action %q", args[0])
	}
}

func (d *testDaemon) start(ts *testscript.TestScript, flags []string) {
	program, err := exec.LookPath("aictl")
	ts.Check(err)
	d.log = ts.MkAbs("daemon.log")
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	defer out.Close()
	dir := ts.Getenv("AICTL_DATA_DIR")
	args := append([]string{"daemon", "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ports", scriptPorts(ts)}, flags...)
	d.cmd = exec.Command(program, args...)
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "AICTL_DATA_DIR=" + dir, "LC_ALL=C.UTF-8"}
	d.cmd.Dir = ts.MkAbs(".")
	ts.Check(d.cmd.Start())
	client, err := api.NewClient(api.Target{Socket: filepath.Join(dir, "run", "api.sock")})
	ts.Check(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	poll(ts, "the daemon to answer", func() bool {
		_, err := client.Health(ctx)
		return err == nil
	}, d.lastLog)
	state, err := daemon.ReadState(dir)
	ts.Check(err)
	ts.Setenv("API", state.API)
	ts.Setenv("GATEWAY", state.Gateway)
}

// scriptPorts is a range for this script alone: scripts run side by side.
func scriptPorts(ts *testscript.TestScript) string {
	sum := 0
	for _, c := range ts.Name() {
		sum = (sum*31 + int(c)) % 200
	}
	sum = (sum + os.Getpid()) % 200 // apart from another run of the same tests
	first := 20000 + sum*40
	return fmt.Sprintf("%d-%d", first, first+39)
}

func (d *testDaemon) lastLog() string {
	content, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(content), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

func (d *testDaemon) stop(ts *testscript.TestScript) {
	if d.cmd == nil {
		return
	}
	cmd := d.cmd
	d.cmd = nil
	ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	select {
	case err := <-gone:
		if err != nil {
			ts.Fatalf("the keeper ended with %v\n%s", err, d.lastLog())
		}
	case <-time.After(patience):
		ts.Check(errors.Join(cmd.Process.Kill(), <-gone))
		ts.Fatalf("the keeper did not stop in %s\n%s", patience, d.lastLog())
	}
	if left := processesBelow(ts.MkAbs(".")); len(left) > 0 {
		ts.Fatalf("left running: %v\n%s", left, d.lastLog())
	}
}

// processesBelow are the processes whose working directory is below dir.
func processesBelow(dir string) []string {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil
	}
	var found []string
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir+"/") {
			found = append(found, link+" → "+cwd)
		}
	}
	return found
}

// cmdCode is `code N PROGRAM ARG…`: the program exits with N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG…")
	}
	if got := exitCode(ts, args[1:]); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("run %s: %v", args[0], err)
	return -1
}

// cmdUntil is `until REGEXP PROGRAM ARG…`: run it again until its stdout matches (or, with !, no longer does).
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARG…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	poll(ts, "stdout to match "+args[0], func() bool {
		exitCode(ts, args[1:])
		return want.MatchString(ts.ReadFile("stdout")) != neg
	}, func() string { return ts.ReadFile("stdout") + ts.ReadFile("stderr") })
}

// cmdSignal is `signal SIGNAL PATTERN`: signal the processes below the script's daemon whose command line matches.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal SIGNAL PATTERN")
	}
	d := ts.Value("daemon").(*testDaemon)
	if d.cmd == nil {
		ts.Fatalf("no daemon runs")
	}
	signals := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	sig, ok := signals[args[0]]
	if !ok {
		ts.Fatalf("signal: no signal %q", args[0])
	}
	want, err := regexp.Compile(args[1])
	ts.Check(err)
	n := 0
	for _, pid := range childrenOf(d.cmd.Process.Pid) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && want.MatchString(strings.ReplaceAll(string(line), "\x00", " ")) {
			ts.Check(syscall.Kill(pid, sig))
			n++
		}
	}
	if n == 0 {
		ts.Fatalf("no child of the keeper matches %q", args[1])
	}
}

func childrenOf(pid int) []int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var children []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// poll waits until done says so, and says what it has seen when that takes too long.
func poll(ts *testscript.TestScript, what string, done func() bool, seen func() string) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline.C:
			ts.Fatalf("waited %s for %s; last seen:\n%s", patience, what, seen())
		case <-tick.C:
		}
	}
}
