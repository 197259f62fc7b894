package procs

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStartStopRestart(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "wait")
		first := k.up(t, spec)
		if first.State != StateRunning || first.PID == 0 || !alive(first.PID) {
			t.Fatalf("after start: %+v", first)
		}
		readies := func() int { return strings.Count(readFile(spec.Log.Path), "ready") }
		second, err := k.client.RestartWait(t.Context(), "ocr/1", "asked to")
		if err != nil || second.PID == first.PID || alive(first.PID) || !alive(second.PID) {
			t.Fatalf("after restart: %+v %v", second, err)
		}
		waitFor(t, "second process ready", func() bool { return readies() == 2 })
		stopped, err := k.client.StopWait(t.Context(), "ocr/1")
		if err != nil || stopped.State != StateStopped || alive(second.PID) {
			t.Fatalf("after stop: %+v %v", stopped, err)
		}
		if stopped.LastExit == nil || stopped.LastExit.Code != 0 {
			t.Errorf("exit: %+v", stopped.LastExit)
		}
		if err := k.client.Remove(t.Context(), "ocr/1"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCrashIsRestartedAtOnceAfterHealth(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "wait")
		first := k.up(t, spec)
		waitFor(t, "sustained health", func() bool { return time.Since(first.StartedAt) > spec.Restart.Stable })
		kill9(t, first.PID)
		second := k.waitStatus(t, "ocr/1", "restarted", func(s Status) bool { return s.PID != first.PID && s.State == StateRunning })
		if second.Restarts != 1 || second.LastExit == nil || second.LastExit.Signal != "KILL" {
			t.Errorf("after crash: %+v", second)
		}
	})
}

func TestStubbornServiceIsKilled(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "stubborn")
		spec.Stop.Grace = 50 * time.Millisecond
		k.up(t, spec)
		status, err := k.client.StopWait(t.Context(), "ocr/1")
		if err != nil || status.State != StateStopped || !strings.Contains(status.Reason, "did not end within 50ms of SIGTERM") {
			t.Errorf("%+v %v", status, err)
		}
	})
}

func TestWholeTreeDies(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "forks")
		spec.Stop.Grace = 50 * time.Millisecond
		spec.Restart.Policy = PolicyNever
		first := k.up(t, spec)
		waitFor(t, "three leaves", func() bool { return len(pidsIn(readFile(spec.Log.Path))) == 3 })
		if _, err := k.client.StopWait(t.Context(), "ocr/1"); err != nil {
			t.Fatal(err)
		}
		for _, pid := range append(pidsIn(readFile(spec.Log.Path)), first.PID) {
			if alive(pid) {
				t.Errorf("%d survived the stop", pid)
			}
		}
		if _, err := k.client.Start(t.Context(), "ocr/1"); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if t.Failed() {
				t.Log(readFile(spec.Log.Path))
			}
		}()
		waitFor(t, "three more leaves", func() bool { return len(pidsIn(readFile(spec.Log.Path))) == 6 })
		second := k.waitStatus(t, "ocr/1", "running", inState(StateRunning))
		if err := syscall.Kill(second.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		k.waitStatus(t, "ocr/1", "fatal", inState(StateFatal))
		for _, pid := range pidsIn(readFile(spec.Log.Path)) {
			if alive(pid) {
				t.Errorf("%d survived the crash of its leader", pid)
			}
		}
	})
}
