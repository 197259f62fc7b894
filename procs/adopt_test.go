package procs

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aictl/procs/internal/kernel"
)

func TestServicesSurviveTheKeeper(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		o := startOuter(t, cgroups)
		spec := o.spec(t, "ocr/1", "wait")
		before := o.up(t, spec)
		for range 3 {
			o.crash(t)
			if !alive(before.PID) {
				t.Fatal("the service died with the keeper")
			}
			if err := syscall.Kill(before.PID, syscall.SIGHUP); err != nil { // it writes while nobody reads
				t.Fatal(err)
			}
			o.begin(t)
			after := o.list(t)["ocr/1"]
			if after.PID != before.PID || after.State != StateRunning || after.Restarts != 0 || !after.StartedAt.Equal(before.StartedAt) {
				t.Fatalf("before %+v\nafter %+v", before, after)
			}
		}
		waitFor(t, "output written meanwhile", func() bool { return strings.Count(readFile(spec.Log.Path), "got hangup") == 3 })
		kill9(t, before.PID)
		next := o.waitStatus(t, "ocr/1", "restarted", func(s Status) bool { return s.PID != 0 && s.PID != before.PID })
		if next.LastExit == nil || next.LastExit.Signal != "KILL" {
			t.Errorf("exit of an adopted process: %+v", next.LastExit)
		}
	})
}

func TestWhatDiedMeanwhileIsRestarted(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		o := startOuter(t, cgroups)
		spec := o.spec(t, "ocr/1", "forks")
		spec.Stop.Grace = time.Millisecond
		before := o.up(t, spec)
		waitFor(t, "three leaves", func() bool { return len(pidsIn(readFile(spec.Log.Path))) == 3 })
		o.crash(t)
		kill9(t, before.PID)
		waitFor(t, "death", func() bool { return !alive(before.PID) })
		o.begin(t)
		after := o.waitStatus(t, "ocr/1", "restarted", func(s Status) bool { return s.PID != 0 && s.PID != before.PID })
		// The zombie tells, unless it was reaped in time; then nobody knows, and nothing is made up.
		if exit := after.LastExit; exit == nil || exit.Signal != "KILL" && !exit.Unknown {
			t.Errorf("%+v", after)
		}
		for _, pid := range pidsIn(readFile(spec.Log.Path))[:3] {
			if alive(pid) {
				t.Errorf("%d of the dead instance lives", pid)
			}
		}
	})
}

