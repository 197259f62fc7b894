package services

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/gateway"
	"aictl/procs"
	"aictl/store"
)

// canary are the instances that a service's canary has in its route, "none" without a canary.
func (r *fakeRouter) canary(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.routes[name].Canary
	if c == nil {
		return "none"
	}
	return instancesIn(c.Targets)
}

func (r *fakeRouter) shadow(name string) *gateway.Shadow {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.routes[name].Shadow
}

func instancesIn(targets []gateway.Target) string {
	var ids []string
	for _, t := range targets {
		ids = append(ids, t.Instance)
	}
	return strings.Join(ids, " ")
}

func (r *rig) kinds(prefix string) (kinds []string) {
	events, _, _ := r.Events().Read(0)
	for _, ev := range events {
		if strings.HasPrefix(string(ev.Kind), prefix) {
			kinds = append(kinds, string(ev.Kind))
		}
	}
	return kinds
}

func ptr[T any](v T) *T { return &v }

// withCanary is a service with a live release and a canary of another.
func withCanary(t *testing.T, w CanaryWish) (r *rig, live, next store.Release) {
	t.Helper()
	r = newRig(t)
	live = r.deploy(t, "ocr", 1)
	next = r.release(t, "ocr", nil)
	w.Release = next.ID
	if _, err := r.SetCanary(t.Context(), "ocr", w); err != nil {
		t.Fatal(err)
	}
	return r, live, next
}

