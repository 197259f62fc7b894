package deploy

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/store"
)

func TestPickRelease(t *testing.T) {
	rel := func(id, commit string) store.Release { return store.Release{ID: id, Commit: commit} }
	a, b, c := strings.Repeat("ab", 20), "1234567"+strings.Repeat("0", 33), "1234567"+strings.Repeat("1", 33)
	kept := []store.Release{rel("r12-abababab", a), rel("r7-12345671", c), rel("r3-12345670", b), rel("r2-abababab", a)}
	for word, want := range map[string]string{
		"r12-abababab": "r12-abababab", "R3-12345670": "r3-12345670",
		"r12": "r12-abababab", "3": "r3-12345670", "2": "r2-abababab",
		a: "r12-abababab", strings.ToUpper(a): "r12-abababab", a[:7]: "r12-abababab",
		b: "r3-12345670", b[:9]: "r3-12345670", c: "r7-12345671",
	} {
		if got, err := pickRelease(kept, word); err != nil || got.ID != want {
			t.Errorf("%s: %s, %v; want %s", word, got.ID, err, want)
		}
	}
	for word, want := range map[string]error{
		"1234567": store.ErrConflict, "r1": ErrNoSuchRelease, "13": ErrNoSuchRelease, "ababab": ErrNoSuchRelease, "": ErrNoSuchRelease,
		strings.Repeat("ef", 20): ErrNoSuchRelease, "main": ErrNoSuchRelease, "r": ErrNoSuchRelease, "-": ErrNoSuchRelease,
	} {
		if got, err := pickRelease(kept, word); !errors.Is(err, want) {
			t.Errorf("%q: %s, %v; want %v", word, got.ID, err, want)
		}
	}
	if _, err := pickRelease(kept, "r99"); !strings.Contains(err.Error(), "(r12-abababab, r7-12345671, r3-12345670, r2-abababab)") {
		t.Errorf("it does not say what there is: %v", err)
	}
}

// strict fails the test whenever somebody is asked for something over a network.
type strict struct{ t *testing.T }

func (s strict) Open(context.Context, store.Source) (Repository, error) {
	s.t.Error("a source was opened")
	return nil, errors.New("no network")
}

func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	s.t.Errorf("%s was asked", r.URL)
	return nil, errors.New("no network")
}

// A rollback asks nobody: no repository, no package index (what builds is not there at all), no address.
func TestRollbackUsesNoNetwork(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain("hooks: {release: ./run.sh}\n"))
	first := r.deploy(o)
	o.commit(map[string]string{"new": "1"})
	r.deploy(o)
	r.stop()
	r.deps.Sources, r.deps.HTTP, r.deps.Envs = strict{t}, &http.Client{Transport: strict{t}}, r.Envs
	r.Deployer = New(r.deps)
	r.run()
	row, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: first.Commit, Actor: "ann", Trigger: "cli", Reason: "wrong model", Origin: "192.0.2.7:5"})
	must(t, err)
	row = r.ended(row.ID)
	if row.State != store.DeployLive || r.service("svc").Release != first.Release || row.Reason != "wrong model" || row.Origin != "192.0.2.7:5" {
		t.Errorf("%+v", row)
	}
}

func TestRollbackPausesPushes(t *testing.T) {
	t.Parallel()
	var paused []string
	var fail error
	r := newRig(t, func(d *Deps) {
		d.Pause = func(_ context.Context, service, why, actor string) error {
			paused = append(paused, service+": "+why+" by "+actor)
			return fail
		}
	}).run()
	o := newOrigin(t, plain(""))
	first := r.deploy(o)
	o.commit(map[string]string{"new": "1"})
	second := r.deploy(o)
	if len(paused) > 0 {
		t.Errorf("a deploy paused: %v", paused)
	}
	if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: "r9", Actor: "ann"}); err == nil || len(paused) > 0 {
		t.Errorf("%v, paused %v", err, paused)
	}
	row, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", Actor: "ann"})
	must(t, err)
	r.ended(row.ID)
	if want := "svc: rolled back to " + first.Release + " by ann"; len(paused) != 1 || paused[0] != want {
		t.Errorf("paused %q, want %q", paused, want)
	}
	row, err = r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: second.Release, Trigger: TriggerPromote})
	must(t, err)
	if r.ended(row.ID); len(paused) != 1 {
		t.Errorf("a promotion paused: %v", paused)
	}
	fail = errors.New("disk full")
	if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: first.Release}); !errors.Is(err, fail) {
		t.Errorf("error %v", err)
	}
}

// A burst of deploys: the one under way and the last one run, all between give way, and rows and log folders are in order.
func TestBurstOfDeploys(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	open := gate(r)
	first := r.submit(Request{Source: o.source()})
	r.atStep(first.ID, StepHealth)
	var last store.Deploy
	for n := range 50 {
		if n%10 == 0 {
			o.commit(map[string]string{"n": strings.Repeat("x", n)})
		}
		last = r.submit(Request{Source: o.source(), Trigger: "push"})
	}
	open()
	if row := r.ended(last.ID); row.State != store.DeployLive || r.service("svc").Release != row.Release {
		t.Errorf("%+v", row)
	}
	all, err := r.Store.Deploys(t.Context(), store.DeployFilter{Service: "svc"})
	must(t, err)
	states := map[store.DeployState]int{}
	for _, row := range all {
		states[row.State]++
	}
	if states[store.DeployLive] != 2 || states[store.DeploySuperseded] != 49 || len(all) != 51 {
		t.Errorf("states %v", states)
	}
}

// The commit decides, not what the branch has become: a rollback by SHA runs the files of that commit.
func TestRollbackIsToTheCommitAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	o := newOrigin(t, plain(""))
	var rows []store.Deploy
	for _, text := range []string{"a", "b", "c"} {
		o.commit(map[string]string{"model": text})
		rows = append(rows, r.deploy(o))
	}
	o.commit(map[string]string{"model": "wrong"}) // pushed, not deployed
	row, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: rows[0].Commit})
	must(t, err)
	row = r.ended(row.ID)
	if row.State != store.DeployLive || row.Commit != rows[0].Commit || row.Release != rows[0].Release {
		t.Errorf("%+v", row)
	}
	rel, err := r.Store.Release(t.Context(), "svc", row.Release)
	must(t, err)
	if text, err := os.ReadFile(filepath.Join(rel.Dir, "model")); err != nil || string(text) != "a" {
		t.Errorf("it runs %q, %v", text, err)
	}
	if _, err := r.Rollback(t.Context(), RollbackRequest{Service: "svc", To: strings.Repeat("0", 40)}); !errors.Is(err, ErrNoSuchRelease) {
		t.Errorf("to a commit that was never deployed: %v", err)
	}
}
