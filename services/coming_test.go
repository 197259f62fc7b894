package services

import (
	"testing"

	"aictl/configs"
)

// coming is whether the gateway may let requests wait for a service.
func (r *fakeRouter) coming(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.routes[name].Coming
}

// Requests may wait for a service that is on its way, not for one that nobody wants to run.
func TestRequestsWaitForWhatComes(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.deploy(t, "ocr", 1)
	eventually(t, "it serves", func() bool { return r.router.targets("ocr") == "ocr/1" })
	if _, err := r.StopLive(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if !r.router.coming("ocr") {
		t.Error("not while a deploy has stopped the old release to start the new one")
	}
	if err := r.StartLive(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves again", func() bool { return r.router.targets("ocr") == "ocr/1" })
	if err := r.Stop(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if r.router.coming("ocr") {
		t.Error("for a service that was stopped")
	}
}

// The gateway learns the rules of the live release.
func TestRouteHasTheManifestsRules(t *testing.T) {
	r := newRig(t)
	rel := r.release(t, "ocr", func(m *configs.Manifest) { m.Gateway.Concurrency = 7 })
	rows, err := r.Launch(t.Context(), "ocr", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Switch(t.Context(), "ocr", rel.ID, idsOf(rows)); err != nil {
		t.Fatal(err)
	}
	r.router.mu.Lock()
	defer r.router.mu.Unlock()
	if got := r.router.routes["ocr"].Gateway; got.Concurrency != 7 || got.Queue != configs.DefaultManifest().Gateway.Queue {
		t.Errorf("%+v", got)
	}
}
