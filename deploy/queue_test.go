package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"aictl/store"
)

// gate makes a fleet's candidates wait until the test opens it.
func gate(r *rig) (open func()) {
	held := make(chan struct{})
	r.fleet.mu.Lock()
	defer r.fleet.mu.Unlock()
	r.fleet.await = func(ctx context.Context) error {
		select {
		case <-held:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return func() { close(held) }
}

func (r *rig) atStep(id int64, name string) {
	r.t.Helper()
	r.waitFor("step "+name, func() bool { return strings.HasSuffix(r.steps(id), name+":running") })
}

func TestNewerDeployTakesThePlaceOfAWaitingOne(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	open := gate(r)
	first := r.submit(Request{Source: o.source()})
	r.atStep(first.ID, StepHealth)
	second := r.submit(Request{Source: o.source(), Env: map[string]string{"A": "2"}})
	events, stop := r.Subscribe(second.ID)
	defer stop()
	o.commit(map[string]string{"new": "1"})
	third := r.submit(Request{Source: o.source()})
	if row := r.ended(second.ID); row.State != store.DeploySuperseded {
		t.Errorf("second: %+v", row)
	}
	if ev, ok := <-events; !ok || ev.State != string(store.DeploySuperseded) {
		t.Errorf("its subscriber got %+v", ev)
	}
	open()
	if a, b := r.ended(first.ID), r.ended(third.ID); a.State != store.DeployLive || b.State != store.DeployLive || r.service("svc").Release != b.Release || len(r.service("svc").Env) > 0 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestCancelKillsTheBuild(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	pid := filepath.Join(t.TempDir(), "pid")
	o := newOrigin(t, plain("hooks: {release: \"sh -c '(setsid sh -c \\\"echo \\\\$\\\\$ > "+pid+"; exec sleep 60\\\" &); sleep 60'\"}\n"))
	row := r.submit(Request{Source: o.source()})
	grandchild := func() bool {
		text, err := os.ReadFile(pid)
		if err != nil || len(text) == 0 {
			return false
		}
		stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(text)), "stat"))
		return err == nil && !strings.Contains(string(stat), ") Z ")
	}
	r.waitFor("the grandchild", grandchild)
	must(t, r.Cancel(t.Context(), row.ID))
	row = r.ended(row.ID)
	if row.State != store.DeployCancelled || row.FailedStep != StepHook || row.Error != "cancelled" {
		t.Errorf("%+v", row)
	}
	r.waitFor("the grandchild's end", func() bool { return !grandchild() })
	if got := r.folders("svc"); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	if err := r.Cancel(t.Context(), row.ID); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second cancel: %v", err)
	}
	if err := r.Cancel(t.Context(), 99); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("cancel of what never was: %v", err)
	}
}

func TestCancelOfAWaitingDeploy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: newOrigin(t, plain("")).source()})
	must(t, r.Cancel(t.Context(), row.ID))
	if row := r.ended(row.ID); row.State != store.DeployCancelled {
		t.Errorf("%+v", row)
	}
}

// From the row that says running on, a deploy can be cancelled and does not go live all the same.
func TestCancelRightAfterTheClaim(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: newOrigin(t, plain("")).source()})
	j, ok, err := r.claim(t.Context())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(t, r.Cancel(t.Context(), row.ID))
	r.carryOut(t.Context(), j)
	if row := r.ended(row.ID); row.State != store.DeployCancelled || len(r.fleet.calls) > 0 {
		t.Errorf("%+v, calls %q", row, r.fleet.calls)
	}
}

func TestCancelIsTooLateOnceItSwitches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: newOrigin(t, plain("")).source()})
	j, _, err := r.claim(t.Context())
	must(t, err)
	run := newRunner(r.Deployer, j.row, j.want)
	must(t, run.commitTo(j.ctx))
	if err := r.Cancel(t.Context(), row.ID); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "aictl rollback") || j.ctx.Err() != nil {
		t.Errorf("%v, %v", err, j.ctx.Err())
	}
	j.cancel(ErrCancelled)
	if err := run.commitTo(j.ctx); !errors.Is(err, ErrCancelled) {
		t.Errorf("a cancelled deploy may switch: %v", err)
	}
}

