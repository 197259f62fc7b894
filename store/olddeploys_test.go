package store

import (
	"slices"
	"testing"
)

func TestOldDeploysAreForgotten(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	addService(t, s, "ocr")
	kept := addRelease(t, s, "ocr")
	var ids []int64
	for i := range 6 {
		d, _, err := s.EnqueueDeploy(ctx, Deploy{Service: "ocr"})
		ok(t, err)
		_, err = s.StartStep(ctx, d.ID, "fetch")
		ok(t, err)
		if i == 1 {
			ok(t, s.SetDeployRelease(ctx, d.ID, kept.ID))
		}
		if i < 5 {
			_, err = s.FinishDeploy(ctx, d.ID, DeployFailed, "", "")
			ok(t, err)
		}
		ids = append(ids, d.ID)
	}
	old, err := s.OldDeploys(ctx, 2)
	ok(t, err)
	if want := []int64{ids[0], ids[2], ids[3]}; !slices.Equal(old["ocr"], want) {
		t.Fatalf("old: %v, want %v of %v", old, want, ids)
	}
	ok(t, s.DeleteDeploys(ctx, append(old["ocr"], ids[5], 12345)...))
	_, err = s.Deploy(ctx, ids[0])
	wantErr(t, err, ErrNotFound)
	if steps, err := s.Steps(ctx, ids[0]); err != nil || len(steps) != 0 {
		t.Errorf("steps of a deploy that is gone: %v, %v", steps, err)
	}
	if _, err := s.Deploy(ctx, ids[5]); err != nil {
		t.Errorf("a queued deploy was forgotten: %v", err)
	}
	if _, err := s.OldDeploys(ctx, 0); err == nil {
		t.Error("nothing at all was to be kept")
	}
}
