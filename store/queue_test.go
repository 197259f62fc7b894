package store

import (
	"reflect"
	"testing"
)

func equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func enqueue(t *testing.T, s *Store, service string) (Deploy, []Deploy) {
	t.Helper()
	d, gone, err := s.EnqueueDeploy(t.Context(), Deploy{Service: service, Source: Source{Kind: "git", URL: "u", Ref: "main"}, Actor: "ann", Trigger: "cli"})
	ok(t, err)
	return d, gone
}

func claim(t *testing.T, s *Store, limit int) (Deploy, bool) {
	t.Helper()
	d, found, err := s.ClaimDeploy(t.Context(), limit)
	ok(t, err)
	return d, found
}

func TestNewerDeployTakesThePendingPlace(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	first, _ := enqueue(t, s, "ocr")
	running, found := claim(t, s, 9)
	if !found || running.ID != first.ID || running.State != DeployRunning || running.StartedAt.IsZero() {
		t.Fatalf("claimed %+v", running)
	}
	second, gone := enqueue(t, s, "ocr")
	if len(gone) != 0 {
		t.Errorf("superseded %v, but a running deploy must run on", gone)
	}
	third, gone := enqueue(t, s, "ocr")
	if len(gone) != 1 || gone[0].ID != second.ID || gone[0].State != DeploySuperseded || gone[0].FinishedAt.IsZero() {
		t.Errorf("superseded %+v, want deploy %d", gone, second.ID)
	}
	if _, found := claim(t, s, 9); found {
		t.Error("two deploys of one service run")
	}
	_, err := s.FinishDeploy(ctx, first.ID, DeployFailed, "health", "no answer")
	ok(t, err)
	if next, found := claim(t, s, 9); !found || next.ID != third.ID {
		t.Errorf("next is %+v, want deploy %d", next, third.ID)
	}
}

func TestClaimsAreInOrderAndBounded(t *testing.T) {
	s := openTest(t)
	var want []int64
	for _, name := range []string{"c", "a", "b"} {
		d, _ := enqueue(t, s, name)
		want = append(want, d.ID)
	}
	a, _ := claim(t, s, 2)
	b, _ := claim(t, s, 2)
	equal(t, []int64{a.ID, b.ID}, want[:2])
	if _, found := claim(t, s, 2); found {
		t.Error("three deploys run where two may")
	}
	if c, found := claim(t, s, 3); !found || c.ID != want[2] {
		t.Errorf("third is %+v", c)
	}
	if _, found := claim(t, s, 0); found {
		t.Error("something was claimed where none may run")
	}
}

func TestFinishDeploy(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	d, _ := enqueue(t, s, "ocr")
	claim(t, s, 1)
	for _, name := range []string{"fetch", "start"} {
		_, err := s.StartStep(ctx, d.ID, name)
		ok(t, err)
	}
	ok(t, s.FinishStep(ctx, d.ID, 1, StepDone, "1a2b3c4d"))
	ok(t, s.SetStepDetail(ctx, d.ID, 2, "waiting"))
	wantErr(t, s.FinishStep(ctx, d.ID, 1, StepFailed, ""), ErrNotFound) // it ended before
	if err := s.FinishStep(ctx, d.ID, 2, StepRunning, ""); err == nil {
		t.Error("a step ended as running")
	}
	_, err := s.StartStep(ctx, 99, "fetch")
	wantErr(t, err, ErrNotFound)
	if _, err := s.FinishDeploy(ctx, d.ID, DeployRunning, "", ""); err == nil {
		t.Error("a deploy ended as running")
	}
	ok(t, s.SetDeployCommit(ctx, d.ID, sha, "a subject"))
	ok(t, s.SetDeployRelease(ctx, d.ID, "r1-1a2b3c4d"))
	ok(t, s.AddDeployWarnings(ctx, d.ID, "no /info"))
	ok(t, s.AddDeployWarnings(ctx, d.ID, "no /predict", "slow"))
	ended, err := s.FinishDeploy(ctx, d.ID, DeployFailed, "start", "exit code 1")
	ok(t, err)
	if ended.State != DeployFailed || ended.FailedStep != "start" || ended.Error != "exit code 1" || ended.Commit != sha || len(ended.Warnings) != 3 {
		t.Errorf("ended as %+v", ended)
	}
	got, err := s.Deploy(ctx, d.ID)
	ok(t, err)
	equal(t, got, ended)
	steps, err := s.Steps(ctx, d.ID)
	ok(t, err)
	if len(steps) != 2 || steps[0].State != StepDone || steps[0].Detail != "1a2b3c4d" || steps[1].State != StepFailed || steps[1].Detail != "waiting" || steps[1].FinishedAt.IsZero() {
		t.Errorf("steps are %+v", steps)
	}
	_, err = s.FinishDeploy(ctx, d.ID, DeployLive, "", "")
	wantErr(t, err, ErrConflict)
	_, err = s.FinishDeploy(ctx, 99, DeployLive, "", "")
	wantErr(t, err, ErrNotFound)
	queued, _ := enqueue(t, s, "ocr")
	cancelled, err := s.FinishDeploy(ctx, queued.ID, DeployCancelled, "", "")
	ok(t, err)
	if cancelled.State != DeployCancelled {
		t.Errorf("cancelled is %+v", cancelled)
	}
}

