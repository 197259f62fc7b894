package daemon_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aictl/api"
)

// mountRig is a rig whose keeper lives in a mount namespace of its own, with a small file system on a folder of its
// data directory. What it mounts goes with its processes.
func mountRig(t *testing.T, folder, size string) *rig {
	t.Helper()
	needNamespaces(t)
	r := newRig(t)
	dir := filepath.Join(r.data, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.inside = mountNamespace()
	r.before = mountLine("size="+size+",mode=700", dir)
	r.start()
	return r
}

// mountNamespace is a mount namespace; a user who is not root gets a user namespace, too.
func mountNamespace() *syscall.SysProcAttr {
	inside := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		inside.Cloneflags |= syscall.CLONE_NEWUSER
		inside.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		inside.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return inside
}

func mountLine(options, dir string) string {
	return fmt.Sprintf("mount --make-rprivate / && mount -t tmpfs -o %s tmpfs %s", options, dir)
}

// namespaces is what a trial mount says: nil where mount namespaces are permitted.
var namespaces = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "aictl-mount-")
	if err != nil {
		return err
	}
	trial := exec.Command("/bin/sh", "-c", mountLine("size=64k", dir))
	trial.SysProcAttr = mountNamespace()
	if out, fault := trial.CombinedOutput(); fault != nil {
		err = fmt.Errorf("%w %s", fault, bytes.TrimSpace(out))
	}
	return errors.Join(err, os.Remove(dir))
})

// needNamespaces ends a test that this machine does not permit. Where AICTL_TEST_NAMESPACES is "required", as in the
// project's own checks, that is a failure.
func needNamespaces(t *testing.T) {
	t.Helper()
	err := namespaces()
	if err == nil {
		return
	}
	const text = "a full disk cannot be tested: mount namespaces are not permitted here (root with CAP_SYS_ADMIN or unprivileged user namespaces are needed): %v"
	if os.Getenv("AICTL_TEST_NAMESPACES") == "required" {
		t.Fatalf(text, err)
	}
	t.Skipf(text, err)
}

// inMount is a path as the keeper sees it.
func (r *rig) inMount(path ...string) string {
	return filepath.Join(append([]string{fmt.Sprintf("/proc/%d/root", r.keeper.Process.Pid), r.data}, path...)...)
}

// fill takes all the space that is left below a folder, and returns what gives it back.
func (r *rig) fill(folder string) func() {
	r.t.Helper()
	path := r.inMount(folder, "filler")
	f, err := os.Create(path)
	if err != nil {
		r.t.Fatal(err)
	}
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
	}
}

// ledger is the recorder's account.
func (r *rig) ledger() (accepted, recorded, inFlight int64, dropped map[string]int64) {
	r.t.Helper()
	stats, err := r.client.RecordStats(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	l := stats.Ledger
	return l.Accepted, l.Recorded, l.InFlight, l.Dropped
}

// TestDiskFullForRecords: the gateway serves on, what cannot be recorded is counted, and recording goes on as soon as
// there is space again.
func TestDiskFullForRecords(t *testing.T) {
	t.Parallel()
	r := mountRig(t, "records", "4m")
	r.deploy("echo", "")
	r.predict("echo")
	giveBack := r.fill("records")
	const asked = 40
	body := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	for range asked {
		if status, answer, err := r.post("echo", "/predict", body); err != nil || status != 200 {
			t.Fatalf("with a full disk the gateway answers %d %s %v", status, answer, err)
		}
	}
	r.until("what is lost is counted", func() bool {
		_, _, _, dropped := r.ledger()
		return dropped["disk"] > 0
	})
	if said := r.must("records", "stats"); !strings.Contains(said, "lost: disk") {
		t.Errorf("records stats does not tell the loss:\n%s", said)
	}
	giveBack()
	r.until("recording goes on", func() bool {
		_, before, _, _ := r.ledger()
		r.predict("echo")
		_, after, _, _ := r.ledger()
		return after > before
	})
	r.until("every exchange is accounted for", func() bool {
		accepted, recorded, inFlight, dropped := r.ledger()
		var lost int64
		for _, n := range dropped {
			lost += n
		}
		return inFlight == 0 && accepted == recorded+lost
	})
	list, err := r.client.Records(t.Context(), api.RecordsQuery{Service: "echo", Limit: 1})
	if err != nil || len(list.Records) != 1 {
		t.Errorf("records after the disk was full: %+v %v", list, err)
	}
	r.stop()
}

// TestDiskFullForLogs: a service is not held up by a log that cannot be written; the loss is counted and told, and
// what comes once there is space again is kept.
func TestDiskFullForLogs(t *testing.T) {
	t.Parallel()
	r := mountRig(t, "logs", "4m")
	r.deploy("noisy", "")
	before := r.instance("noisy")
	giveBack := r.fill("logs")
	if status, answer, err := r.post("noisy", "/write?bytes=20000000", nil); err != nil || status != 200 {
		t.Fatalf("a service whose log finds no space: %d %s %v", status, answer, err)
	}
	r.until("the loss is counted", func() bool { return r.detail("noisy").LogLost > 0 })
	if said := r.must("status", "-o", "wide", "noisy"); !strings.Contains(said, "of output lost") {
		t.Errorf("status does not tell the loss:\n%s", said)
	}
	r.serves("noisy", "v1")
	giveBack()
	r.until("the log goes on", func() bool {
		if status, _, err := r.post("noisy", "/print", []byte("space again\n")); err != nil || status != 200 {
			t.Fatalf("print: %d %v", status, err)
		}
		return strings.Contains(r.must("logs", "noisy", "-n", "20"), "space again")
	})
	if said := r.must("logs", "noisy", "-n", "1000000"); !strings.Contains(said, "lost") {
		t.Errorf("the log does not say that something is missing:\n%.2000s", said[max(0, len(said)-2000):])
	}
	if now := r.instance("noisy"); now.PID != before.PID || now.Restarts != 0 {
		t.Errorf("the service was touched: %+v, was %+v", now, before)
	}
	r.stop()
}

// TestDiskFullForDeploys: a deploy that finds no space says so, and the old release goes on.
func TestDiskFullForDeploys(t *testing.T) {
	t.Parallel()
	r := mountRig(t, "releases", "1m")
	r.deploy("echo", "")
	dir := r.source("echo", "-version v2")
	if err := os.WriteFile(filepath.Join(dir, "weights.bin"), make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	said := r.fails(1, "deploy", dir)
	for _, want := range []string{`step "checkout"`, "no space left"} {
		if !strings.Contains(said, want) {
			t.Errorf("the deploy does not say %q:\n%s", want, said)
		}
	}
	r.serves("echo", "v1")
	if err := os.Remove(filepath.Join(dir, "weights.bin")); err != nil {
		t.Fatal(err)
	}
	r.deploy("echo", "-version v3") // the failed attempt took its files with it
	r.serves("echo", "v3")
	r.stop()
}

// TestReadOnlyDataDirectory: said at once, with what to do about it.
func TestReadOnlyDataDirectory(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	r := newRig(t)
	if err := os.MkdirAll(r.data, 0o700); err != nil {
		t.Fatal(err)
	}
	r.inside = mountNamespace()
	r.before = mountLine("ro", r.data)
	r.launch()
	r.awaitKeeper()
	r.keeper = nil
	said := r.lastLog(20)
	for _, want := range []string{"read-only file system", "--data-dir"} {
		if !strings.Contains(said, want) {
			t.Errorf("the message does not say %q:\n%s", want, said)
		}
	}
	if left := r.processes(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}
