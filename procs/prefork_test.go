package procs

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// preforkWorkers is how many workers share the master's socket.
const preforkWorkers = 3

// helperPrefork is a server like gunicorn: a master that listens and workers that accept. On SIGTERM it ends its workers
// and itself; killed, it leaves them behind with the socket.
func helperPrefork(args []string) int {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	if err != nil {
		fmt.Println("cannot listen:", err)
		return 3
	}
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		return 98
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	exe, err := os.Executable()
	if err != nil || os.Setenv(modeVariable, "prefork-worker") != nil {
		return 98
	}
	var workers []*os.Process
	for range preforkWorkers { // workers fork nothing
		w, err := os.StartProcess(exe, []string{exe}, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{nil, os.Stdout, os.Stderr, socket}})
		if err != nil {
			return 97
		}
		workers = append(workers, w)
	}
	fmt.Println("ready")
	<-term
	for _, w := range workers {
		if err := errors.Join(w.Signal(syscall.SIGTERM), ignoreExit(w.Wait())); err != nil {
			fmt.Println(err)
		}
	}
	return 0
}

func ignoreExit(_ *os.ProcessState, err error) error { return err }

// helperPreforkWorker answers with its pid until it is ended.
func helperPreforkWorker([]string) int {
	l, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		return 98
	}
	serveHello(l)
	return 0
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// answers says which worker answers on a port.
func answers(port int) (string, error) {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	return string(text), err
}

// The workers of a killed master hold its socket. They end before the next start, which finds the port free; an ordinary
// stop leaves nothing that listens.
func TestPreforkServer(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		port := freePort(t)
		s := k.spec(t, "prefork", "prefork", strconv.Itoa(port))
		s.Port = port
		first := k.up(t, s)
		waitFor(t, "an answer", func() bool { text, err := answers(port); return err == nil && strings.Contains(text, "pid") })
		kill9(t, first.PID)
		again := k.waitStatus(t, s.ID, "restarted", func(s Status) bool { return s.Restarts > 0 && s.State == StateRunning && s.PID != first.PID })
		waitFor(t, "an answer after the restart", func() bool { text, err := answers(port); return err == nil && strings.Contains(text, "pid") })
		if log := readFile(s.Log.Path); strings.Contains(log, "cannot listen") {
			t.Errorf("the port was held by what the first master left:\n%s", log)
		}
		waitFor(t, "all workers", func() bool { return len(marked(t, k.dir)) == preforkWorkers+1 })
		if _, err := k.client.StopWait(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		if left := marked(t, k.dir); len(left) > 0 || alive(again.PID) {
			t.Errorf("left after the stop: %v", left)
		}
		if text, err := answers(port); err == nil {
			t.Errorf("port %d still answers: %q", port, text)
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Fatalf("the port is not free: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A chain of processes each of which forks the next and exits, out of the leader's group and while the tree is being
// killed: nothing of it survives a stop. It is 100 long and ends by itself.
func TestForkingWhileBeingKilled(t *testing.T) {
	const chain = `link() { if [ "$1" -gt 0 ]; then link $(($1 - 1)) & else echo end of the chain; exec sleep 300; fi; }
link 100`
	const leader = `trap '' TERM; echo ready; setsid sh -c "$0" & exec sleep 300`
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		for n, wait := range []string{"ready", "end of the chain"} {
			s := k.spec(t, "chain-"+strconv.Itoa(n), "")
			s.Argv = []string{"sh", "-c", leader, chain}
			s.Stop.Grace = time.Millisecond
			k.up(t, s)
			k.waitLog(t, s, wait)
			if _, err := k.client.StopWait(t.Context(), s.ID); err != nil {
				t.Fatal(err)
			}
			if left := marked(t, k.dir); len(left) > 0 {
				t.Errorf("stopped at %q, left: %v", wait, left)
			}
		}
	})
}
