// Package servers has what tests need that talk to servers: the real ones of Debian's packages, free ports, certificates.
package servers

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Program returns the path of a server's program. It is looked for in folders, which may be patterns, and in PATH. Where the project itself is
// checked (CI is set) it has to be there; elsewhere the test is left out without it.
func Program(t testing.TB, name, pkg string, folders ...string) string {
	t.Helper()
	for _, pattern := range folders {
		if found, err := filepath.Glob(filepath.Join(pattern, name)); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: make setup-test installs Debian's %s", name, pkg)
	}
	t.Skipf("%s is missing: make setup-test installs Debian's %s", name, pkg)
	return ""
}

// FreePort is a TCP port of 127.0.0.1 that nobody listens on right now.
func FreePort(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}
