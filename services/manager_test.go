package services

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
)

func TestDeploySwitchesAndRetires(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	eventually(t, "the first release is routed", func() bool { return r.router.targets("ocr") == "ocr/1" })
	second := r.deploy(t, "ocr", 2)
	eventually(t, "the second release is routed", func() bool { return r.router.targets("ocr") == "ocr/2 ocr/3" })
	if !slices.Contains(r.router.drained, "ocr/1") {
		t.Error("the old instance was not drained")
	}
	svc, err := r.Store.Service(t.Context(), "ocr")
	if err != nil || svc.Release != second.ID || svc.Previous == "" {
		t.Errorf("service %+v, %v", svc, err)
	}
	if _, kept := r.ports.given["ocr/1"]; kept {
		t.Error("the old instance's port was not given back")
	}
	r.deploy(t, "ocr", 1)
	eventually(t, "the free slot is used again", func() bool { return r.router.targets("ocr") == "ocr/1" })
}

func TestCandidatesGetNoRequestsUntilSwitch(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	rel := r.release(t, "ocr", nil)
	rows, err := r.Launch(t.Context(), "ocr", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); got != "ocr/1" {
		t.Errorf("requests go to %s before the switch", got)
	}
}

func TestAwaitHealthySaysWhyNot(t *testing.T) {
	for _, tc := range []struct {
		name  string
		setup func(*rig, string)
		want  string
	}{
		{"exits", func(r *rig, rel string) { r.keeper.mark(r.keeper.broken, rel) }, "ocr/1 exited with code 3 after 40ms"},
		{"health answers 500", func(r *rig, rel string) { r.keeper.mark(r.keeper.sick, rel) }, "not healthy within its start period of 300ms: GET /health answered 500"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			rel := r.release(t, "ocr", nil)
			tc.setup(r, rel.ID)
			rows, err := r.Launch(t.Context(), "ocr", rel.ID, 1)
			if err != nil {
				t.Fatal(err)
			}
			err = r.AwaitHealthy(t.Context(), idsOf(rows), nil)
			if !errors.Is(err, ErrNotHealthy) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			if err := r.Retire(t.Context(), idsOf(rows)); err != nil {
				t.Fatal(err)
			}
			left, err := r.Store.Instances(t.Context(), "ocr", "")
			if err != nil || len(left) != 0 || r.leftovers() != "" {
				t.Errorf("left behind: %v %s, %v", left, r.leftovers(), err)
			}
		})
	}
}

func TestAwaitHealthyEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	rel := r.release(t, "ocr", func(m *configs.Manifest) { m.Health.StartPeriod = configs.Duration(time.Hour) })
	r.keeper.mark(r.keeper.sick, rel.ID)
	rows, err := r.Launch(t.Context(), "ocr", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	err = r.AwaitHealthy(ctx, idsOf(rows), func(line string) {
		if strings.Contains(line, "answered 500") {
			cancel(errors.New("the user gave up"))
		}
	})
	if err == nil || !strings.Contains(err.Error(), "the user gave up") {
		t.Errorf("error %v", err)
	}
}

func TestUnhealthyLeavesTheGatewayAndIsRestarted(t *testing.T) {
	r := newRig(t)
	rel := r.deploy(t, "ocr", 1)
	r.keeper.mu.Lock()
	r.keeper.sick[rel.ID] = true
	r.keeper.mu.Unlock()
	eventually(t, "it leaves the gateway with the reason", func() bool {
		return strings.Contains(r.router.targets("ocr"), "3 health checks in a row failed: GET /health answered 500")
	})
	eventually(t, "the keeper is asked to restart it", func() bool {
		r.keeper.mu.Lock()
		defer r.keeper.mu.Unlock()
		return slices.Contains(r.keeper.blamed, "ocr/1")
	})
	views, err := r.Status(t.Context(), nil)
	if err != nil || views[0].State != procs.StateUnhealthy || views[0].Ready != 0 {
		t.Errorf("status %+v, %v", views, err)
	}
}

func TestStopStartRestartScaleRemove(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	if err := r.Stop(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); !strings.HasPrefix(got, "503 stopped") {
		t.Errorf("after stop: %s", got)
	}
	if err := r.Start(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); got != "ocr/1" {
		t.Errorf("after start: %s", got)
	}
	if err := r.Scale(ctx, "ocr", 3); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three serve", func() bool { return r.router.targets("ocr") == "ocr/1 ocr/2 ocr/3" })
	if err := r.Restart(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three serve again", func() bool { return r.router.targets("ocr") == "ocr/1 ocr/2 ocr/3" })
	if err := r.Scale(ctx, "ocr", 1); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); got != "ocr/1" {
		t.Errorf("after scaling down: %s", got)
	}
	if err := r.Signal(ctx, "ocr", "HUP"); err != nil || !slices.Equal(r.keeper.signals, []string{"ocr/1 HUP"}) {
		t.Errorf("signals %v, %v", r.keeper.signals, err)
	}
	if err := r.Remove(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); got != "no route" {
		t.Errorf("after remove: %s", got)
	}
	if left := r.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
	for name, err := range map[string]error{
		"start": r.Start(ctx, "ocr"), "stop": r.Stop(ctx, "ocr"), "restart": r.Restart(ctx, "ocr"),
		"scale": r.Scale(ctx, "ocr", 2), "remove": r.Remove(ctx, "ocr"), "signal": r.Signal(ctx, "ocr", "HUP"),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of a service that is gone: %v", name, err)
		}
	}
}

