package autodeploy

import (
	"context"
	"testing"

	"aictl/internal/giteatest"
	"aictl/store"
)

// TestPushAfterAFailedFirstDeploy pushes what mends a deploy that failed before there was a service.
func TestPushAfterAFailedFirstDeploy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	failed, _, err := r.store.EnqueueDeploy(t.Context(), store.Deploy{Service: "ocr", Kind: "deploy", Source: giteaSource("ocr"), Commit: first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.FinishDeploy(t.Context(), failed.ID, store.DeployFailed, "manifest", "wrong"); err != nil {
		t.Fatal(err)
	}
	misspelt := store.Deploy{ID: 99, Service: "misspelt", Source: giteaSource("nothing")}
	r.engine.Unborn = func(ctx context.Context) ([]store.Deploy, error) {
		row, err := r.store.Deploy(ctx, failed.ID)
		return []store.Deploy{misspelt, row}, err
	}
	r.work()
	r.reconcile()
	r.want("ocr")
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.settled(1)
	r.want("ocr", second)
	r.reconcile()
	r.want("ocr", second)
	repo.Branch(t, "other", second)
	r.settled(3)
	r.want("ocr", second)
	r.mu.Lock()
	if r.orders[0].After != failed.ID {
		t.Errorf("%+v", r.orders[0])
	}
	r.mu.Unlock()
	if troubles := r.engine.Troubles(); len(troubles) != 0 {
		t.Errorf("a repository that was misspelt is looked at: %+v", troubles)
	}
	r.git.SetAllowedHosts("external") // nothing is delivered any more
	third := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}})
	r.reconcile()
	r.want("ocr", second, third)
	states, err := r.engine.States(t.Context())
	if err != nil || len(states) != 0 {
		t.Errorf("%+v, %v: there is no service", states, err)
	}
}
