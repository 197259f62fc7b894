package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aictl/api"
	"aictl/configs"
	"aictl/daemon"
	"aictl/store"
)

// patience bounds every wait of a test.
const patience = 30 * time.Second

// rig is a data directory with a real keeper, a real daemon and real services. Everything that runs in it has the
// rig's folder as HOME, by which it is found whatever becomes of its parents.
type rig struct {
	t       *testing.T
	dir     string // HOME, sources of services, the daemon's log
	data    string
	ports   configs.PortRange
	flags   []string
	inside  *syscall.SysProcAttr // of the keeper's process
	program string               // the keeper's, when it is not the one under test
	before  string               // shell line that runs before the keeper, in its process

	keeper  *exec.Cmd
	gone    chan struct{}
	exit    error // once gone is closed
	client  *api.Client
	api     string
	gateway string
}

var rigs atomic.Int64

// newRig makes a rig without starting it. Its ports lie below the kernel's ephemeral ones, those of a second run of
// this package elsewhere.
func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp(rigRoot(), "aictl-rig-") // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	first := 11000 + os.Getpid()%20*1000 + int(rigs.Add(1))*20
	r := &rig{t: t, dir: dir, data: filepath.Join(dir, "data"), ports: configs.PortRange{First: first, Last: first + 19}}
	t.Cleanup(r.clear)
	return r
}

// startRig makes a rig and starts it.
func startRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.start()
	return r
}

// command is the program with the rig's environment.
func (r *rig) command(args ...string) *exec.Cmd {
	cmd := exec.Command(aictl, args...)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "AICTL_DATA_DIR=" + r.data, "LC_ALL=C.UTF-8", "NO_COLOR=1"}
	return cmd
}

// launch starts the keeper without waiting for anything.
func (r *rig) launch() {
	r.t.Helper()
	args := []string{"daemon", "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0",
		"--ports", fmt.Sprintf("%d-%d", r.ports.First, r.ports.Last)}
	cmd := r.command(append(args, r.flags...)...)
	if r.program != "" {
		cmd.Path, cmd.Args[0] = r.program, r.program
	}
	if r.before != "" {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", r.before + ` && exec "$0" "$@"`}, cmd.Args...)
	}
	out, err := os.OpenFile(r.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, r.inside
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	gone := make(chan struct{})
	r.keeper, r.gone, r.exit = cmd, gone, nil
	go func() { // ends with the keeper, for which clear waits
		r.exit = cmd.Wait()
		close(gone)
	}()
}

func (r *rig) log() string { return filepath.Join(r.dir, "daemon.log") }

// start starts the keeper and waits until its daemon answers.
func (r *rig) start() {
	r.t.Helper()
	r.launch()
	client, err := api.NewClient(api.Target{Socket: filepath.Join(r.data, "run", "api.sock")})
	if err != nil {
		r.t.Fatal(err)
	}
	r.client = client
	r.until("the daemon answers", func() bool {
		select {
		case <-r.gone:
			r.t.Fatalf("the keeper ended: %v", r.exit)
		default:
		}
		return r.well()
	})
	state, err := daemon.ReadState(r.data)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.api != state.API || r.gateway != state.Gateway { // a load reads them all the time
		r.api, r.gateway = state.API, state.Gateway
	}
}

// well asks the daemon for its health. A connection waits in the backlog when there is no daemon, so it is given up in time.
func (r *rig) well() bool {
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Second)
	defer cancel()
	_, err := r.client.Health(ctx)
	return err == nil
}

// stop ends the keeper in order and checks that nothing is left of it.
func (r *rig) stop() {
	r.t.Helper()
	if r.keeper == nil {
		return
	}
	groups := r.cgroups()
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGTERM)
	r.awaitKeeper()
	if r.exit != nil {
		r.t.Errorf("the keeper ended with %v", r.exit)
	}
	r.keeper = nil
	r.nothingLeft(groups)
}

func (r *rig) awaitKeeper() {
	r.t.Helper()
	select {
	case <-r.gone:
	case <-time.After(patience):
		r.t.Fatalf("the keeper did not end in %s", patience)
	}
}

// nothingLeft checks for processes, sockets, pipes, listeners, leases and cgroups of a keeper that has ended.
func (r *rig) nothingLeft(groups []string) {
	r.t.Helper()
	if left := r.processes(); len(left) > 0 {
		r.t.Errorf("left running: %v", left)
	}
	for _, pattern := range []string{"run/*.sock", "run/daemon.json", "run/instances/*"} {
		if found, err := filepath.Glob(filepath.Join(r.data, pattern)); err != nil || len(found) > 0 {
			r.t.Errorf("left in the data directory: %v %v", found, err)
		}
	}
	for _, dir := range groups {
		if _, err := os.Stat(dir); err == nil {
			r.t.Errorf("cgroup %s is left", dir)
		}
	}
	for _, url := range []string{r.api, r.gateway} {
		if reachable(url) {
			r.t.Errorf("%s still listens", url)
		}
	}
	for port := r.ports.First; port <= r.ports.Last; port++ {
		if reachable(fmt.Sprintf("http://127.0.0.1:%d", port)) {
			r.t.Errorf("port %d still listens", port)
		}
	}
}

// clear stops what runs and, when a test has failed half way, kills what is left.
func (r *rig) clear() {
	if r.t.Failed() {
		r.t.Logf("the daemon's log:\n%s", r.lastLog(60))
	}
	if r.keeper != nil {
		if err := r.keeper.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			r.t.Error(err)
		}
		select {
		case <-r.gone:
		case <-time.After(patience):
			r.t.Errorf("the keeper did not end in %s", patience)
		}
	}
	if r.client != nil {
		r.client.Close()
	}
	if left := r.killAll(); left > 0 {
		r.t.Errorf("%d processes had to be killed in the end", left)
	}
	if err := os.RemoveAll(r.dir); err != nil {
		r.t.Error(err)
	}
}

// until polls until ok says so.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			r.t.Fatalf("not so after %s: %s", patience, what)
		}
	}
}

func (r *rig) lastLog(n int) string {
	content, err := os.ReadFile(r.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// run runs one command to its end.
func (r *rig) run(args ...string) (stdout, stderr string, code int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := r.command(args...)
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() {
		if err := cmd.Process.Kill(); err != nil {
			r.t.Log(err)
		}
	})
	defer stop()
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		r.t.Fatal(err)
	}
	return out.String(), faults.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that has to succeed.
func (r *rig) must(args ...string) string {
	r.t.Helper()
	out, faults, code := r.run(args...)
	if code != 0 {
		r.t.Fatalf("aictl %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, faults)
	}
	return out
}

// fails runs a command that has to end with a code and returns what it said.
func (r *rig) fails(want int, args ...string) string {
	r.t.Helper()
	out, faults, code := r.run(args...)
	if code != want {
		r.t.Fatalf("aictl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, faults)
	}
	return faults
}

// openStore reads the database of a daemon that has ended.
func (r *rig) openStore() *store.Store {
	r.t.Helper()
	dir := daemon.Layout{Root: r.data}
	key, err := store.LoadOrCreateKey(dir.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := store.Open(r.t.Context(), store.Options{Path: dir.Database(), Key: key})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return s
}