func TestAdoptionWithoutStateFiles(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"truncated": func(path string) error { return os.Truncate(path, 20) },
		"half":      func(path string) error { return os.Truncate(path, headSize+20) },
		"lost":      os.Remove,
		"unrecorded": func(path string) error { // killed between spawn and record
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			r, err := parseRecord(data)
			if err != nil {
				return err
			}
			r.PID, r.Start = 0, 0
			return saveRecord(path, *r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOuter(t, true)
			spec := o.spec(t, "ocr/1", "wait")
			before := o.up(t, spec)
			o.crash(t)
			if err := spoil(filepath.Join(o.dir, "instances", escapeID("ocr/1")+".json")); err != nil {
				t.Fatal(err)
			}
			o.begin(t)
			after := o.list(t)["ocr/1"]
			if after.PID != before.PID || after.Digest != before.Digest {
				t.Fatalf("before %+v\nafter %+v", before, after)
			}
			if again, err := o.client.Apply(t.Context(), spec, ApplyOptions{Start: true, Restart: true}); err != nil || again.PID != before.PID {
				t.Errorf("started twice: %+v %v", again, err)
			}
			if found, err := filepath.Glob(filepath.Join(o.dir, "instances", "*.damaged")); err == nil {
				for _, path := range found {
					if err := os.Remove(path); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

func saveRecord(path string, r record) error {
	head, err := r.head()
	if err != nil {
		return err
	}
	return writeState(path, head, r.Spec)
}

// A process that has the recorded pid and is another one is left alone.
func TestRecycledPidIsNotTouched(t *testing.T) {
	t.Parallel()
	bystander := exec.Command("sleep", "1000")
	bystander.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		kill9(t, bystander.Process.Pid)
		if err := bystander.Wait(); err == nil {
			t.Error("the bystander ended by itself")
		}
	}()
	dir := filepath.Join(t.TempDir(), "run")
	boot, err := kernel.BootID()
	if err != nil {
		t.Fatal(err)
	}
	stat, err := kernel.ReadStat(bystander.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []record{
		{BootID: boot, PID: stat.PID, Start: stat.Start - 1},
		{BootID: "another boot", PID: stat.PID, Start: stat.Start},
	} {
		r.Format, r.Nonce, r.State, r.Wanted = stateFormat, "x", StateRunning, true
		r.Spec = &Spec{ID: "ocr/1", Argv: []string{"sleep", "1000"}, Dir: "/", Env: []string{"PATH=/bin:/usr/bin"}}
		if err := os.MkdirAll(filepath.Join(dir, "instances"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := saveRecord(filepath.Join(dir, "instances", escapeID("ocr/1")+".json"), r); err != nil {
			t.Fatal(err)
		}
		k := startKeeper(t, func(c *KeeperConfig) { c.RunDir = dir })
		status := k.waitStatus(t, "ocr/1", "there", func(Status) bool { return true })
		if status.PID == stat.PID {
			t.Error("a stranger was adopted")
		}
		k.waitStatus(t, "ocr/1", "running again", inState(StateRunning))
		k.end()
		if !alive(stat.PID) {
			t.Fatal("the stranger was killed")
		}
	}
}

func TestStopGoesOnAfterTheKeepersDeath(t *testing.T) {
	t.Parallel()
	o := startOuter(t, true)
	spec := o.spec(t, "ocr/1", "stubborn")
	before := o.up(t, spec)
	if _, err := o.client.Stop(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	spec.Stop.Grace = 50 * time.Millisecond
	if _, err := o.client.Apply(t.Context(), spec, ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	o.crash(t)
	o.begin(t)
	o.waitStatus(t, "ocr/1", "stopped", inState(StateStopped))
	if alive(before.PID) {
		t.Error("it lives")
	}
}

// The subreaper leaves no zombies of processes whose parents died before them.
func TestNoZombiesUnderASubreaper(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		o := startOuter(t, cgroups)
		spec := o.spec(t, "ocr/1", "forks")
		spec.Stop.Grace = time.Millisecond
		o.up(t, spec)
		waitFor(t, "three leaves", func() bool { return len(pidsIn(readFile(spec.Log.Path))) == 3 })
		if _, err := o.client.StopWait(t.Context(), "ocr/1"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "no children of the keeper", func() bool {
			left, err := kernel.Children(o.cmd.Process.Pid)
			return err == nil && len(left) == 0
		})
	})
}

// Restarts, removals and connections leave no descriptor in the keeper.
func TestNoDescriptorsLeak(t *testing.T) {
	t.Parallel()
	o := startOuter(t, true)
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/" + strconv.Itoa(o.cmd.Process.Pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	spec := o.spec(t, "ocr/1", "wait")
	o.up(t, spec)
	before := descriptors()
	for range 20 {
		if _, err := o.client.RestartWait(t.Context(), "ocr/1", "test"); err != nil {
			t.Fatal(err)
		}
		other := spec
		other.ID, other.Log.Path = "other/1", filepath.Join(o.dir, "other.log")
		if _, err := o.client.Apply(t.Context(), other, ApplyOptions{Start: true}); err != nil {
			t.Fatal(err)
		}
		if err := o.client.Remove(t.Context(), "other/1"); err != nil {
			t.Fatal(err)
		}
		c, err := Dial(t.Context(), filepath.Join(o.dir, SocketName))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "as many descriptors as before", func() bool { return descriptors() <= before })
}

func TestOnlyOneKeeper(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	_, err := NewKeeper(KeeperConfig{RunDir: k.dir})
	if err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("%v", err)
	}
	if _, err := Dial(context.Background(), k.Socket()); err != nil {
		t.Errorf("the refused keeper took the socket: %v", err)
	}
}