func TestDeployLearnsItsService(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	a, _ := enqueue(t, s, "?1")
	b, _ := enqueue(t, s, "ocr")
	claim(t, s, 9)
	claim(t, s, 9)
	wantErr(t, s.SetDeployService(ctx, a.ID, "ocr"), ErrConflict)
	_, err := s.FinishDeploy(ctx, b.ID, DeployLive, "", "")
	ok(t, err)
	ok(t, s.SetDeployService(ctx, a.ID, "ocr"))
	got, err := s.Deploy(ctx, a.ID)
	ok(t, err)
	if got.Service != "ocr" {
		t.Errorf("deploy is %+v", got)
	}
	wantErr(t, s.SetDeployService(ctx, 99, "ocr"), ErrNotFound)
}

func TestInterruptDeploysAtStart(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	a, _ := enqueue(t, s, "a")
	b, _ := enqueue(t, s, "b")
	claim(t, s, 1)
	_, err := s.StartStep(ctx, a.ID, "fetch")
	ok(t, err)
	ok(t, s.FinishStep(ctx, a.ID, 1, StepDone, ""))
	_, err = s.StartStep(ctx, a.ID, "environment")
	ok(t, err)
	cut, err := s.InterruptDeploys(ctx)
	ok(t, err)
	if len(cut) != 1 || cut[0].ID != a.ID || cut[0].State != DeployInterrupted || cut[0].FailedStep != "environment" || cut[0].Error == "" {
		t.Errorf("interrupted %+v", cut)
	}
	steps, err := s.Steps(ctx, a.ID)
	ok(t, err)
	if steps[0].State != StepDone || steps[1].State != StepFailed {
		t.Errorf("steps are %+v", steps)
	}
	if cut, err = s.InterruptDeploys(ctx); err != nil || len(cut) != 0 {
		t.Errorf("a second start interrupted %v %v", cut, err)
	}
	if next, found := claim(t, s, 1); !found || next.ID != b.ID {
		t.Errorf("next is %+v", next)
	}
}

func TestDeploysFilter(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	a1, _ := enqueue(t, s, "a")
	b1, _ := enqueue(t, s, "b")
	a2, _ := enqueue(t, s, "a")
	claim(t, s, 1)
	for _, tc := range []struct {
		f    DeployFilter
		want []int64
	}{
		{DeployFilter{}, []int64{a2.ID, b1.ID, a1.ID}},
		{DeployFilter{Service: "a"}, []int64{a2.ID, a1.ID}},
		{DeployFilter{States: []DeployState{DeployRunning, DeploySuperseded}}, []int64{b1.ID, a1.ID}},
		{DeployFilter{States: []DeployState{"live"}}, nil},
		{DeployFilter{Before: a2.ID, Limit: 1}, []int64{b1.ID}},
	} {
		found, err := s.Deploys(ctx, tc.f)
		ok(t, err)
		var ids []int64
		for _, d := range found {
			ids = append(ids, d.ID)
		}
		equal(t, ids, tc.want)
	}
}

// TestQueueRulesHoldBelowTheCode writes past the methods: the database itself refuses.
func TestQueueRulesHoldBelowTheCode(t *testing.T) {
	s := openTest(t)
	enqueue(t, s, "a")
	claim(t, s, 1)
	enqueue(t, s, "a")
	for _, text := range []string{"UPDATE deploys SET state = 'running'", "UPDATE deploys SET state = 'queued'", "UPDATE deploys SET state = 'odd'"} {
		if _, err := s.w.Exec(text); err == nil {
			t.Errorf("%s was allowed", text)
		}
	}
}
