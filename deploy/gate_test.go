package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store"
)

func TestGateSeesTheCandidateBeforeTheSwitch(t *testing.T) {
	t.Parallel()
	var seen GateInput
	r := newRig(t, func(d *Deps) {
		d.Gate = func(_ context.Context, in GateInput) (string, error) {
			seen = in
			in.Progress("3 of 10")
			in.Log("a line of the gate")
			in.Warn("one answer was slower")
			return "10 answers, none differs", nil
		}
	}).run()
	o := newOrigin(t, plain(""))
	row := r.ended(r.submit(Request{Source: o.source(), Verify: &Verify{Replay: ptr(10), MaxDiff: ptr(0.1)}}).ID)
	if row.State != store.DeployLive || seen.Release != row.Release || seen.Live != "" || len(seen.Started) != 1 || seen.Started[0].Port == 0 || seen.Verify.Replay != 10 {
		t.Fatalf("%+v, the gate saw %+v", row, seen)
	}
	if got := r.steps(row.ID); !strings.Contains(got, "interface:done verify:done switch:done") {
		t.Errorf("steps %s", got)
	}
	log := strings.Join(r.tail(row.ID), "\n")
	if !strings.Contains(log, "verify | a line of the gate") || !strings.Contains(strings.Join(row.Warnings, "\n"), "one answer was slower") {
		t.Errorf("log %s\nwarnings %q", log, row.Warnings)
	}
	again := r.ended(r.submit(Request{Source: o.source()}).ID)
	if got := r.steps(again.ID); strings.Contains(got, "verify") {
		t.Errorf("a deploy that did not ask was verified: %s", got)
	}
}

func TestGateKeepsTheOldReleaseLive(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *Deps) {
		d.Gate = func(context.Context, GateInput) (string, error) { return "", errors.New("4 of 10 answers differ") }
	}).run()
	o := newOrigin(t, plain(""))
	first := r.ended(r.submit(Request{Source: o.source()}).ID)
	o.commit(map[string]string{"x": "y"})
	row := r.ended(r.submit(Request{Source: o.source(), Verify: &Verify{Replay: ptr(10)}}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepVerify || !strings.Contains(row.Error, "not let through: 4 of 10 answers differ") {
		t.Fatalf("%+v", row)
	}
	if svc := r.service(row.Service); svc.Release != first.Release {
		t.Errorf("live is %s", svc.Release)
	}
	left, err := r.Store.Instances(t.Context(), row.Service, "")
	must(t, err)
	if len(left) != 1 || !left[0].Live {
		t.Errorf("instances %+v", left)
	}
}

func TestVerifyWithoutGateIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := newOrigin(t, plain(""))
	if _, err := r.Submit(t.Context(), Request{Source: o.source(), Verify: &Verify{Replay: ptr(1)}}); !errors.Is(err, ErrNoGate) {
		t.Errorf("error %v", err)
	}
}

func ptr[T any](v T) *T { return &v }

func TestManifestAsksForVerification(t *testing.T) {
	t.Parallel()
	var seen []configs.Verify
	r := newRig(t, func(d *Deps) {
		d.Gate = func(_ context.Context, in GateInput) (string, error) {
			seen = append(seen, in.Verify)
			return "fine", nil
		}
	}).run()
	o := newOrigin(t, plain("verify: {replay: 50, max_diff: 1%, ignore: [$.at]}\n"))
	first := r.ended(r.submit(Request{Source: o.source()}).ID)
	o.commit(map[string]string{"x": "y"})
	second := r.ended(r.submit(Request{Source: o.source(), Verify: &Verify{Replay: ptr(5), Live: ptr(true), Path: "/p*", Methods: []string{"GET"}, MaxDiff: ptr(0.5)}}).ID)
	o.commit(map[string]string{"x": "z"})
	off := r.ended(r.submit(Request{Source: o.source(), Verify: &Verify{Replay: ptr(0)}}).ID)
	back, err := r.Rollback(t.Context(), RollbackRequest{Service: off.Service})
	must(t, err)
	back = r.ended(back.ID)
	if len(seen) != 2 {
		t.Fatalf("the gate was asked %d times", len(seen))
	}
	if v := seen[0]; v.Replay != 50 || v.MaxDiff != 0.01 || v.Live || len(v.Ignore) != 1 {
		t.Errorf("by the manifest: %+v", v)
	}
	if v := seen[1]; v.Replay != 5 || v.MaxDiff != 0.5 || !v.Live || v.Path != "/p*" || len(v.Methods) != 1 || len(v.Ignore) != 1 {
		t.Errorf("by the request: %+v", v)
	}
	for _, row := range []store.Deploy{first, second, off, back} {
		if row.State != store.DeployLive {
			t.Errorf("%+v", row)
		}
	}
	for _, v := range []*Verify{{Replay: ptr(-1)}, {MaxDiff: ptr(1.5)}} {
		if _, err := r.Submit(t.Context(), Request{Source: o.source(), Verify: v}); !errors.Is(err, ErrSource) {
			t.Errorf("%+v: error %v", v, err)
		}
	}
}
