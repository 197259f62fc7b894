package services

import (
	"errors"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store"
)

func TestShadowOfARelease(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	next := r.release(t, "ocr", nil)
	v, err := r.SetShadow(ctx, "ocr", ShadowWish{To: next.ID, Percent: ptr(50.0), Actor: "ann"})
	if err != nil || v.Target != "ocr" || v.Release != next.ID || v.Percent != 50 || v.Ready != 1 || v.Manifest {
		t.Fatalf("%+v, %v", v, err)
	}
	s := r.router.shadow("ocr")
	if s == nil || s.Percent != 50 || instancesIn(s.Targets) != "ocr/2" || r.router.targets("ocr") != "ocr/1" {
		t.Fatalf("route %+v", s)
	}
	if v, err = r.SetShadow(ctx, "ocr", ShadowWish{Percent: ptr(5.0)}); err != nil || v.Percent != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	// Another release goes live: the shadow goes on. Its own does: it ends.
	r.deploy(t, "ocr", 1)
	if r.router.shadow("ocr") == nil {
		t.Error("the shadow ended with a deploy of another release")
	}
	again, run := successor(t, r)
	if err := again.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	run()
	eventually(t, "it is taken up", func() bool { s := r.router.shadow("ocr"); return s != nil && instancesIn(s.Targets) == "ocr/2" })
	rows, err := again.Launch(ctx, "ocr", next.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	old, err := again.Switch(ctx, "ocr", next.ID, idsOf(rows))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Retire(ctx, idsOf(old)); err != nil {
		t.Fatal(err)
	}
	if r.router.shadow("ocr") != nil || r.keeper.knows("ocr/2") {
		t.Error("a shadow of the live release goes on")
	}
}

func TestShadowOfAService(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	r.deploy(t, "ocr-next", 1)
	if _, err := r.SetShadow(ctx, "ocr", ShadowWish{To: "ocr-next"}); err != nil {
		t.Fatal(err)
	}
	if s := r.router.shadow("ocr"); s == nil || s.Service != "ocr-next" || s.Percent != 100 {
		t.Fatalf("route %+v", s)
	}
	for name, c := range map[string]struct {
		service string
		wish    ShadowWish
		kind    error
		says    string
	}{
		"neither":     {"ocr-next", ShadowWish{To: "r9"}, store.ErrNotFound, "no service r9 either"},
		"nothing":     {"ocr-next", ShadowWish{}, ErrNoTrial, "--to"},
		"too much":    {"ocr", ShadowWish{Percent: ptr(100.5)}, ErrBadTrial, "100.5"},
		"another":     {"ocr", ShadowWish{To: "r1"}, store.ErrConflict, "service ocr-next already"},
		"no service":  {"nobody", ShadowWish{To: "ocr"}, store.ErrNotFound, "nobody"},
		"none at all": {"ocr-next", ShadowWish{Percent: ptr(0.0), To: "ocr"}, ErrBadTrial, "0 percent"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := r.SetShadow(ctx, c.service, c.wish); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
	if err := r.StopShadow(ctx, "ocr"); err != nil || r.router.shadow("ocr") != nil {
		t.Errorf("after the end %+v, %v", r.router.shadow("ocr"), err)
	}
	if err := r.StopShadow(ctx, "ocr"); !errors.Is(err, ErrNoTrial) {
		t.Errorf("error %v", err)
	}
}

func TestShadowOfTheManifest(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	rel := r.release(t, "ocr", func(m *configs.Manifest) { m.Gateway.Shadow = configs.Shadow{Service: "ocr-next"} })
	rows, err := r.Launch(ctx, "ocr", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(ctx, idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Switch(ctx, "ocr", rel.ID, idsOf(rows)); err != nil {
		t.Fatal(err)
	}
	v, err := r.Shadow(ctx, "ocr")
	if err != nil || !v.Manifest || v.Target != "ocr-next" || v.Percent != 100 {
		t.Errorf("%+v, %v", v, err)
	}
	if err := r.StopShadow(ctx, "ocr"); !errors.Is(err, ErrNoTrial) || !strings.Contains(err.Error(), "manifest") {
		t.Errorf("error %v", err)
	}
}
