package services

import (
	"context"
	"errors"
	"slices"
	"testing"

	"aictl/store"
)

// halfRolled is a service with two live instances of which one was replaced by a candidate of the next release.
func halfRolled(t *testing.T) (r *rig, live, next store.Release) {
	t.Helper()
	r = newRig(t)
	live = r.deploy(t, "ocr", 2)
	next = r.release(t, "ocr", nil)
	ctx := t.Context()
	r.rollOne(t, next, "ocr/3")
	if err := r.Retire(ctx, []string{"ocr/2"}); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); got != "ocr/1 ocr/3" {
		t.Fatalf("routes %s", got)
	}
	return r, live, next
}

// rollOne starts a candidate and lets it serve beside the live ones.
func (r *rig) rollOne(t *testing.T, next store.Release, id string) {
	t.Helper()
	rows, err := r.LaunchNew(t.Context(), "ocr", next.ID, 1)
	if err != nil || len(rows) != 1 || rows[0].ID != id {
		t.Fatalf("launched %+v, %v", rows, err)
	}
	if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Join(t.Context(), "ocr", idsOf(rows)); err != nil {
		t.Fatal(err)
	}
}

func TestRollingServesBothReleasesAndThenOne(t *testing.T) {
	r, _, next := halfRolled(t)
	ctx := t.Context()
	views, err := r.Status(ctx, []string{"ocr"})
	if err != nil || views[0].Ready != 2 {
		t.Errorf("%+v, %v", views, err)
	}
	rows, err := r.LaunchNew(ctx, "ocr", next.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	old, err := r.Switch(ctx, "ocr", next.ID, append(idsOf(rows), "ocr/3"))
	if err != nil || !slices.Equal(idsOf(old), []string{"ocr/1"}) {
		t.Fatalf("old %v, %v", old, err)
	}
	if got := r.router.targets("ocr"); got != "ocr/2 ocr/3" {
		t.Errorf("routes %s", got)
	}
	for _, id := range []string{"ocr/2", "ocr/3"} {
		if row, err := r.Store.Instance(ctx, id); err != nil || !row.Live || row.Purpose != store.PurposeNone {
			t.Errorf("%+v, %v", row, err)
		}
	}
}

func TestRollingIsPutBack(t *testing.T) {
	r, live, _ := halfRolled(t)
	ctx := t.Context()
	if err := r.Refill(ctx, "ocr", 2); err != nil {
		t.Fatal(err)
	}
	if err := r.Retire(ctx, []string{"ocr/3"}); err != nil {
		t.Fatal(err)
	}
	if got := r.router.targets("ocr"); got != "ocr/1 ocr/2" {
		t.Errorf("routes %s", got)
	}
	all, err := r.Store.Instances(ctx, "ocr", live.ID)
	if err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

// What serves in the middle of a deploy goes on serving when the daemon dies, and the next one takes it up.
func TestBootTakesUpWhatRolls(t *testing.T) {
	r, _, next := halfRolled(t)
	pid := r.keeper.pidOf("ocr/3")
	again, run := successor(t, r)
	if err := again.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	run()
	eventually(t, "both serve", func() bool { return r.router.targets("ocr") == "ocr/1 ocr/3" })
	if r.keeper.pidOf("ocr/3") != pid {
		t.Error("it was started anew")
	}
	rows, err := again.Launch(t.Context(), "ocr", next.ID, 1)
	if err != nil || len(rows) != 1 || rows[0].ID != "ocr/3" {
		t.Errorf("launched %v, %v", rows, err)
	}
}

func TestJoinNeedsLiveInstances(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	next := r.release(t, "ocr", nil)
	ctx := context.WithoutCancel(t.Context())
	rows, err := r.LaunchNew(ctx, "ocr", next.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if err := r.Join(ctx, "ocr", idsOf(rows)); !errors.Is(err, ErrNothingLive) {
		t.Errorf("error %v", err)
	}
	if err := r.Retire(ctx, idsOf(rows)); err != nil {
		t.Fatal(err)
	}
}
