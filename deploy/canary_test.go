package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aictl/store"
)

// asked is what the fleet was asked for by deploys that become canaries.
type asked struct {
	release string
	ids     []string
	weight  float64
	err     error
}

func (a *asked) canary(_ context.Context, _, release string, ids []string, weight float64, _ string) error {
	a.release, a.ids, a.weight = release, ids, weight
	return a.err
}

func TestDeployBecomesACanary(t *testing.T) {
	t.Parallel()
	var a asked
	r := newRig(t, func(d *Deps) { d.Canary = a.canary }).run()
	o := newOrigin(t, plain(""))
	ten := 10.0
	row := r.ended(r.submit(Request{Source: o.source(), Canary: &ten}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepManifest || !strings.Contains(row.Error, "deploy it without --canary") {
		t.Fatalf("the first deploy: %+v", row)
	}
	first := r.ended(r.submit(Request{Source: o.source()}).ID)
	o.commit(map[string]string{"x": "y"})
	row = r.ended(r.submit(Request{Source: o.source(), Canary: &ten}).ID)
	if row.State != store.DeployLive || a.release != row.Release || len(a.ids) != 1 || a.weight != 10 {
		t.Fatalf("%+v, asked for %+v", row, a)
	}
	if svc := r.service(row.Service); svc.Release != first.Release || svc.Replicas != 1 {
		t.Errorf("service %+v", svc)
	}
	if got := r.steps(row.ID); !strings.HasSuffix(got, "interface:done canary:done") {
		t.Errorf("steps %s", got)
	}
	a.err = errors.New("it has one already")
	row = r.ended(r.submit(Request{Source: o.source(), Canary: &ten}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepCanary || !strings.Contains(row.Error, "has one already") {
		t.Errorf("%+v", row)
	}
	if all, err := r.Store.Releases(t.Context(), row.Service, "", 0); err != nil || len(all) != 2 {
		t.Errorf("releases %v, %v", all, err)
	}
}

func TestCanaryDeployThatMakesNoSense(t *testing.T) {
	t.Parallel()
	var a asked
	r := newRig(t, func(d *Deps) { d.Canary = a.canary }).run()
	o := newOrigin(t, plain(""))
	r.ended(r.submit(Request{Source: o.source()}).ID)
	much, some := 101.0, 5.0
	if _, err := r.Submit(t.Context(), Request{Source: o.source(), Canary: &much}); !errors.Is(err, ErrSource) {
		t.Errorf("error %v", err)
	}
	o.commit(plain("strategy: recreate\n"))
	row := r.ended(r.submit(Request{Source: o.source(), Canary: &some}).ID)
	if row.FailedStep != StepManifest || !strings.Contains(row.Error, "recreate") {
		t.Errorf("%+v", row)
	}
	none := newRig(t)
	if _, err := none.Submit(t.Context(), Request{Source: o.source(), Canary: &some}); !errors.Is(err, ErrNoCanary) {
		t.Errorf("error %v", err)
	}
}
