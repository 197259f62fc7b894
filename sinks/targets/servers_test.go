package targets

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"aictl/internal/servers"
)

// dbServer is a database server of the machine's packages on a free port of 127.0.0.1, with files of its own.
type dbServer struct {
	t    *testing.T
	argv []string
	addr string
	cmd  *exec.Cmd
	log  string

	gone  chan struct{} // closed when cmd has ended
	ended error         // once it is
}

// nobody is who servers run as that refuse root.
const nobody = 65534

func asNobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "HOME=/nonexistent"}
	return cmd
}

// folder is a temporary one that nobody may write to.
func folder(t *testing.T) string {
	t.Helper()
	// Short: the socket's path in it is limited to some 100 bytes.
	dir, err := os.MkdirTemp("/tmp", "sink")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func command(t *testing.T, argv ...string) {
	t.Helper()
	cmd := asNobody(exec.Command(argv[0], argv[1:]...))
	cmd.Dir = "/tmp"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

// start returns once the server takes connections. One that is killed leaves processes and memory behind for a moment, in which the
// next one may refuse to start.
func (s *dbServer) start() {
	s.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		s.launch()
		for s.alive() {
			if c, err := net.Dial("tcp", s.addr); err == nil {
				if err := c.Close(); err != nil {
					s.t.Error(err)
				}
				return
			}
			time.Sleep(10 * time.Millisecond)
			if time.Now().After(deadline) {
				break
			}
		}
	}
	text, err := os.ReadFile(s.log)
	s.t.Fatalf("the server does not start: %s %v", text, err)
}

func (s *dbServer) launch() {
	s.t.Helper()
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd := asNobody(exec.Command(s.argv[0], s.argv[1:]...))
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, "/tmp"
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd, s.gone = cmd, make(chan struct{})
	go func(gone chan struct{}) {
		s.ended = cmd.Wait()
		close(gone)
	}(s.gone)
}

func (s *dbServer) alive() bool {
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

// kill ends the server and all its processes at once.
func (s *dbServer) kill() {
	if s.cmd == nil {
		return
	}
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		s.t.Errorf("kill the server: %v", err)
	}
	<-s.gone
	if s.ended == nil {
		s.t.Error("a killed server ended well")
	}
	s.cmd = nil
}

// ready waits until a target can be prepared.
func (s *dbServer) ready(try func(context.Context) error) {
	s.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := try(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.log)
			s.t.Fatalf("the server does not answer: %v\n%s", err, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// startPostgres returns a running server and the URL of its database.
func startPostgres(t *testing.T) (*dbServer, string) {
	t.Helper()
	initdb := servers.Program(t, "initdb", "postgresql", "/usr/lib/postgresql/*/bin")
	postgres := servers.Program(t, "postgres", "postgresql", "/usr/lib/postgresql/*/bin")
	dir, port := folder(t), servers.FreePort(t)
	data := filepath.Join(dir, "data")
	command(t, initdb, "-D", data, "-U", "aictl", "-A", "trust", "-E", "UTF8", "--no-sync")
	s := &dbServer{t: t, log: filepath.Join(t.TempDir(), "log"), addr: "127.0.0.1:" + port,
		argv: []string{postgres, "-D", data, "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-c", "max_connections=20"}}
	s.start()
	t.Cleanup(s.kill)
	return s, fmt.Sprintf("postgres://aictl:geheim@%s/postgres?sslmode=disable", s.addr)
}

// startMariaDB returns a running server and the URL of its database.
func startMariaDB(t *testing.T) (*dbServer, string) {
	t.Helper()
	install := servers.Program(t, "mariadb-install-db", "mariadb-server")
	mariadbd := servers.Program(t, "mariadbd", "mariadb-server", "/usr/sbin")
	dir, port := folder(t), servers.FreePort(t)
	data := filepath.Join(dir, "data")
	command(t, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	s := &dbServer{t: t, log: filepath.Join(t.TempDir(), "log"), addr: "127.0.0.1:" + port,
		argv: []string{mariadbd, "--no-defaults", "--datadir=" + data, "--socket=" + filepath.Join(dir, "s"), "--pid-file=" + filepath.Join(dir, "p"), "--port=" + port,
			"--bind-address=127.0.0.1", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--max-allowed-packet=1M", "--skip-log-bin"}}
	s.start()
	t.Cleanup(s.kill)
	return s, fmt.Sprintf("mysql://root@%s/records", s.addr)
}
