package daemon_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"aictl/api"
)

// reboot is a power cut: everything ends at once, with no time to write anything, and what the state files name belongs to
// another boot of the machine.
func (r *rig) reboot(change func(file string)) {
	r.t.Helper()
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL) // first, so that it sees nothing of what follows
	r.awaitKeeper()
	if n := r.killAll(); n == 0 {
		r.t.Fatal("nothing was running")
	}
	r.keeper = nil
	files, err := filepath.Glob(filepath.Join(r.data, "run", "instances", "*.json"))
	if err != nil || len(files) == 0 {
		r.t.Fatalf("state files %v, %v", files, err)
	}
	for _, file := range files {
		change(file)
	}
	r.start()
}

// anotherBoot gives a state file the boot id of another boot, in place.
func (r *rig) anotherBoot(file string) {
	r.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	var state struct {
		BootID string `json:"boot_id"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(line), &state); err != nil || len(state.BootID) < 8 {
		r.t.Fatalf("%s: %q, %v", file, line, err)
	}
	other := bytes.Repeat([]byte("f"), len(state.BootID))
	if err := os.WriteFile(file, bytes.ReplaceAll(data, []byte(state.BootID), other), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// remove is what becomes of a state file where run/ does not outlive the boot.
func (r *rig) remove(file string) {
	r.t.Helper()
	if err := os.Remove(file); err != nil {
		r.t.Fatal(err)
	}
}

// TestWishesSurviveReboots: what was started, stopped and scaled is so again after everything was killed and the
// machine booted anew, as often as that happens.
func TestWishesSurviveReboots(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	for _, name := range []string{"more", "fewer", "off", "again"} {
		r.deploy(name, "")
	}
	r.must("scale", "more", "3")
	r.must("scale", "fewer", "2")
	r.must("scale", "fewer", "1")
	r.must("stop", "off")
	r.must("stop", "again")
	r.must("start", "again")
	want := map[string]int{"more": 3, "fewer": 1, "off": 0, "again": 1}
	for _, way := range []struct {
		name   string
		change func(string)
	}{
		{"another boot id", r.anotherBoot}, {"no state files", r.remove}, {"another boot id once more", r.anotherBoot},
	} {
		r.reboot(way.change)
		for name, n := range want {
			r.until(way.name+": "+name+" is as it was wished", func() bool { return r.isAsWished(name, n) })
		}
		for name, n := range want {
			if n > 0 {
				r.serves(name, "v1")
			}
		}
		if pids := r.running(filepath.Base(faultsvc)); len(pids) != 5 {
			t.Errorf("%s: %d processes of services, want 5", way.name, len(pids))
		}
	}
	r.must("start", "off")
	r.serves("off", "v1")
}

func (r *rig) isAsWished(name string, n int) bool {
	s := r.service(name)
	if n == 0 {
		return s.State == "stopped" && running(s) == 0
	}
	return s.State == "running" && s.Ready == n && running(s) == n
}

func running(s api.Service) (n int) {
	for _, i := range s.Instances {
		if i.PID != 0 {
			n++
		}
	}
	return n
}

// TestOnlyWhatChangesIsTouched: scaling leaves the instances that stay alone, a deploy and new settings leave other
// services alone.
func TestOnlyWhatChangesIsTouched(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(r.dir, "config.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log: {level: info}\n")
	r.flags = []string{"--config", file}
	r.start()
	r.deploy("one", "")
	r.deploy("other", "")
	one, other := r.instance("one"), r.instance("other")
	r.must("scale", "one", "3")
	r.until("one runs three times", func() bool { return r.isAsWished("one", 3) })
	r.must("scale", "one", "1")
	r.until("one runs once", func() bool { return r.isAsWished("one", 1) })
	if now := r.instance("one"); now.PID != one.PID || now.ID != one.ID {
		t.Errorf("scaling replaced %+v by %+v", one, now)
	}
	r.deploy("other", "-version v2")
	if now := r.instance("other"); now.PID == other.PID {
		t.Errorf("a deploy replaces the instances, and %+v stayed", now)
	}
	other = r.instance("other")
	write("log: {level: debug}\ndeploy: {build_slots: 1, keep_releases: 2}\nrecorder: {retention: 1d, queue_bytes: 32MiB}\n")
	r.must("config", "reload")
	write("lag: 1\n")
	r.fails(2, "config", "reload")
	for name, was := range map[string]api.Instance{"one": one, "other": other} {
		if now := r.instance(name); now.PID != was.PID || now.Restarts != was.Restarts {
			t.Errorf("%s: %+v was replaced by %+v", name, was, now)
		}
	}
}
