package deploy

import (
	"errors"
	"testing"

	"aictl/store"
)

// A first deploy that fails before there is a service is deployed by what comes after it, with all that it was asked for.
func TestUnbornDeploysAreTakenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, map[string]string{"aictl.yaml": "comand: x\n"})
	two := 2
	bad := r.ended(r.submit(Request{Source: o.source(), Name: "mine", Env: map[string]string{"MODEL": "big"}, Replicas: &two}).ID)
	other := newOrigin(t, nil) // nothing to deploy
	empty := r.ended(r.submit(Request{Source: other.source(), Name: "empty"}).ID)
	if bad.FailedStep != StepManifest || empty.FailedStep != StepFetch {
		t.Fatalf("%+v\n%+v", bad, empty)
	}
	list, err := r.Unborn(t.Context())
	must(t, err)
	if len(list) != 2 || list[0].ID != empty.ID || list[1].ID != bad.ID {
		t.Fatalf("%+v", list)
	}

	sha := o.commit(plain(""))
	row := r.ended(r.submit(Request{Source: bad.Source, Commit: sha, After: bad.ID}).ID)
	if row.State != store.DeployLive || row.Service != "mine" || row.Commit != sha {
		t.Fatalf("%+v", row)
	}
	if svc := r.service("mine"); svc.Env["MODEL"] != "big" || svc.Replicas != 2 {
		t.Errorf("%+v", svc)
	}
	for _, id := range []int64{bad.ID, row.ID} {
		r.waitFor("the wishes are forgotten", func() bool {
			_, err := r.Store.Setting(t.Context(), wishKey(id))
			return errors.Is(err, store.ErrNotFound)
		})
	}
	list, err = r.Unborn(t.Context())
	must(t, err)
	if len(list) != 1 || list[0].ID != empty.ID {
		t.Errorf("%+v", list)
	}

	must(t, r.Store.DeleteService(t.Context(), "mine"))
	o.commit(map[string]string{"aictl.yaml": "comand: x\n"})
	r.ended(r.submit(Request{Source: o.source(), Name: "mine"}).ID)
	list, err = r.Unborn(t.Context())
	must(t, err)
	if len(list) != 1 || list[0].ID != empty.ID {
		t.Errorf("a service that was removed would come back: %+v", list)
	}
}

// The name that a source suggests is a guess until the manifest is read, also in what comes after.
func TestUnbornNameIsAGuess(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, map[string]string{"aictl.yaml": "comand: x\n"})
	bad := r.ended(r.submit(Request{Source: o.source()}).ID)
	sha := o.commit(plain("name: reader\n"))
	row := r.ended(r.submit(Request{Source: bad.Source, Commit: sha, After: bad.ID}).ID)
	if row.State != store.DeployLive || row.Service != "reader" {
		t.Fatalf("%+v", row)
	}
	list, err := r.Unborn(t.Context())
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
