package services

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
)

// job makes a release a job of that kind; a cron service runs every second.
func job(kind configs.Kind, change func(*configs.Manifest)) func(*configs.Manifest) {
	return func(m *configs.Manifest) {
		m.Kind, m.Health.Disabled, m.Restart.Policy = kind, true, "never"
		if kind == configs.KindCron {
			m.Schedule = "@every 1s"
		}
		if change != nil {
			change(m)
		}
	}
}

// deployJob brings a job live as a deploy does; a oneshot's run ends with success.
func (r *rig) deployJob(t *testing.T, name string, change func(*configs.Manifest)) string {
	t.Helper()
	rel := r.release(t, name, change)
	rows, err := r.Launch(t.Context(), name, rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	id := rows[0].ID
	if r.keeper.runsOf(id) > 0 {
		r.keeper.finish(id, 0)
	}
	if err := r.AwaitHealthy(t.Context(), []string{id}, nil); err != nil {
		t.Fatal(err)
	}
	old, err := r.Switch(t.Context(), name, rel.ID, []string{id})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(t.Context(), idsOf(old)); err != nil {
		t.Fatal(err)
	}
	return id
}

// history is how the runs of a service ended, the first one first.
func (r *rig) history(t *testing.T, name string) string {
	t.Helper()
	runs, err := r.Runs(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for k := range runs {
		run := runs[len(runs)-1-k]
		words = append(words, run.Trigger+":"+string(run.State))
	}
	return strings.Join(words, " ")
}

func (r *rig) view(t *testing.T, name string) View {
	t.Helper()
	views, err := r.Status(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return views[0]
}

func TestAOneshotRunsToItsEnd(t *testing.T) {
	r := newRig(t)
	id := r.deployJob(t, "migrate", job(configs.KindOneshot, nil))
	eventually(t, "the run is stored", func() bool { return r.history(t, "migrate") == "deploy:succeeded" })
	v := r.view(t, "migrate")
	if v.State != procs.StateStopped || !strings.HasPrefix(v.Reason, "done: exit code 0 after ") || v.Job == nil || v.Job.Last.State != store.RunSucceeded || v.Ready != 0 {
		t.Errorf("%s: %s, %+v", v.State, v.Reason, v.Job)
	}
	if got := r.router.targets("migrate"); got != "503 is a oneshot service: it serves no requests" {
		t.Errorf("route: %s", got)
	}
	if v.Instances[0].Port != 0 || len(r.ports.given) != 0 {
		t.Errorf("it has port %d, %v", v.Instances[0].Port, r.ports.given)
	}
	spec := r.keeper.specs[id]
	if strings.Contains(strings.Join(spec.Env, " "), "PORT=") || !spec.Waits || spec.Once {
		t.Errorf("spec %+v", spec)
	}

	started := make(chan error, 1)
	go func() { started <- r.Start(t.Context(), "migrate") }()
	eventually(t, "it runs again", func() bool { return r.keeper.runsOf(id) == 2 && r.view(t, "migrate").Job.Run != nil })
	if _, err := r.RunNow(t.Context(), "migrate"); !errors.Is(err, ErrRuns) {
		t.Errorf("a run beside a run: %v", err)
	}
	r.keeper.finish(id, 3)
	if err := <-started; !errors.Is(err, ErrNotHealthy) || !strings.Contains(err.Error(), "exited with code 3") {
		t.Errorf("a start that fails: %v", err)
	}
	if got := r.reason(t, "migrate"); !strings.HasPrefix(got, "fatal: its run failed: exited with code 3") {
		t.Error(got)
	}
	run, err := r.RunNow(t.Context(), "migrate")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), "migrate"); err != nil {
		t.Fatal(err)
	}
	run, err = r.AwaitRun(t.Context(), "migrate", run.ID)
	if err != nil || run.State != store.RunStopped || run.Reason != "stopped by wish" {
		t.Errorf("a stopped run: %+v, %v", run, err)
	}
	if got := r.history(t, "migrate"); got != "deploy:succeeded user:failed user:stopped" {
		t.Error(got)
	}
	if got := r.reason(t, "migrate"); !strings.HasPrefix(got, "stopped: stopped; start it") {
		t.Error(got)
	}
	want := "job.started job.succeeded job.started job.failed job.started job.stopped"
	var told []string
	for _, kind := range r.told("migrate") {
		if strings.HasPrefix(kind, "job.") {
			told = append(told, kind)
		}
	}
	if got := strings.Join(told, " "); got != want {
		t.Errorf("told %s", got)
	}
	if _, err := r.AwaitRun(t.Context(), "migrate", 4711); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a run that is none: %v", err)
	}
	if err := r.Scale(t.Context(), "migrate", 2); !errors.Is(err, ErrOneAtATime) {
		t.Errorf("scaled: %v", err)
	}
	if err := r.Remove(t.Context(), "migrate"); err != nil {
		t.Fatal(err)
	}
	if left := r.leftovers(); left != "" {
		t.Error(left)
	}
}

