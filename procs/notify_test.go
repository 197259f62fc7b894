package procs

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// testManager is a service manager that remembers what it was told.
type testManager struct {
	conn *net.UnixConn
	mu   sync.Mutex
	told []string
	done chan struct{}
}

func newTestManager(t *testing.T) *testManager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &testManager{conn: conn, done: make(chan struct{})}
	go m.listen()
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		<-m.done
	})
	return m
}

func (m *testManager) listen() {
	defer close(m.done)
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		m.told = append(m.told, string(buf[:n]))
		m.mu.Unlock()
	}
}

func (m *testManager) path() string { return m.conn.LocalAddr().String() }

// count is how many messages had a line that begins with prefix.
func (m *testManager) count(prefix string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, message := range m.told {
		for line := range strings.SplitSeq(message, "\n") {
			if strings.HasPrefix(line, prefix) {
				n++
			}
		}
	}
	return n
}

func withManager(m ServiceManager) option { return func(c *KeeperConfig) { c.Manager = m } }

func TestManagerHearsOfTheKeepersLife(t *testing.T) {
	t.Parallel()
	m := newTestManager(t)
	listener, err := listenTest(t, "tcp")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := listener.Addr(), filepath.Join(t.TempDir(), "run")
	k := startKeeper(t, func(c *KeeperConfig) { c.RunDir = dir }, withListener("api", listener), withManager(ServiceManager{Socket: m.path()}),
		withChild(daemonChild(t, "daemon", filepath.Join(dir, SocketName))))
	waitFor(t, "READY", func() bool { return m.count("READY=1") == 1 })
	if m.count("STATUS=starting") != 1 || m.count("STOPPING") != 0 {
		t.Errorf("%q", m.told)
	}
	kill9(t, askDaemon(t, addr))
	waitFor(t, "READY of the next daemon", func() bool { return m.count("READY=1") == 2 })
	if m.count("STATUS=the daemon has ended") != 1 {
		t.Errorf("%q", m.told)
	}
	k.end()
	waitFor(t, "STOPPING", func() bool { return m.count("STOPPING=1") == 1 })
}

// A daemon that starts and never says that it serves is not ready, and nobody else can say so for it.
func TestOnlyTheDaemonMakesReady(t *testing.T) {
	t.Parallel()
	m := newTestManager(t)
	k := startKeeper(t, withManager(ServiceManager{Socket: m.path()}), withChild(daemonChild(t, "wait")))
	if err := k.client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := m.count("READY=1"); n != 0 {
		t.Errorf("READY %d times", n)
	}
}

func TestWatchdogIsFedWhileTheKeeperAnswers(t *testing.T) {
	t.Parallel()
	m := newTestManager(t)
	k := startKeeper(t, withManager(ServiceManager{Socket: m.path(), Watchdog: 40 * time.Millisecond}))
	waitFor(t, "some pings", func() bool { return m.count("WATCHDOG=1") >= 3 })
	if err := os.Remove(k.Socket()); err != nil { // a keeper nobody can reach any more
		t.Fatal(err)
	}
	last, since := m.count("WATCHDOG=1"), time.Now()
	waitFor(t, "five missed pings", func() bool {
		if now := m.count("WATCHDOG=1"); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 100*time.Millisecond
	})
}

func TestReloadingHasATime(t *testing.T) {
	t.Parallel()
	m := newTestManager(t)
	if err := (ServiceManager{Socket: m.path()}).reloading("upgrading"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "RELOADING", func() bool { return m.count("RELOADING=1") == 1 })
	if m.count("MONOTONIC_USEC=") != 1 || m.count("STATUS=upgrading") != 1 {
		t.Errorf("%q", m.told)
	}
}

func TestFindServiceManager(t *testing.T) {
	t.Parallel()
	own := strconv.Itoa(os.Getpid())
	tests := map[string]struct {
		env   string
		want  ServiceManager
		fault string
	}{
		"nobody":          {},
		"a path":          {env: "NOTIFY_SOCKET=/run/x", want: ServiceManager{Socket: "/run/x"}},
		"abstract":        {env: "NOTIFY_SOCKET=@x", want: ServiceManager{Socket: "@x"}},
		"vsock":           {env: "NOTIFY_SOCKET=vsock:2:9", fault: "NOTIFY_SOCKET=vsock:2:9"},
		"watchdog":        {env: "WATCHDOG_USEC=1500 WATCHDOG_PID=" + own, want: ServiceManager{Watchdog: 1500 * time.Microsecond}},
		"somebody else's": {env: "WATCHDOG_USEC=1500 WATCHDOG_PID=1"},
		"no number":       {env: "WATCHDOG_USEC=soon", fault: "WATCHDOG_USEC=soon"},
		"negative":        {env: "WATCHDOG_USEC=-1", fault: "WATCHDOG_USEC=-1"},
		"far too long":    {env: "WATCHDOG_USEC=9223372036854775807", fault: "WATCHDOG_USEC="},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			env := strings.Fields(test.env)
			got, err := FindServiceManager(func(name string) string { return envValue(env, name) }, os.Getpid())
			if got != test.want || (err != nil) != (test.fault != "") || err != nil && !strings.Contains(err.Error(), test.fault) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
