package procs

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// activate runs the test binary as a service manager would, with files as descriptors 3, 4 … and the variables given.
func activate(t *testing.T, files []*os.File, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0"`, exe)
	cmd.Env = append(append(os.Environ(), modeVariable+"=activated"), env...)
	cmd.ExtraFiles = files
	said := &bytes.Buffer{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, said
}

func TestSocketsArePassed(t *testing.T) {
	t.Parallel()
	for names, want := range map[string][]string{
		"LISTEN_FDNAMES=api:gateway": {"api", "gateway"},
		"LISTEN_FDNAMES=api":         {"api", "unknown"},
		"LISTEN_FDNAMES=":            {"unknown", "unknown"},
	} {
		var files []*os.File
		var addrs []net.Addr
		for range 2 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			file, err := l.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			files, addrs = append(files, file), append(addrs, l.Addr())
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		cmd, said := activate(t, files, "LISTEN_FDS=2", names)
		for n, addr := range addrs {
			if got := firstLine(t, addr); got != want[n] {
				t.Errorf("%s: socket %d is called %q, want %q", names, n, got, want[n])
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		for _, file := range files {
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func firstLine(t *testing.T, addr net.Addr) string {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestWhatIsPassedAndDoesNotListen(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for env, fault := range map[string]string{
		"LISTEN_FDS=1":     "its unit needs ListenStream=",
		"LISTEN_FDS=many":  "LISTEN_FDS=many is not a number",
		"LISTEN_FDS=-1":    "LISTEN_FDS=-1 is not a number",
		"LISTEN_FDS=99999": "LISTEN_FDS=99999 is not a number",
	} {
		cmd, said := activate(t, []*os.File{null}, env)
		if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), fault) {
			t.Errorf("%s: %v\n%s", env, err, said)
		}
	}
}

// Variables that were meant for another process are none of ours.
func TestSocketsOfAnotherProcess(t *testing.T) {
	t.Parallel()
	env := []string{"LISTEN_FDS=3", "LISTEN_PID=" + strconv.Itoa(os.Getpid()+1)}
	passed, err := ActivatedListeners(func(name string) string { return envValue(env, name) }, os.Getpid())
	if err != nil || len(passed) != 0 {
		t.Errorf("%v %v", passed, err)
	}
}
