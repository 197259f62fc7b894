package procs

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func daemonChild(t *testing.T, mode string, args ...string) ChildSpec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return ChildSpec{Argv: append([]string{exe}, args...), Env: append(os.Environ(), modeVariable+"="+mode)}
}

// askDaemon connects once; the connection may have to wait in the backlog.
func askDaemon(t *testing.T, addr net.Addr) (pid int) {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatalf("connection refused: %v", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(line, "daemon pid %d", &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestDaemonDiesServicesAndListenersStay(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			listener, err := listenTest(t, network)
			if err != nil {
				t.Fatal(err)
			}
			addr := listener.Addr()
			k := startKeeper(t, withCgroups(true), withListener("api", listener), withChild(daemonChild(t, "daemon")))
			spec := k.spec(t, "ocr/1", "wait")
			service := k.up(t, spec)
			first := askDaemon(t, addr)
			for range 3 {
				kill9(t, first)
				next := askDaemon(t, addr)
				if next == first {
					t.Fatal("the daemon did not die")
				}
				first = next
			}
			status := k.waitStatus(t, "ocr/1", "running", inState(StateRunning))
			if status.PID != service.PID || status.Restarts != 0 {
				t.Errorf("the service changed: %+v", status)
			}
			k.end()
			if alive(first) {
				t.Error("the daemon outlived the keeper")
			}
		})
	}
}

func listenTest(t *testing.T, network string) (net.Listener, error) {
	if network == "unix" {
		return net.Listen("unix", filepath.Join(t.TempDir(), "api.sock"))
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// A crashed service comes back while no daemon is there at all.
func TestRestartWithoutADaemon(t *testing.T) {
	t.Parallel()
	k := startKeeper(t, withChild(daemonChild(t, "exit", "1")))
	spec := k.spec(t, "ocr/1", "wait")
	first := k.up(t, spec)
	kill9(t, first.PID)
	k.waitStatus(t, "ocr/1", "restarted", func(s Status) bool { return s.State == StateRunning && s.PID != first.PID })
}

func TestChildThatRefuses(t *testing.T) {
	t.Parallel()
	spec := daemonChild(t, "exit", "9")
	spec.Refused = 9
	k, err := NewKeeper(KeeperConfig{RunDir: filepath.Join(t.TempDir(), "run"), Logger: quiet(), Child: &spec})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Run(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}

// A keeper that was killed leaves its daemon; the next keeper must not run a second one beside it.
func TestOldDaemonIsEnded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	k := startKeeper(t, func(c *KeeperConfig) { c.RunDir = dir }) // makes the directory
	k.end()
	h := &host{runDir: dir, mark: directoryMark(dir), log: quiet(), now: time.Now, children: newChildren()}
	var err error
	if h.null, err = os.Open(os.DevNull); err != nil {
		t.Fatal(err)
	}
	defer h.null.Close()
	child := daemonChild(t, "wait")
	old, err := h.spawn(command{id: childID, argv: child.Argv, dir: dir, env: child.Env, nonce: h.newNonce(), stdout: 2, stderr: 2})
	if err != nil {
		t.Fatal(err)
	}
	startKeeper(t, func(c *KeeperConfig) { c.RunDir = dir })
	waitFor(t, "end of the old daemon", func() bool { return !alive(old.pid) })
	if err := old.pidfd.Close(); err != nil { // it was a child of this process, so the keeper has reaped it
		t.Error(err)
	}
}

func TestInheritedListenersWithoutAny(t *testing.T) {
	listeners, err := InheritedListeners()
	if err != nil || len(listeners) != 0 {
		t.Errorf("%v %v", listeners, err)
	}
}

func TestListenersThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, err = takeListeners(map[string]net.Listener{"a,b": l})
	if err == nil || !strings.Contains(err.Error(), `"a,b"`) {
		t.Errorf("%v", err)
	}
}
