package procs

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A child that is killed for want of memory takes the instance with it, though its leader lives: by the kernel under
// version 2, by the keeper under version 1. The reason is told, and the policy applies.
func TestPartialOOMEndsTheInstance(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || !canLimit(t) {
		return // TestEnforceable and the fakes of package cgroups cover what needs no controller
	}
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		s := k.spec(t, "partial", "")
		s.Env = os.Environ()
		s.Argv = []string{python, "-c", `
import os, time
if os.fork() == 0:
    b = bytearray(200 << 20); b[:] = bytes([1]) * len(b)
    os._exit(0)
time.sleep(600)
`}
		s.Limits = Limits{Memory: 48 << 20, Pids: 20}
		s.Restart.Policy = PolicyNever
		exit := exitOfRun(t, k, s)
		if !exit.OOM || exit.Signal != "KILL" || !strings.Contains(describeExit(exit), "killed: out of memory (limit 48 MiB)") {
			t.Errorf("%+v: %s", exit, describeExit(exit))
		}
	})
}

// A kill counted before the process began is not its own.
func TestOOMOfAnEarlierProcessIsNotBlamedOnTheNext(t *testing.T) {
	if !canLimit(t) {
		return
	}
	k := startKeeper(t, withCgroups(false))
	limiter, err := k.host.limiter("heir")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{host: k.host, id: "heir", limits: Limits{Memory: 1 << 30}, limiter: &limiter}
	if p.oomBefore = limiter.OOMKills() - 1; !p.oomKilled() || !p.noteOOM(Exit{Signal: "KILL"}).OOM {
		t.Error("a kill that was counted is not told")
	}
	if p.oomBefore = limiter.OOMKills(); p.oomKilled() || p.noteOOM(Exit{Signal: "KILL"}).OOM {
		t.Error("an old kill is told again")
	}
	if p.oomBefore = -1; p.noteOOM(Exit{Signal: "TERM"}).OOM || p.noteOOM(Exit{Code: 1}).OOM {
		t.Error("an exit that was no kill is told as one")
	}
}

func TestEnforceable(t *testing.T) {
	all := Enforceable()
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	for _, e := range all {
		if (e.How == "") != (e.Why != nil) {
			t.Errorf("%s: how %q, why %v", e.Limit, e.How, e.Why)
		}
	}
	if can := canLimit(t); can != (len(Limits{Memory: 1, Pids: 1}.Unenforced()) == 0) {
		t.Errorf("limits can be set: %v, but what is said: %+v", can, all)
	}
	if missing := (Limits{}).Unenforced(); len(missing) != 0 {
		t.Errorf("no limit cannot be enforced: %+v", missing)
	}
}

// The groups of a running process are found by the process, wherever the keeper that asks stands.
func TestLimiterOfAnAdoptedProcess(t *testing.T) {
	if !canLimit(t) {
		return
	}
	k := startKeeper(t, withCgroups(false))
	s := k.spec(t, "found", "wait")
	s.Limits = Limits{Memory: 256 << 20, Pids: 50}
	running := k.up(t, s)
	p := &process{host: k.host, id: s.ID, pid: running.PID, limits: s.Limits, tree: k.host.walkedTree("x")}
	if err := p.findLimiter(); err != nil {
		t.Fatal(err)
	}
	made, err := k.host.limiter(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if found, want := p.limiter.Dirs(), made.Dirs(); found["memory"] == "" || found["memory"] != want["memory"] || found["pids"] != want["pids"] {
		t.Errorf("found %v, made %v", found, want)
	}
	// One that is in no group of this name has none, and nothing to count or to remove.
	stranger := &process{host: k.host, id: "stranger", pid: os.Getpid(), limits: s.Limits, tree: k.host.walkedTree("x")}
	if err := stranger.findLimiter(); err != nil || len(stranger.limiter.Dirs()) != 0 || stranger.oomKilled() || stranger.endLimits() != nil {
		t.Errorf("%+v %v", stranger.limiter, err)
	}
}