// The deploy that waits for a name must not keep the only build slot from the one it waits for.
func TestWaitingForANameHoldsNoBuildSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *Deps) { d.Slots = 1 })
	o := newOrigin(t, plain("name: ocr\n"))
	unnamed := r.submit(Request{Source: o.source()}) // "svc" until its manifest is read
	named := r.submit(Request{Source: o.source(), Name: "ocr"})
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	start := func(id int64) func() {
		j, ok, err := r.claim(t.Context())
		if err != nil || !ok || j.row.ID != id {
			t.Fatal(j.row, ok, err)
		}
		return func() { running.Go(func() { r.carryOut(t.Context(), j) }) }
	}
	first, second := start(unnamed.ID), start(named.ID)
	first()
	r.waitFor("it to wait", func() bool {
		return r.detail(unnamed.ID, StepManifest) == "waits for the deploy of ocr that runs"
	})
	second()
	for _, id := range []int64{named.ID, unnamed.ID} {
		if row := r.ended(id); row.State != store.DeployLive || row.Service != "ocr" {
			t.Errorf("%+v", row)
		}
	}
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	open := gate(r)
	defer open()
	running := r.submit(Request{Source: o.source()})
	r.atStep(running.ID, StepHealth)
	queued := r.submit(Request{Source: o.source()})
	must(t, r.Abandon(t.Context(), "svc"))
	for _, id := range []int64{running.ID, queued.ID} {
		if row, err := r.Store.Deploy(t.Context(), id); err != nil || row.State != store.DeployCancelled {
			t.Errorf("%+v, %v", row, err)
		}
	}
}

// A row that says running before the queue runs belongs to an earlier daemon.
func TestAbandonBeforeTheQueueRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: newOrigin(t, plain("")).source()})
	_, ok, err := r.Store.ClaimDeploy(t.Context(), 1)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(t, r.Abandon(t.Context(), "svc"))
	if row := r.ended(row.ID); row.State != store.DeployCancelled {
		t.Errorf("%+v", row)
	}
}

// crash leaves a rig as a daemon that was killed in the middle of a deploy leaves it.
func crash(t *testing.T, r *rig, o *upstream) store.Deploy {
	t.Helper()
	row := r.submit(Request{Source: o.source(), Env: map[string]string{"A": "1"}, Actor: "ann"})
	claimed, ok, err := r.Store.ClaimDeploy(t.Context(), 1)
	if err != nil || !ok || claimed.ID != row.ID {
		t.Fatal(claimed, ok, err)
	}
	for _, name := range []string{StepFetch, StepHealth} {
		_, err = r.Store.StartStep(t.Context(), row.ID, name)
		must(t, err)
	}
	return row
}

func TestStartAfterACrash(t *testing.T) {
	t.Parallel()
	old := newRig(t).run()
	o := newOrigin(t, plain(""))
	live := old.deploy(o)
	old.stop()
	row := crash(t, old, o)
	candidate, err := old.Store.CreateRelease(t.Context(), store.Release{Service: "svc", Commit: live.Commit})
	must(t, err)
	_, err = old.Store.AddInstances(t.Context(), "svc", candidate.ID, 1, false)
	must(t, err)
	write(t, filepath.Join(old.incoming("7"), "half"), "x")
	write(t, filepath.Join(old.releaseDir("svc", "r9-dead"), "file"), "nobody's")
	build := exec.Command("sleep", "60")
	build.Env = []string{"AICTL_BUILD=" + old.mark() + "#7"}
	must(t, build.Start())

	r := &rig{Deployer: New(old.deps), t: t, fleet: old.fleet, deps: old.deps, root: old.root}
	r.run()
	cut := r.ended(row.ID)
	if cut.State != store.DeployInterrupted || cut.FailedStep != StepHealth || !strings.Contains(cut.Error, "stopped") {
		t.Errorf("%+v", cut)
	}
	if err := build.Wait(); err == nil {
		t.Error("the left-over build went on")
	}
	var again store.Deploy
	r.waitFor("the deploy to be queued again", func() bool {
		all, err := r.Store.Deploys(t.Context(), store.DeployFilter{Service: "svc", Limit: 1})
		must(t, err)
		again = all[0]
		return again.ID > row.ID
	})
	again = r.ended(again.ID)
	if again.State != store.DeployLive || again.Trigger != TriggerRestart || again.Actor != "ann" || r.service("svc").Env["A"] != "1" {
		t.Errorf("%+v", again)
	}
	r.stop()
	calls := strings.Join(r.fleet.calls, "; ")
	if !strings.Contains(calls, "retire [svc/2]; start live; launch") {
		t.Errorf("calls: %s", calls)
	}
	// What no row names is gone.
	if got := r.folders("svc"); !slices.Equal(got, []string{live.Release, again.Release}) {
		t.Errorf("folders %q", got)
	}
}