func TestStartSaysWhyItFailed(t *testing.T) {
	r := newRig(t)
	rel := r.deploy(t, "ocr", 1)
	if err := r.Stop(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	r.keeper.mu.Lock()
	r.keeper.broken[rel.ID] = true
	r.keeper.mu.Unlock()
	err := r.Start(t.Context(), "ocr")
	if !errors.Is(err, ErrNotHealthy) || !strings.Contains(err.Error(), "exited with code 3") || !strings.Contains(err.Error(), "aictl logs ocr") {
		t.Errorf("error %v", err)
	}
	if err := r.Start(t.Context(), "nope"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// TestEarlierRestartsAreForgiven: start and restart of a service whose instances crashed once, some time ago.
func TestEarlierRestartsAreForgiven(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	if err := r.Scale(t.Context(), "ocr", 2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two serve", func() bool { return r.router.targets("ocr") == "ocr/1 ocr/2" })
	r.keeper.mu.Lock()
	for _, id := range []string{"ocr/1", "ocr/2"} {
		r.keeper.set(id, func(s *procs.Status) { s.Restarts, s.LastExit = 2, &procs.Exit{Code: 1} })
	}
	r.keeper.mu.Unlock()
	eventually(t, "the restarts are known", func() bool { return r.restarts([]string{"ocr/2"})["ocr/2"] == 2 })
	if err := r.Start(t.Context(), "ocr"); err != nil {
		t.Errorf("start of a running service: %v", err)
	}
	if err := r.Restart(t.Context(), "ocr"); err != nil {
		t.Errorf("restart, one after the other: %v", err)
	}
}

func TestNeverDeployedCannotStart(t *testing.T) {
	r := newRig(t)
	r.release(t, "ocr", nil)
	if err := r.Start(t.Context(), "ocr"); !errors.Is(err, ErrNoRelease) {
		t.Errorf("start: %v", err)
	}
	if err := r.Scale(t.Context(), "ocr", 2); !errors.Is(err, ErrNoRelease) {
		t.Errorf("scale: %v", err)
	}
}

func TestScaleTakesBackWhatCouldNotBeStarted(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	r.ports.full = errors.New("ports exhausted")
	if err := r.Scale(t.Context(), "ocr", 3); err == nil || !strings.Contains(err.Error(), "ports exhausted") {
		t.Errorf("error %v", err)
	}
	rows, err := r.Store.Instances(t.Context(), "ocr", "")
	if err != nil || len(rows) != 1 {
		t.Errorf("instances %v, %v", rows, err)
	}
	svc, err := r.Store.Service(t.Context(), "ocr")
	if err != nil || svc.Replicas != 1 {
		t.Errorf("replicas %d after a failed scale, %v", svc.Replicas, err)
	}
}

func TestRecreateHoldsTheOldRelease(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	ids, err := r.StopLive(t.Context(), "ocr")
	if err != nil || !slices.Equal(ids, []string{"ocr/1"}) {
		t.Fatalf("%v, %v", ids, err)
	}
	if got := r.router.targets("ocr"); !strings.HasPrefix(got, "503 a new release is starting") {
		t.Errorf("while held: %s", got)
	}
	if err := r.StartLive(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves again", func() bool { return r.router.targets("ocr") == "ocr/1" })
}

func TestAPortTakenByAStrangerIsSteppedAround(t *testing.T) {
	r := newRig(t)
	rel := r.deploy(t, "ocr", 1)
	before := r.ports.given["ocr/1"]
	r.ports.mu.Lock()
	delete(r.ports.given, "ocr/1") // what the allocator does with a port that a stranger holds
	r.ports.mu.Unlock()
	r.keeper.mu.Lock()
	r.keeper.end("ocr/1")
	r.keeper.broken[rel.ID] = true
	r.keeper.spawn("ocr/1")
	r.keeper.broken[rel.ID] = false
	r.keeper.mu.Unlock()
	eventually(t, "it serves on another port", func() bool {
		row, err := r.Store.Instance(t.Context(), "ocr/1")
		return err == nil && row.Port != before && r.router.targets("ocr") == "ocr/1"
	})
}

// TestBoot is a new daemon over the keeper and the store of one that is gone.
func TestBoot(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "runs", 1)
	r.deploy(t, "stopped", 1)
	if err := r.Stop(ctx, "stopped"); err != nil {
		t.Fatal(err)
	}
	rel := r.release(t, "runs", nil)
	if _, err := r.Launch(ctx, "runs", rel.ID, 1); err != nil { // the deploy of the daemon that died
		t.Fatal(err)
	}
	if _, err := r.keeper.ApplyAll(ctx, []procs.Spec{{ID: "stranger/1"}}, procs.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	pid := r.keeper.pidOf("runs/1")

	next := New(r.Deps)
	r.keeper.mu.Lock()
	r.keeper.observe = next.Observe
	for _, s := range r.keeper.status {
		next.Observe(s)
	}
	r.keeper.mu.Unlock()
	runCtx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- next.Run(runCtx) }()
	defer func() { cancel(); <-done }()
	if err := next.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what runs is routed", func() bool { return r.router.targets("runs") == "runs/1" })
	if got := r.keeper.pidOf("runs/1"); got != pid {
		t.Errorf("pid %d, was %d: it was restarted", got, pid)
	}
	if got := r.router.targets("stopped"); !strings.HasPrefix(got, "503 stopped") {
		t.Errorf("the stopped one: %s", got)
	}
	for _, id := range []string{"runs/2", "stranger/1"} {
		if r.keeper.knows(id) {
			t.Errorf("%s was not removed", id)
		}
	}
}
