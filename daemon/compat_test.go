package daemon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// install puts a program where another one may be running.
func (r *rig) install(program, name string) (path string) {
	r.t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.writeProgram(name, content)
}

func (r *rig) protocol() int {
	r.t.Helper()
	v, err := r.client.Version(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return v.KeeperProtocol
}

// TestOldKeeperWithANewDaemon: a keeper from before the newest version of the protocol, which starts what lies at its path,
// works with a daemon of the next version and with its own again, and services do not notice when one follows the other.
func TestOldKeeperWithANewDaemon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := filepath.Join(r.dir, "aictl-old")
	if out, err := exec.Command("go", "build", "-tags", "keeper_protocol2", "-o", old, "../cmd/aictl").CombinedOutput(); err != nil {
		t.Fatalf("build the version before: %v\n%s", err, out)
	}
	const name = "aictl-installed"
	r.program = r.install(old, name)
	r.start()
	r.deploy("echo", "")
	r.deploy("counter", "-mode count")
	check := r.untouched("echo", "counter")
	counter := r.instance("counter").PID
	for _, program := range []string{aictl, old, aictl} {
		was := r.worker()
		r.install(program, name)
		r.signal(was, syscall.SIGKILL)
		r.until("the next daemon answers", func() bool { return r.well() && r.worker() != was })
		r.serves("echo", "v1")
		check()
		if got := r.protocol(); got != 2 {
			t.Errorf("protocol %d is spoken, want 2", got)
		}
	}
	r.complete("counter", counter)
	r.must("restart", "echo")
	r.deploy("echo", "-version v2")
	r.serves("echo", "v2")
	if said := r.fails(7, "upgrade"); !strings.Contains(said, "too old; stop and start it once") {
		t.Errorf("said %q", said)
	}
	r.stop()
}