// A deploy that brings the daemon down does so once more, not for ever.
func TestInterruptedTwiceIsNotQueuedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := newOrigin(t, plain(""))
	crash(t, r, o)
	must(t, r.recover(t.Context()))
	if _, ok, err := r.Store.ClaimDeploy(t.Context(), 1); err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(t, r.recover(t.Context()))
	all, err := r.Store.Deploys(t.Context(), store.DeployFilter{})
	if err != nil || len(all) != 2 || all[0].State != store.DeployInterrupted || all[1].State != store.DeployInterrupted {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestCrashAfterTheSwitchIsLive(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	done := r.deploy(o)
	r.stop()
	row := crash(t, r, o)
	must(t, r.Store.SetDeployRelease(t.Context(), row.ID, done.Release))
	must(t, r.recover(t.Context()))
	if row := r.ended(row.ID); row.State != store.DeployLive {
		t.Errorf("%+v", row)
	}
}

func TestStopInterruptsAndTheNextStartTakesItUp(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	gate(r)
	row := r.submit(Request{Source: o.source(), Replicas: new(2)})
	r.atStep(row.ID, StepHealth)
	r.stop()
	if row := r.ended(row.ID); row.State != store.DeployInterrupted || row.FailedStep != StepHealth {
		t.Errorf("%+v", row)
	}
	r.fleet.await = nil
	r.Deployer = New(r.deps)
	r.run()
	if next := r.ended(row.ID + 1); next.State != store.DeployLive || r.service("svc").Replicas != 2 || !r.service("svc").ReplicasPinned {
		t.Errorf("%+v, %+v", next, r.service("svc"))
	}
}

// A subscriber that came before the queue ran is not lost by its start.
func TestSubscriberOfAWaitingDeploy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: newOrigin(t, plain("")).source()})
	events, stop := r.Subscribe(row.ID)
	defer stop()
	r.run()
	var last Event
	for ev := range events {
		last = ev
	}
	if last.State != string(store.DeployLive) {
		t.Errorf("the last event is %+v", last)
	}
}

func TestRollbackNeedsNoOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	first := r.deploy(o)
	if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", Actor: "ann", Trigger: "cli"}); !errors.Is(err, ErrNoSuchRelease) {
		t.Errorf("with nothing before: %v", err)
	}
	o.commit(map[string]string{"new": "1"})
	second := r.deploy(o)
	must(t, os.RemoveAll(o.dir))
	must(t, os.RemoveAll(filepath.Join(r.root, "repos")))
	row, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", Actor: "ann", Trigger: "cli"})
	must(t, err)
	row = r.ended(row.ID)
	svc := r.service("svc")
	if row.State != store.DeployLive || row.Kind != KindRollback || row.Commit != first.Commit || svc.Release != first.Release || svc.Previous != second.Release {
		t.Errorf("%+v, %+v", row, svc)
	}
	if got, want := r.steps(row.ID), "start:done health:done interface:skipped switch:done drain:done"; got != want {
		t.Errorf("steps %s", got)
	}
	for to, want := range map[string]error{first.Release: store.ErrConflict, "r99-00000000": ErrNoSuchRelease} {
		if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: to}); !errors.Is(err, want) {
			t.Errorf("to %s: %v; want %v", to, err, want)
		}
	}
	if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "nothing"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no service: %v", err)
	}
	must(t, os.RemoveAll(r.releaseDir("svc", second.Release)))
	if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: second.Release}); !errors.Is(err, ErrNoSuchRelease) || !strings.Contains(err.Error(), "deploy commit "+second.Commit+" again") {
		t.Errorf("to a lost folder: %v", err)
	}
}

// An environment that was lost is found out before anything is started.
func TestRollbackWithoutItsEnvironment(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, map[string]string{"main.py": "", "aictl.yaml": "command: sh main.py\n"})
	first := r.deploy(o)
	o.commit(plain("runtime: command\n"))
	second := r.deploy(o)
	must(t, os.RemoveAll(r.deps.Dirs.Envs))
	row, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: first.Release})
	must(t, err)
	row = r.ended(row.ID)
	if row.State != store.DeployFailed || row.FailedStep != StepStart || !strings.Contains(row.Error, "deploy commit "+first.Commit+" again") || r.service("svc").Release != second.Release {
		t.Errorf("%+v", row)
	}
}

func TestCleanUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *Deps) { d.Keep = 3 }).run()
	o := newOrigin(t, plain(""))
	outside := t.TempDir()
	write(t, filepath.Join(outside, "r1-x", "precious"), "x")
	var rel []string
	rel = append(rel, r.deploy(o).Release, r.deploy(o).Release)
	must(t, os.Symlink(outside, filepath.Join(r.deps.Dirs.Releases, "linked")))
	must(t, os.Symlink(outside, r.releaseDir("svc", "r0-link")))
	must(t, os.Symlink(outside, filepath.Join(r.releaseDir("svc", rel[0]), "inside")))
	for range 2 {
		rel = append(rel, r.deploy(o).Release)
	}
	// Back to the second: it is live, the last one previous, and both stay whatever comes.
	row, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: rel[1]})
	must(t, err)
	if row := r.ended(row.ID); row.State != store.DeployLive {
		t.Fatalf("%+v", row)
	}
	r.stop()
	r.Keep = 1
	gone, err := r.Clean(t.Context())
	must(t, err)
	want := []string{"r0-link", rel[1], rel[3]}
	if got := r.folders("svc"); !slices.Equal(got, want) {
		t.Errorf("kept %q; want %q; removed %q", got, want, gone)
	}
	if _, err := os.Stat(filepath.Join(outside, "r1-x", "precious")); err != nil {
		t.Errorf("a link was followed: %v", err)
	}
	for _, dir := range gone {
		if rest, ok := strings.CutPrefix(dir, r.deps.Dirs.Releases+"/"); ok && strings.Contains(rest, "..") {
			t.Errorf("%s is outside", dir)
		}
	}
	// A deploy under way keeps its release, though nothing else does.
	row = r.submit(Request{Source: o.source()})
	j, _, err := r.claim(t.Context())
	must(t, err)
	run := newRunner(r.Deployer, j.row, j.want)
	run.out, err = openLog(r.deps.Dirs.Logs, row.ID, r.hub, r.Now)
	must(t, err)
	for _, step := range []string{StepFetch, StepCheckout, StepManifest, StepEnvironment} {
		must(t, run.take(j.ctx, planned{Name: step}))
	}
	must(t, run.out.close())
	if gone, err := r.Clean(t.Context()); err != nil || len(gone) > 0 {
		t.Errorf("removed %q, %v", gone, err)
	}
	j.cancel(nil)
	run.freeSlot()
}

// The folders of the releases are known by their place, not by the path that was right when they were made.
func TestCleanUpAfterTheDataDirectoryMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	live := r.deploy(newOrigin(t, plain("")))
	r.stop()
	moved := filepath.Join(r.root, "moved")
	must(t, os.Rename(r.deps.Dirs.Releases, moved))
	r.deps.Dirs.Releases = moved
	if gone, err := New(r.deps).Clean(t.Context()); err != nil || len(gone) > 0 || !slices.Equal(r.folders("svc"), []string{live.Release}) {
		t.Errorf("removed %q, %v", gone, err)
	}
}

func TestSurplus(t *testing.T) {
	t.Parallel()
	all := []store.Release{{ID: "5"}, {ID: "4"}, {ID: "3"}, {ID: "2"}, {ID: "1"}}
	for _, c := range []struct {
		live, previous string
		keep           int
		want           string
	}{
		{"5", "4", 3, "1 2"}, {"5", "4", 1, "1 2 3"}, {"1", "2", 3, "3 4"}, {"", "", 2, "1 2 3"}, {"5", "1", 9, ""},
	} {
		var got []string
		for id := range surplus(all, store.Service{Release: c.live, Previous: c.previous}, c.keep) {
			got = append(got, id)
		}
		slices.Sort(got)
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v drops %s", c, s)
		}
	}
}

func TestWishesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: newOrigin(t, plain("")).source(), Replicas: new(1)})
	must(t, r.Store.SetSetting(t.Context(), wishKey(row.ID), "{", true, "test"))
	r.run()
	if row := r.ended(row.ID); row.State != store.DeployFailed || !strings.Contains(row.Error, "read what deploy "+strconv.FormatInt(row.ID, 10)) {
		t.Errorf("%+v", row)
	}
	var syntax *json.SyntaxError
	if _, err := r.wishesOf(t.Context(), row.ID); err != nil && !errors.As(err, &syntax) {
		t.Error(err)
	}
}
