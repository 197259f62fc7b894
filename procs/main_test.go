package procs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aictl/procs/internal/kernel"
)

// The test binary is also every process the tests need: PROCS_TEST_MODE says which.
const modeVariable = "PROCS_TEST_MODE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeVariable); mode != "" {
		os.Exit(helper(mode, os.Args[1:]))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(benchDir()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// testKeeper is a keeper that runs in this process, and a client of it.
type testKeeper struct {
	*Keeper
	client *Client
	dir    string
	end    func()
}

type option func(*KeeperConfig)

func withCgroups(on bool) option { return func(c *KeeperConfig) { c.Cgroups = on } }

func withChild(spec ChildSpec) option { return func(c *KeeperConfig) { c.Child = &spec } }

func withListener(name string, l net.Listener) option {
	return func(c *KeeperConfig) { c.Listeners = map[string]net.Listener{name: l} }
}

// quiet keeps what a keeper logs out of the test's output unless -v is given.
func quiet() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

func startKeeper(t testing.TB, options ...option) *testKeeper {
	t.Helper()
	cfg := KeeperConfig{RunDir: filepath.Join(t.TempDir(), "run"), Logger: quiet(), Version: "test"}
	for _, set := range options {
		set(&cfg)
	}
	keeper, err := NewKeeper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- keeper.Run(ctx) }()
	k := &testKeeper{Keeper: keeper, dir: cfg.RunDir}
	if k.client, err = Dial(ctx, keeper.Socket()); err != nil {
		t.Fatal(err)
	}
	stopped := false
	k.end = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("keeper ended with %v", err)
		}
		if err := k.client.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("close client: %v", err)
		}
		noTraces(t, cfg.RunDir)
	}
	t.Cleanup(k.end)
	return k
}

// noTraces asserts that a keeper that ended left no file and no process.
func noTraces(t testing.TB, runDir string) {
	t.Helper()
	for _, pattern := range []string{"instances/*", SocketName} {
		found, err := filepath.Glob(filepath.Join(runDir, pattern))
		if err != nil || len(found) > 0 {
			t.Errorf("left behind: %v %v", found, err)
		}
	}
	if left := marked(t, runDir); len(left) > 0 {
		t.Errorf("processes left behind: %v", left)
	}
}

// marked lists the living processes that descend from a keeper on runDir, whatever became of them.
func marked(t testing.TB, runDir string) []int {
	t.Helper()
	h := &host{mark: directoryMark(runDir)}
	found, err := h.leftovers()
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, l := range found {
		pids = append(pids, l.stat.PID)
	}
	return pids
}

// spec is an instance that runs the test binary in a mode.
func (k *testKeeper) spec(t testing.TB, id, mode string, args ...string) Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		ID: id, Argv: append([]string{exe}, args...), Dir: k.dir,
		Env:     append(os.Environ(), modeVariable+"="+mode, "GORACE=atexit_sleep_ms=0"),
		Restart: RestartPolicy{Backoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Stable: 10 * time.Millisecond},
		Stop:    StopPolicy{Grace: 5 * time.Second},
		Log:     LogPolicy{Path: filepath.Join(k.dir, escapeID(id)+".log")},
	}
}

// up applies a spec, starts it, and waits until it says it is ready.
func (k *testKeeper) up(t testing.TB, spec Spec) Status {
	t.Helper()
	status, err := k.client.Apply(t.Context(), spec, ApplyOptions{Start: true})
	if err != nil {
		t.Fatal(err)
	}
	k.waitLog(t, spec, "ready")
	return status
}

func (k *testKeeper) waitLog(t testing.TB, spec Spec, text string) {
	t.Helper()
	waitFor(t, "log with "+text, func() bool { return strings.Contains(readFile(spec.Log.Path), text) })
}

func readFile(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// status waits until an instance is as wanted.
func (k *testKeeper) waitStatus(t testing.TB, id, what string, ok func(Status) bool) Status {
	t.Helper()
	var last Status
	waitFor(t, id+" "+what, func() bool {
		list, err := k.client.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, status := range list {
			if status.ID == id {
				last = status
				return ok(status)
			}
		}
		return false
	})
	return last
}

func inState(state State) func(Status) bool {
	return func(s Status) bool { return s.State == state }
}

// waitFor polls with a deadline that only a failing test reaches.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		<-tick.C
	}
}

// alive says whether pid is a living process.
func alive(pid int) bool {
	stat, err := kernel.ReadStat(pid)
	return err == nil && stat.Alive()
}

// pidsIn reads "pid N" lines from a log.
func pidsIn(log string) []int {
	var pids []int
	for line := range strings.Lines(log) {
		if _, after, ok := strings.Cut(line, "pid "); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(after)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// bothTrees runs a test with cgroups and with walking.
func bothTrees(t *testing.T, test func(t *testing.T, cgroups bool)) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprintf("cgroups=%v", on), func(t *testing.T) {
			t.Parallel()
			test(t, on)
		})
	}
}

func kill9(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
