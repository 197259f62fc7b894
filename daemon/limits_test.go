package daemon_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// copyIn puts the service's program into its repository, where another user can run it.
func (r *rig) copyIn(name string) {
	r.t.Helper()
	program, err := os.ReadFile(faultsvc)
	if err != nil {
		r.t.Fatal(err)
	}
	dir := filepath.Join(r.dir, "src", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "svc"), program, 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// statusLine is a line of /proc/<pid>/status.
func statusLine(t *testing.T, pid int, key string) string {
	t.Helper()
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// A service with limits and another user, from the manifest to the kernel.
func TestServiceWithLimitsAndUser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.before = "umask 027" // as the unit has it: what is made is closed to others unless it is opened on purpose
	r.start()
	r.copyIn("bounded")
	manifest := "command: ./svc\n" + quick + "resources: {nofile: 77, rlimits: {core: 0}}\n"
	nobody, err := user.Lookup("nobody")
	root := err == nil && os.Getuid() == 0
	if os.Getuid() != 0 {
		asRoot := manifest + "process: {user: root}\n"
		if out := r.fails(1, "deploy", r.manifest("bounded", asRoot)); !strings.Contains(out, "needs root") {
			t.Errorf("%s", out)
		}
	}
	if root {
		// The data directory lies in a folder that the tests alone may enter.
		if err := os.Chmod(r.dir, 0o711); err != nil {
			t.Fatal(err)
		}
		manifest += fmt.Sprintf("process: {user: nobody, umask: \"027\", nice: 3}\nenv: {HOME: %q}\n", r.dir)
	}
	r.must("deploy", r.manifest("bounded", manifest))
	r.predict("bounded")
	pid := r.service("bounded").Instances[0].PID
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max open files") && (f[3] != "77" || f[4] != "77") {
			t.Errorf("%s", line)
		}
	}
	if root {
		if got, want := statusLine(t, pid, "Uid"), strings.TrimSpace(strings.Repeat(nobody.Uid+" ", 4)); got != want {
			t.Errorf("it runs as %q, want %q", got, want)
		}
		if got := statusLine(t, pid, "Umask"); got != "0027" {
			t.Errorf("umask %s", got)
		}
		for _, secret := range []string{"secret.key", "api.token", "aictl.db", "run", "logs", "records", "repos"} {
			info, err := os.Stat(filepath.Join(r.data, secret))
			if err != nil || info.Mode().Perm()&0o007 != 0 {
				t.Errorf("%s is open to others: %v %v", secret, info.Mode(), err)
			}
		}
	}
	tooMuch := strings.Replace(manifest, "nofile: 77", "nofile: 1073741824", 1)
	if out := r.fails(1, "deploy", r.manifest("bounded", tooMuch)); !strings.Contains(out, "cannot set nofile to 1073741824: the hard limit is ") {
		t.Errorf("%s", out)
	}
	r.predict("bounded")
	r.stop()
}
