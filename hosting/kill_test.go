package hosting

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostVariable tells the test binary to be a server of repositories instead of a run of tests.
const hostVariable = "AICTL_TEST_HOSTING_ROOT"

func TestMain(m *testing.M) {
	if root := os.Getenv(hostVariable); root != "" {
		os.Exit(serveFor(root))
	}
	os.Exit(m.Run())
}

func serveFor(root string) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: New(Config{Root: root, MinFree: 1}), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.Serve(l))
	return 1
}

// otherHost starts a server of its own process and returns its address and what kills it.
func otherHost(t *testing.T, root string) (url string, kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), hostVariable+"="+root)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("it was not killed")
		}
	}
	t.Cleanup(kill)
	return "http://" + strings.TrimSpace(line), kill
}

// TestServerIsKilled: a server that dies in the middle of a push leaves a sound repository, and the same push goes through
// with the next one.
func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "git")
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := working(t, "main")
	url, kill := otherHost(t, root)
	git(t, dir, "push", "-q", url+"/git/demo.git", "main")
	first := git(t, dir, "rev-parse", "HEAD")
	write(t, filepath.Join(dir, "noise"), noise(1<<20))
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "Noise")
	second := git(t, dir, "rev-parse", "HEAD")

	// A push by hand, of which only the first half is sent.
	pack := packOf(t, dir, second, first)
	line := first + " " + second + " refs/heads/main\x00report-status\n"
	body := fmt.Sprintf("%04x%s0000", len(line)+4, line) + pack
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /git/demo.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-git-receive-pack-request\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body[:len(body)/2])
	repo := filepath.Join(root, "demo.git")
	until(t, "the push to have begun", func() bool {
		found, err := filepath.Glob(filepath.Join(repo, "objects", "tmp_objdir-*"))
		return err == nil && len(found) > 0
	})
	kill()

	git(t, repo, "fsck", "--strict")
	if got := git(t, repo, "rev-parse", "main"); got != first {
		t.Errorf("main is %s, want %s", got, first)
	}
	url, _ = otherHost(t, root)
	git(t, dir, "push", "-q", url+"/git/demo.git", "main")
	if got := git(t, repo, "rev-parse", "main"); got != second {
		t.Errorf("after the next push main is %s, want %s", got, second)
	}
	git(t, repo, "fsck", "--strict")
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline.C:
			t.Fatalf("waited for %s", what)
		case <-tick.C:
		}
	}
}