func TestCanaryBeginsChangesAndEnds(t *testing.T) {
	r, live, next := withCanary(t, CanaryWish{Replicas: 2, Actor: "ann"})
	ctx := t.Context()
	v, err := r.Canary(ctx, "ocr")
	if err != nil || v.Weight != 10 || v.Release != next.ID || v.Live != live.ID || v.Ready != 2 || !slices.Equal(v.Instances, []string{"ocr/2", "ocr/3"}) || v.Actor != "ann" {
		t.Fatalf("%+v, %v", v, err)
	}
	if r.router.targets("ocr") != "ocr/1" || r.router.canary("ocr") != "ocr/2 ocr/3" {
		t.Errorf("routes: live %s, canary %s", r.router.targets("ocr"), r.router.canary("ocr"))
	}
	before := r.keeper.pidOf("ocr/2")
	if v, err = r.SetCanary(ctx, "ocr", CanaryWish{Weight: ptr(50.0), HeaderName: ptr("X-Canary"), HeaderValue: "1"}); err != nil || v.Weight != 50 || v.HeaderName != "X-Canary" {
		t.Fatalf("%+v, %v", v, err)
	}
	if r.keeper.pidOf("ocr/2") != before {
		t.Error("another weight started the instances anew")
	}
	if err := r.StopCanary(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if r.router.canary("ocr") != "none" || r.keeper.knows("ocr/2") || r.keeper.knows("ocr/3") {
		t.Errorf("after the end: canary %s", r.router.canary("ocr"))
	}
	if _, err := r.Canary(ctx, "ocr"); !errors.Is(err, ErrNoTrial) {
		t.Errorf("error %v", err)
	}
	if err := r.StopCanary(ctx, "ocr"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if got := r.kinds("canary."); !slices.Equal(got, []string{"canary.started", "canary.changed", "canary.ended"}) {
		t.Errorf("events %v", got)
	}
	if left, err := r.Store.Instances(ctx, "ocr", ""); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestCanaryThatMakesNoSenseIsRefused(t *testing.T) {
	r, live, next := withCanary(t, CanaryWish{})
	ctx := t.Context()
	third := r.release(t, "ocr", nil)
	r.deploy(t, "idle", 1)
	idle := r.release(t, "idle", nil)
	if err := r.Stop(ctx, "idle"); err != nil {
		t.Fatal(err)
	}
	r.deploy(t, "plain", 1)
	for name, c := range map[string]struct {
		service string
		wish    CanaryWish
		kind    error
		says    string
	}{
		"the live release":    {"plain", CanaryWish{Release: "r1"}, store.ErrConflict, "is the live release"},
		"another canary":      {"ocr", CanaryWish{Release: third.ID}, store.ErrConflict, "--stop"},
		"other replicas":      {"ocr", CanaryWish{Release: next.ID, Replicas: 3}, store.ErrConflict, "it has 1 instances"},
		"no release":          {"plain", CanaryWish{}, ErrNoTrial, "--to"},
		"unknown release":     {"plain", CanaryWish{Release: "r9"}, store.ErrNotFound, "kept are"},
		"unknown service":     {"nobody", CanaryWish{Release: "r9"}, store.ErrNotFound, "nobody"},
		"too much":            {"ocr", CanaryWish{Weight: ptr(101.0)}, ErrBadTrial, "101"},
		"nothing":             {"ocr", CanaryWish{Weight: ptr(0.0)}, ErrBadTrial, "no requests"},
		"a stopped service":   {"idle", CanaryWish{Release: idle.ID}, ErrNotTriable, "start it first"},
		"the live one of ocr": {"ocr", CanaryWish{Release: live.ID}, store.ErrConflict, "it is " + next.ID},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := r.SetCanary(ctx, c.service, c.wish); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
	if v, err := r.Canary(ctx, "ocr"); err != nil || v.Weight != 10 {
		t.Errorf("the canary is %+v, %v", v, err)
	}
}

func TestUnhealthyCanaryIsTold(t *testing.T) {
	r, _, next := withCanary(t, CanaryWish{})
	r.keeper.mark(r.keeper.sick, next.ID)
	eventually(t, "it leaves the route", func() bool { return r.router.canary("ocr") == "" })
	eventually(t, "that is told", func() bool { return slices.Equal(r.kinds("canary."), []string{"canary.started", "canary.unhealthy"}) })
	v, err := r.Canary(t.Context(), "ocr")
	if err != nil || v.Ready != 0 || !strings.Contains(v.Reason, "answered 500") {
		t.Errorf("%+v, %v", v, err)
	}
	r.keeper.mu.Lock()
	delete(r.keeper.sick, next.ID)
	r.keeper.mu.Unlock()
	eventually(t, "it comes back", func() bool { return r.router.canary("ocr") == "ocr/2" })
	if got := r.kinds("canary."); !slices.Contains(got, "canary.healthy") {
		t.Errorf("events %v", got)
	}
}

// A rollback to the canary's release takes its instances as they are.
func TestPromotedCanaryIsNotStartedAnew(t *testing.T) {
	r, live, next := withCanary(t, CanaryWish{})
	ctx := t.Context()
	pid := r.keeper.pidOf("ocr/2")
	rows, err := r.Launch(ctx, "ocr", next.ID, 2)
	if err != nil || len(rows) != 2 || rows[0].ID != "ocr/2" || rows[1].ID != "ocr/3" {
		t.Fatalf("launched %+v, %v", rows, err)
	}
	if err := r.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	old, err := r.Switch(ctx, "ocr", next.ID, idsOf(rows))
	if err != nil || len(old) != 1 || old[0].ID != "ocr/1" {
		t.Fatalf("old %+v, %v", old, err)
	}
	if r.router.targets("ocr") != "ocr/2 ocr/3" || r.router.canary("ocr") != "none" || r.keeper.pidOf("ocr/2") != pid {
		t.Errorf("routes: live %s, canary %s", r.router.targets("ocr"), r.router.canary("ocr"))
	}
	stored, err := r.Store.Instance(ctx, "ocr/2")
	if err != nil || !stored.Live || stored.Purpose != store.PurposeNone {
		t.Errorf("stored %+v, %v", stored, err)
	}
	svc, err := r.Store.Service(ctx, "ocr")
	if err != nil || svc.Release != next.ID || svc.Previous != live.ID {
		t.Errorf("service %+v, %v", svc, err)
	}
	if got := r.kinds("canary."); !slices.Equal(got, []string{"canary.started", "canary.promoted"}) {
		t.Errorf("events %v", got)
	}
}

// A deploy that was to promote a canary and fails leaves it where it was.
func TestCanarySurvivesAFailedPromotion(t *testing.T) {
	r, _, next := withCanary(t, CanaryWish{})
	ctx := t.Context()
	rows, err := r.Launch(ctx, "ocr", next.ID, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(ctx, idsOf(rows)); err != nil { // as a failed deploy takes back
		t.Fatal(err)
	}
	if r.router.canary("ocr") != "ocr/2" || r.keeper.knows("ocr/3") {
		t.Errorf("canary %s", r.router.canary("ocr"))
	}
}

func TestSwitchToAnotherReleaseEndsTheCanary(t *testing.T) {
	r, _, _ := withCanary(t, CanaryWish{Replicas: 2})
	r.deploy(t, "ocr", 1)
	if r.router.canary("ocr") != "none" || r.keeper.knows("ocr/2") || r.keeper.knows("ocr/3") {
		t.Errorf("canary %s", r.router.canary("ocr"))
	}
	if got := r.kinds("canary."); !slices.Equal(got, []string{"canary.started", "canary.ended"}) {
		t.Errorf("events %v", got)
	}
	if left, err := r.Store.Canaries(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("stored %v, %v", left, err)
	}
}

// A promotion to fewer replicas than the canary has leaves the rest of them to be retired.
func TestPromotionToFewerReplicas(t *testing.T) {
	r, _, next := withCanary(t, CanaryWish{Replicas: 3})
	ctx := t.Context()
	rows, err := r.Launch(ctx, "ocr", next.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	old, err := r.Switch(ctx, "ocr", next.ID, idsOf(rows))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(ctx, idsOf(old)); err != nil {
		t.Fatal(err)
	}
	left, err := r.Store.Instances(ctx, "ocr", "")
	if err != nil || len(left) != 1 || !left[0].Live || left[0].ID != rows[0].ID || r.router.targets("ocr") != rows[0].ID {
		t.Errorf("left %+v, routed to %s, %v", left, r.router.targets("ocr"), err)
	}
}

// A stranger takes the port of a canary's instance while it is down: it comes back on another one.
func TestCanaryMovesToAnotherPort(t *testing.T) {
	r, _, _ := withCanary(t, CanaryWish{})
	was := r.router.routes["ocr"].Canary.Targets[0].Addr
	r.ports.mu.Lock()
	delete(r.ports.given, "ocr/2") // the next Acquire finds another
	r.ports.mu.Unlock()
	r.keeper.mu.Lock()
	r.keeper.end("ocr/2")
	r.keeper.set("ocr/2", func(s *procs.Status) { s.State, s.Reason = procs.StateBackoff, "exited with code 1: address in use" })
	r.keeper.mu.Unlock()
	eventually(t, "it serves on another port", func() bool {
		r.router.mu.Lock()
		defer r.router.mu.Unlock()
		c := r.router.routes["ocr"].Canary
		return len(c.Targets) == 1 && c.Targets[0].Addr != was
	})
}

// A deploy makes its own candidates the canary.
func TestDeployedCanary(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	next := r.release(t, "ocr", nil)
	rows, err := r.Launch(ctx, "ocr", next.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.DeployedCanary(ctx, "ocr", next.ID, idsOf(rows), 25, "ann"); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Canary(ctx, "ocr"); err != nil || v.Weight != 25 || v.Release != next.ID || r.router.canary("ocr") != "ocr/2" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := r.DeployedCanary(ctx, "ocr", next.ID, idsOf(rows), 25, "ann"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("error %v", err)
	}
}

func TestRecreateDeployEndsTheCanary(t *testing.T) {
	r, _, _ := withCanary(t, CanaryWish{})
	if _, err := r.StopLive(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	if r.keeper.knows("ocr/2") || r.router.canary("ocr") != "none" {
		t.Error("the canary runs on")
	}
}

func TestStopAndStartTakeTheCanaryAlong(t *testing.T) {
	r, _, _ := withCanary(t, CanaryWish{})
	ctx := t.Context()
	if err := r.Stop(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if r.keeper.pidOf("ocr/2") != 0 {
		t.Error("the canary of a stopped service runs")
	}
	if err := r.Start(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the canary is back", func() bool { return r.router.canary("ocr") == "ocr/2" })
	if err := r.Remove(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if left := r.leftovers(); left != "" {
		t.Errorf("left behind %s", left)
	}
}

// A daemon that starts finds the canary that the one before it had, and its processes.
func TestBootTakesUpTheCanary(t *testing.T) {
	r, _, next := withCanary(t, CanaryWish{Weight: ptr(33.0)})
	ctx := t.Context()
	pid := r.keeper.pidOf("ocr/2")
	again, run := successor(t, r)
	if err := again.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	run()
	eventually(t, "the canary is routed", func() bool { return r.router.canary("ocr") == "ocr/2" })
	v, err := again.Canary(ctx, "ocr")
	if err != nil || v.Weight != 33 || v.Release != next.ID || r.keeper.pidOf("ocr/2") != pid {
		t.Errorf("%+v, %v", v, err)
	}
	if err := again.StopCanary(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
}

func TestBootForgetsACanaryWithoutInstances(t *testing.T) {
	r, _, _ := withCanary(t, CanaryWish{})
	ctx := t.Context()
	if err := r.Store.DeleteInstance(ctx, "ocr/2"); err != nil {
		t.Fatal(err)
	}
	again, run := successor(t, r)
	if err := again.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	run()
	if _, err := again.Canary(ctx, "ocr"); !errors.Is(err, ErrNoTrial) {
		t.Errorf("error %v", err)
	}
	if r.keeper.knows("ocr/2") {
		t.Error("its process was left")
	}
}

func TestReplacedCanaryRace(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	a, b := r.release(t, "ocr", nil), r.release(t, "ocr", func(m *configs.Manifest) { m.Groups = []string{"b"} })
	errs := make(chan error, 2)
	for _, rel := range []store.Release{a, b} {
		go func() { _, err := r.SetCanary(ctx, "ocr", CanaryWish{Release: rel.ID}); errs <- err }()
	}
	failed := 0
	for range 2 {
		if err := <-errs; err != nil {
			failed++
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("error %v", err)
			}
		}
	}
	left, err := r.Store.Instances(ctx, "ocr", "")
	if failed != 1 || err != nil || len(left) != 2 {
		t.Errorf("%d failed; instances %v, %v", failed, left, err)
	}
}

// successor is a manager over the same store, keeper and gateway, as the daemon has after a crash. run starts it.
func successor(t *testing.T, r *rig) (*Manager, func()) {
	t.Helper()
	m := New(r.Deps)
	r.keeper.mu.Lock()
	r.keeper.observe = m.Observe
	for _, s := range r.keeper.status {
		m.Observe(s)
	}
	r.keeper.mu.Unlock()
	return m, func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCanaryOfADeploy(t *testing.T) {
	r, live, next := withCanary(t, CanaryWish{})
	ctx := t.Context()
	if err := r.WeighCanary(ctx, "ocr", next.ID, 42, "aictl"); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Canary(ctx, "ocr"); err != nil || v.Weight != 42 {
		t.Errorf("%+v, %v", v, err)
	}
	if err := r.EndCanary(ctx, "ocr", live.ID, "another's"); err != nil {
		t.Fatal(err)
	}
	if r.router.canary("ocr") != "ocr/2" {
		t.Error("the canary of another release was ended")
	}
	if err := r.EndCanary(ctx, "ocr", next.ID, "worse"); err != nil {
		t.Fatal(err)
	}
	if err := r.WeighCanary(ctx, "ocr", next.ID, 50, "aictl"); !errors.Is(err, ErrNoTrial) {
		t.Errorf("error %v", err)
	}
	if r.keeper.knows("ocr/2") || r.router.canary("ocr") != "none" {
		t.Errorf("canary %s", r.router.canary("ocr"))
	}
}