func TestADeployOfAOneshotFailsWithIt(t *testing.T) {
	r := newRig(t)
	live := r.deployJob(t, "migrate", job(configs.KindOneshot, nil))
	rel := r.release(t, "migrate", job(configs.KindOneshot, nil))
	rows, err := r.Launch(t.Context(), "migrate", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.keeper.finish(rows[0].ID, 5)
	if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); !errors.Is(err, ErrNotHealthy) || !strings.Contains(err.Error(), "exited with code 5") {
		t.Errorf("%v", err)
	}
	if err := r.Retire(t.Context(), idsOf(rows)); err != nil {
		t.Fatal(err)
	}
	if v := r.view(t, "migrate"); len(v.Instances) != 1 || v.Instances[0].ID != live || !strings.HasPrefix(v.Reason, "done") {
		t.Errorf("%+v", v)
	}
	eventually(t, "both runs are stored", func() bool { return r.history(t, "migrate") == "deploy:succeeded deploy:failed" })
	next := r.heir(t, r.Machine)
	if got := next.reason(t, "migrate"); !strings.HasPrefix(got, "stopped: done") || next.keeper.runsOf(live) != 1 {
		t.Errorf("for the next daemon: %s, started %d times", got, next.keeper.runsOf(live))
	}
}

func TestACronServiceRunsByTheClock(t *testing.T) {
	r := newRig(t)
	id := r.deployJob(t, "report", job(configs.KindCron, nil))
	if !r.keeper.specs[id].Once {
		t.Error("a new keeper would start it")
	}
	eventually(t, "it runs", func() bool { return r.keeper.runsOf(id) == 1 })
	eventually(t, "the next is skipped", func() bool {
		return strings.Contains(strings.Join(r.told("report"), " "), "job.skipped") && r.history(t, "report") == "schedule:running schedule:skipped"
	})
	r.keeper.finish(id, 1)
	eventually(t, "it runs again", func() bool { return r.keeper.runsOf(id) == 2 })
	r.keeper.finish(id, 0)
	eventually(t, "both are stored", func() bool {
		return strings.HasPrefix(r.history(t, "report"), "schedule:failed schedule:skipped schedule:succeeded")
	})
	v := r.view(t, "report")
	if v.Kind != configs.KindCron || v.Job.Schedule != "@every 1s" || v.Job.Next.IsZero() {
		t.Errorf("%+v", v.Job)
	}
	if err := r.Stop(t.Context(), "report"); err != nil {
		t.Fatal(err)
	}
	n := r.keeper.runsOf(id)
	if v := r.view(t, "report"); !v.Job.Next.IsZero() || v.State != procs.StateStopped {
		t.Errorf("stopped, and next at %s", v.Job.Next)
	}
	run, err := r.RunNow(t.Context(), "report")
	if err != nil || run.Trigger != store.TriggerUser {
		t.Fatalf("%+v, %v", run, err)
	}
	r.keeper.finish(id, 0)
	if run, err = r.AwaitRun(t.Context(), "report", run.ID); err != nil || run.State != store.RunSucceeded || *run.Code != 0 {
		t.Errorf("%+v, %v", run, err)
	}
	if err := r.Start(t.Context(), "report"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its schedule goes on", func() bool { return r.keeper.runsOf(id) > n+1 })
}

// TestARunMayEndAfterADeploy: what runs when another release goes live is not cut off.
func TestARunMayEndAfterADeploy(t *testing.T) {
	r := newRig(t)
	yearly := job(configs.KindCron, func(m *configs.Manifest) { m.Schedule = "@yearly" })
	id := r.deployJob(t, "report", yearly)
	if _, err := r.RunNow(t.Context(), "report"); err != nil {
		t.Fatal(err)
	}
	deployed := make(chan string, 1)
	go func() { deployed <- r.deployJob(t, "report", yearly) }()
	eventually(t, "the new release is live", func() bool {
		v := r.view(t, "report")
		return len(v.Instances) == 2 && v.Instances[1].Live
	})
	if r.keeper.pidOf(id) == 0 {
		t.Error("the run was cut off")
	}
	r.keeper.finish(id, 0)
	<-deployed
	eventually(t, "its end is stored", func() bool { return r.history(t, "report") == "user:succeeded" })
}

func TestARunIsReplaced(t *testing.T) {
	r := newRig(t)
	id := r.deployJob(t, "report", job(configs.KindCron, func(m *configs.Manifest) { m.Concurrency = configs.ConcurrencyReplace }))
	eventually(t, "one run is stopped for the next", func() bool {
		return r.keeper.runsOf(id) >= 2 && strings.HasPrefix(r.history(t, "report"), "schedule:stopped schedule:")
	})
}

func TestARunThatTakesTooLongIsStopped(t *testing.T) {
	r := newRig(t)
	id := r.deployJob(t, "report", job(configs.KindCron, func(m *configs.Manifest) {
		m.Schedule, m.Timeout = "@yearly", configs.Duration(100*time.Millisecond)
	}))
	run, err := r.RunNow(t.Context(), "report")
	if err != nil {
		t.Fatal(err)
	}
	run, err = r.AwaitRun(t.Context(), "report", run.ID)
	if err != nil || run.State != store.RunFailed || run.Reason != "stopped: it took longer than its timeout of 100ms" {
		t.Errorf("%+v, %v", run, err)
	}
	if r.keeper.pidOf(id) != 0 {
		t.Error("it runs")
	}
}

func TestADeployMayRunACronService(t *testing.T) {
	r := newRig(t)
	rel := r.release(t, "report", job(configs.KindCron, func(m *configs.Manifest) { m.Schedule, m.RunOnDeploy = "@yearly", true }))
	rows, err := r.Launch(t.Context(), "report", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	var waited bool
	failed := make(chan error, 1)
	go func() {
		failed <- r.AwaitHealthy(t.Context(), idsOf(rows), func(string) {
			if !waited {
				waited = true
				r.keeper.finish(rows[0].ID, 4)
			}
		})
	}()
	if err := <-failed; !errors.Is(err, ErrNotHealthy) {
		t.Errorf("%v", err)
	}
}

// heir is a daemon that follows another one.
func (r *rig) heir(t *testing.T, machine string) *rig {
	t.Helper()
	deps := r.Deps
	deps.Machine = machine
	next := &rig{Manager: New(deps), keeper: r.keeper, router: r.router, ports: r.ports}
	r.keeper.mu.Lock()
	r.keeper.observe = next.Observe
	for _, s := range r.keeper.status {
		next.Observe(s)
	}
	r.keeper.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- next.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	if err := next.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	return next
}

// TestRunsOutliveTheDaemon: what runs goes on, what ended meanwhile is recorded, what is gone is not made up.
func TestRunsOutliveTheDaemon(t *testing.T) {
	r := newRig(t)
	yearly := func(m *configs.Manifest) { m.Schedule = "@yearly" }
	ids := map[string]string{}
	for _, name := range []string{"goes-on", "ended", "gone", "rests"} {
		ids[name] = r.deployJob(t, name, job(configs.KindCron, yearly))
		if name == "rests" {
			continue
		}
		if _, err := r.RunNow(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	r.keeper.mu.Lock()
	r.keeper.observe = func(procs.Status) {} // the daemon is dead
	delete(r.keeper.status, ids["gone"])
	r.keeper.mu.Unlock()
	r.keeper.finish(ids["ended"], 7)

	next := r.heir(t, r.Machine)
	eventually(t, "the end is recorded", func() bool { return next.history(t, "ended") == "user:failed" })
	eventually(t, "an end nobody saw is unknown", func() bool { return next.history(t, "gone") == "user:unknown" })
	if got := next.history(t, "goes-on"); got != "user:running" || next.keeper.runsOf(ids["goes-on"]) != 1 {
		t.Errorf("%s, started %d times", got, next.keeper.runsOf(ids["goes-on"]))
	}
	next.keeper.finish(ids["goes-on"], 0)
	eventually(t, "and its end later", func() bool { return next.history(t, "goes-on") == "user:succeeded" })
	if n := next.keeper.runsOf(ids["rests"]); n != 0 {
		t.Errorf("started %d times", n)
	}
}

// TestAOneshotRunsOncePerStartOfTheMachine: a daemon that follows another does not run it, one after a boot does.
func TestAOneshotRunsOncePerStartOfTheMachine(t *testing.T) {
	r := newRig(t)
	id := r.deployJob(t, "migrate", job(configs.KindOneshot, nil))
	eventually(t, "the run is stored", func() bool { return r.history(t, "migrate") == "deploy:succeeded" })
	next := r.heir(t, r.Machine)
	if got := next.reason(t, "migrate"); !strings.HasPrefix(got, "stopped: done: exit code 0") {
		t.Error(got)
	}
	booted := r.heir(t, "another start")
	eventually(t, "it runs again", func() bool { return booted.keeper.runsOf(id) == 2 })
	booted.keeper.finish(id, 0)
	eventually(t, "and is done", func() bool { return booted.history(t, "migrate") == "deploy:succeeded boot:succeeded" })
}

func TestAfterAOneshot(t *testing.T) {
	r := newRig(t)
	id := r.deployJob(t, "migrate", job(configs.KindOneshot, nil))
	after := func(m *configs.Manifest) { m.After = []string{"migrate"} }
	rel := r.release(t, "app", after)
	rows, err := r.Launch(t.Context(), "app", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Switch(t.Context(), "app", rel.ID, idsOf(rows)); err != nil {
		t.Fatal(err)
	}
	restart := func() error {
		t.Helper()
		if err := r.Stop(t.Context(), "app"); err != nil {
			t.Fatal(err)
		}
		return r.Start(t.Context(), "app")
	}
	if err := restart(); err != nil {
		t.Errorf("after one that is done: %v", err)
	}
	run := func(code int) {
		t.Helper()
		run, err := r.RunNow(t.Context(), "migrate")
		if err != nil {
			t.Fatal(err)
		}
		r.keeper.finish(id, code)
		if _, err := r.AwaitRun(t.Context(), "migrate", run.ID); err != nil {
			t.Fatal(err)
		}
	}
	run(1)
	if err := restart(); err == nil || !strings.Contains(err.Error(), "migrate failed: exited with code 1") {
		t.Errorf("after one that has failed: %v", err)
	}
	if r.keeper.pidOf("app/1") != 0 {
		t.Error("it was started all the same")
	}
	run(0)
	if err := r.Start(t.Context(), "app"); err != nil {
		t.Errorf("after it has succeeded: %v", err)
	}

	r.deployJob(t, "report", job(configs.KindCron, func(m *configs.Manifest) { m.Schedule = "@yearly" }))
	if err := r.Stop(t.Context(), "migrate"); err != nil {
		t.Fatal(err)
	}
	warnings, err := r.CheckOrder(t.Context(), "app", []string{"migrate", "report", "nobody"})
	if err != nil || len(warnings) != 3 || !strings.Contains(warnings[0], "migrate is stopped") ||
		!strings.Contains(warnings[1], "report is a cron service") || !strings.Contains(warnings[2], "no service nobody") {
		t.Errorf("%q, %v", warnings, err)
	}
	if _, err := r.CheckOrder(t.Context(), "migrate", []string{"app"}); err == nil || !strings.Contains(err.Error(), "app → migrate → app") {
		t.Errorf("a cycle: %v", err)
	}
}

func TestOnlyJobsRun(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	if _, err := r.RunNow(t.Context(), "ocr"); !errors.Is(err, ErrNotJob) {
		t.Errorf("%v", err)
	}
	if _, err := r.RunNow(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := r.Runs(t.Context(), "nobody", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if v := r.view(t, "ocr"); v.Kind != configs.KindService || v.Job != nil {
		t.Errorf("%+v", v)
	}
	if fmt.Sprint(thisStart()) == "" {
		t.Error("the start of the machine has no name")
	}
}
