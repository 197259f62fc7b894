package store

import (
	"fmt"
	"testing"
	"time"
)

func TestCanaryAndShadowAreStored(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	addService(t, s, "ocr")
	live, next := addRelease(t, s, "ocr"), addRelease(t, s, "ocr")
	ok(t, s.SetRelease(ctx, "ocr", live.ID, ""))
	rows, err := s.AddTrial(ctx, "ocr", next.ID, 2, PurposeCandidate)
	ok(t, err)
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	canary := Canary{Service: "ocr", Release: next.ID, Weight: 12.5, HeaderName: "X-Canary", HeaderValue: "1", Actor: "ann", StartedAt: at}
	ok(t, s.SetCanary(ctx, canary, rows[0].Slot))
	ok(t, s.SetShadow(ctx, Shadow{Service: "ocr", Target: "ocr", Release: next.ID, Percent: 50, StartedAt: at}, rows[1].Slot))
	all, err := s.Canaries(ctx)
	ok(t, err)
	if len(all) != 1 || all[0] != canary {
		t.Errorf("canaries %+v", all)
	}
	if got := purposes(t, s, "ocr"); got != "1 canary false, 2 shadow false" {
		t.Errorf("instances: %s", got)
	}
	wantErr(t, s.DeleteRelease(ctx, "ocr", next.ID), ErrConflict)
	canary.Weight = 50
	ok(t, s.SetCanary(ctx, canary))
	if all, err := s.Canaries(ctx); err != nil || all[0].Weight != 50 {
		t.Errorf("canaries %+v, %v", all, err)
	}
	ok(t, s.EndCanary(ctx, "ocr"))
	wantErr(t, s.EndCanary(ctx, "ocr"), ErrNotFound)
	ok(t, s.EndShadow(ctx, "ocr"))
	if got := purposes(t, s, "ocr"); got != "1  false, 2  false" {
		t.Errorf("instances after the end: %s", got)
	}
	wantErr(t, s.SetCanary(ctx, Canary{Service: "ocr", Release: "r99-1a2b3c4d", StartedAt: at}), ErrNotFound)
	wantErr(t, s.SetShadow(ctx, Shadow{Service: "nobody", Target: "ocr", Percent: 1, StartedAt: at}), ErrNotFound)
}

func TestReleaseOfCanaryStaysWithoutInstances(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	addService(t, s, "ocr")
	rel := addRelease(t, s, "ocr")
	ok(t, s.SetCanary(ctx, Canary{Service: "ocr", Release: rel.ID, Weight: 1, StartedAt: time.Unix(1, 0)}))
	wantErr(t, s.DeleteRelease(ctx, "ocr", rel.ID), ErrConflict)
}

func TestSwitchEndsTrials(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	addService(t, s, "ocr")
	first, second := addRelease(t, s, "ocr"), addRelease(t, s, "ocr")
	_, err := s.AddInstances(ctx, "ocr", first.ID, 1, true)
	ok(t, err)
	ok(t, s.SetRelease(ctx, "ocr", first.ID, ""))
	for _, p := range []Purpose{PurposeCanary, PurposeCanary, PurposeShadow, PurposeCandidate} {
		_, err := s.AddTrial(ctx, "ocr", second.ID, 1, p)
		ok(t, err)
	}
	ok(t, s.SetCanary(ctx, Canary{Service: "ocr", Release: second.ID, Weight: 1, StartedAt: time.Unix(1, 0)}))
	ok(t, s.SetShadow(ctx, Shadow{Service: "ocr", Target: "ocr", Release: second.ID, Percent: 1, StartedAt: time.Unix(1, 0)}))
	ok(t, s.SetRelease(ctx, "ocr", second.ID, first.ID, 2))
	if got := purposes(t, s, "ocr"); got != "1  false, 2  true, 3  false, 4  false, 5 candidate false" {
		t.Errorf("instances: %s", got)
	}
	canaries, err := s.Canaries(ctx)
	ok(t, err)
	shadows, err := s.Shadows(ctx)
	ok(t, err)
	if len(canaries)+len(shadows) != 0 {
		t.Errorf("left: %v %v", canaries, shadows)
	}
	// A shadow of another release goes on.
	third := addRelease(t, s, "ocr")
	ok(t, s.SetShadow(ctx, Shadow{Service: "ocr", Target: "ocr", Release: third.ID, Percent: 1, StartedAt: time.Unix(1, 0)}))
	ok(t, s.SetRelease(ctx, "ocr", first.ID, second.ID))
	if shadows, err := s.Shadows(ctx); err != nil || len(shadows) != 1 {
		t.Errorf("shadows %v, %v", shadows, err)
	}
	ok(t, s.SetCanary(ctx, Canary{Service: "ocr", Release: third.ID, Weight: 1, StartedAt: time.Unix(1, 0)}))
	ok(t, s.DeleteService(ctx, "ocr"))
}

func purposes(t *testing.T, s *Store, service string) (out string) {
	t.Helper()
	all, err := s.Instances(t.Context(), service, "")
	ok(t, err)
	for k, i := range all {
		if k > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%d %s %v", i.Slot, i.Purpose, i.Live)
	}
	return out
}
