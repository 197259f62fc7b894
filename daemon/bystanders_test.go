package daemon_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// bystander starts a process in a group of its own that no keeper may touch. It looks like one of a service of another
// data directory.
func bystander(t *testing.T) (pid int, check func()) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AICTL_INSTANCE=idle/1", "AICTL_NONCE=0123456789ab-BYSTANDER"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { // ends with the process, for which the cleanup waits
		defer close(gone)
		if err := cmd.Wait(); err == nil {
			t.Error("the bystander ended by itself")
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("the bystander was gone in the end: %v", err)
		}
		<-gone
	})
	return cmd.Process.Pid, func() {
		t.Helper()
		select {
		case <-gone:
			t.Fatalf("the bystander was killed: %v", cmd.ProcessState)
		default:
		}
	}
}

// startTime is the kernel's start time of a process.
func startTime(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var start uint64
	if _, err := fmt.Sscan(fields[19], &start); err != nil {
		t.Fatal(err)
	}
	return start
}

// stateFile is where the keeper keeps what it knows of an instance.
func (r *rig) stateFile(id string) string {
	return filepath.Join(r.data, "run", "instances", url.PathEscape(id)+".json")
}

// rewrite changes the record in a state file and leaves the rest of it as it is.
func (r *rig) rewrite(id string, change func(record map[string]any)) {
	r.t.Helper()
	data, err := os.ReadFile(r.stateFile(id))
	if err != nil {
		r.t.Fatal(err)
	}
	head, spec, ok := bytes.Cut(data, []byte("\n"))
	record := make(map[string]any)
	if err := json.Unmarshal(head, &record); err != nil || !ok {
		r.t.Fatalf("%v in %.200s", err, data)
	}
	change(record)
	text, err := json.Marshal(record)
	if err != nil || len(text) > len(head) {
		r.t.Fatalf("%d of %d bytes, %v", len(text), len(head), err)
	}
	text = append(text, bytes.Repeat([]byte(" "), len(head)-len(text))...)
	if err := os.WriteFile(r.stateFile(id), append(append(text, '\n'), spec...), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// starts is how often the log tells that an instance was started.
func (r *rig) starts(id string) int {
	r.t.Helper()
	content, err := os.ReadFile(r.log())
	if err != nil {
		r.t.Fatal(err)
	}
	return bytes.Count(content, []byte(`"instance started","instance":"`+id+`"`))
}

// murder kills a process of the rig and waits until it is gone.
func (r *rig) murder(pid int) {
	r.t.Helper()
	r.signal(pid, syscall.SIGKILL)
	r.until("the process is gone", func() bool { return !r.lives(pid) })
}

// lives says whether a process of the rig runs. A zombie does not.
func (r *rig) lives(pid int) bool {
	for _, p := range r.processes() {
		if p.pid == pid {
			return true
		}
	}
	return false
}

// TestSpoiledStateFiles: whatever has become of the state files, the next keeper finds what lives and starts once what
// does not, and kills nobody else.
func TestSpoiledStateFiles(t *testing.T) {
	t.Parallel()
	stranger, untouched := bystander(t)
	r := startRig(t)
	spoil := map[string]func(id string) error{
		"truncated": func(id string) error { return os.Truncate(r.stateFile(id), 20) },
		"empty":     func(id string) error { return os.Truncate(r.stateFile(id), 0) },
		"garbage": func(id string) error {
			return os.WriteFile(r.stateFile(id), bytes.Repeat([]byte("\xff\x00{\n"), 1024), 0o600)
		},
		"later": func(id string) error {
			r.rewrite(id, func(record map[string]any) { record["format"] = 99 })
			return nil
		},
		"lost": func(id string) error { return os.Remove(r.stateFile(id)) },
		// The pid is another process's by now: one that was there before, and one that came later.
		"recycled": func(id string) error {
			r.rewrite(id, func(record map[string]any) { record["pid"] = stranger })
			return nil
		},
	}
	pids := make(map[string]int)
	for kind := range spoil {
		for _, fate := range []string{"alive", "dead"} {
			name := kind + "-" + fate
			r.deploy(name, "-version "+name)
			pids[name] = r.instance(name).PID
		}
	}
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.awaitKeeper()
	for kind, spoil := range spoil {
		r.murder(pids[kind+"-dead"])
		for _, fate := range []string{"alive", "dead"} {
			if err := spoil(kind + "-" + fate + "/1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.start()
	for name, before := range pids {
		r.until(name+" runs", func() bool { return r.instance(name).State == "running" })
		now := r.instance(name)
		starts := r.starts(now.ID)
		if strings.HasSuffix(name, "-alive") && (now.PID != before || starts != 1 || now.Restarts != 0) {
			t.Errorf("%s was not adopted: %+v, was process %d; %d starts in all, want 1", name, now, before, starts)
		}
		if strings.HasSuffix(name, "-dead") && (now.PID == before || starts != 2) {
			t.Errorf("%s was not started once more: %+v, was process %d; %d starts in all, want 2", name, now, before, starts)
		}
		if n := r.running("-version " + name); len(n) != 1 {
			t.Errorf("%d processes of %s, want 1: %v", len(n), name, n)
		}
		r.serves(name, name)
	}
	untouched()
	damaged, err := filepath.Glob(filepath.Join(r.data, "run", "instances", "*.damaged"))
	if err != nil || len(damaged) != 8 {
		t.Errorf("put aside: %v %v", damaged, err)
	}
	for _, path := range damaged {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
	// What has been adopted is ended like any other, and nobody else with it.
	r.must("restart", "*-alive")
	r.must("stop", "*-dead")
	r.must("remove", "--yes", "recycled-alive", "lost-alive", "empty-dead")
	untouched()
	r.stop()
	untouched()
}

// TestReboot: when the machine has come up again, what should run is started once, with a clean count, and what was
// stopped stays so. The pids in the state files are those of others.
func TestReboot(t *testing.T) {
	t.Parallel()
	stranger, untouched := bystander(t)
	r := startRig(t)
	ids := map[string]string{}
	for _, name := range []string{"wanted", "crashed", "stopped"} {
		r.deploy(name, "-version "+name, `restart: {backoff: 100ms, max_backoff: 100ms}`)
		ids[name] = r.instance(name).ID
	}
	r.murder(r.instance("crashed").PID)
	r.until("crashed runs again", func() bool { i := r.instance("crashed"); return i.State == "running" && i.Restarts == 1 })
	r.must("stop", "stopped")
	starts := map[string]int{}
	for name, id := range ids {
		starts[name] = r.starts(id)
	}
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.awaitKeeper()
	r.until("nothing is left", func() bool { return r.killAll() == 0 })
	for _, id := range ids {
		r.rewrite(id, func(record map[string]any) {
			record["boot_id"] = "00000000-0000-0000-0000-000000000000"
			record["pid"], record["start"] = stranger, startTime(t, stranger)
		})
	}
	r.start()
	for _, name := range []string{"wanted", "crashed"} {
		r.until(name+" runs", func() bool { return r.instance(name).State == "running" })
		if i := r.instance(name); i.Restarts != 0 || r.starts(i.ID) != starts[name]+1 {
			t.Errorf("%s: %+v after %d starts, %d before the reboot", name, i, r.starts(i.ID), starts[name])
		}
		r.serves(name, name)
	}
	if i := r.instance("stopped"); i.State != "stopped" || i.PID != 0 || len(r.running("-version stopped")) != 0 || r.starts(i.ID) != starts["stopped"] {
		t.Errorf("what was stopped runs after a reboot: %+v", i)
	}
	untouched()
	r.stop()
	untouched()
}
