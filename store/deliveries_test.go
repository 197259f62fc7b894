package store

import (
	"errors"
	"testing"
	"time"
)

func TestDeliveries(t *testing.T) {
	t.Parallel()
	s, ctx := openTest(t), t.Context()
	first, ok, err := s.AddDelivery(ctx, Delivery{Forge: "default", Delivery: "a", Digest: [32]byte{1}, Event: "push", Repository: "o/r", RepoID: 7, Ref: "refs/heads/main", Change: "{}"})
	if err != nil || !ok || first.ID == 0 || first.State != DeliveryReceived || first.Repeated || first.ReceivedAt.IsZero() {
		t.Fatalf("%+v %v %v", first, ok, err)
	}
	if _, ok, err := s.AddDelivery(ctx, Delivery{Forge: "default", Delivery: "a", Digest: [32]byte{2}}); ok || err != nil {
		t.Errorf("an id is stored twice: %v", err)
	}
	again, ok, err := s.AddDelivery(ctx, Delivery{Forge: "default", Delivery: "b", Digest: [32]byte{1}, Repository: "o/renamed", RepoID: 7})
	if err != nil || !ok || !again.Repeated {
		t.Errorf("the same body under another id: %+v %v %v", again, ok, err)
	}
	if names, err := s.RepositoryNames(ctx, "default", 7); err != nil || len(names) != 2 {
		t.Errorf("%q %v", names, err)
	}
	if names, err := s.RepositoryNames(ctx, "default", 0); err != nil || len(names) != 0 {
		t.Errorf("%q %v", names, err)
	}
	if open, err := s.OpenDeliveries(ctx, 10); err != nil || len(open) != 2 || open[0].ID != first.ID {
		t.Errorf("%+v %v", open, err)
	}
	if d, err := s.DeliveryAfter(ctx, "O/R", 0); err != nil || d.ID != first.ID {
		t.Errorf("%+v %v", d, err)
	}
	if last, err := s.LastDelivery(ctx); err != nil || last != again.ID {
		t.Errorf("%d %v", last, err)
	}
	if err := errors.Join(s.TryDelivery(ctx, first.ID), s.FinishDelivery(ctx, first.ID, DeliveryDone, "ocr: deploy 1")); err != nil {
		t.Fatal(err)
	}
	if err := s.FinishDelivery(ctx, first.ID, DeliveryDone, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("finished twice: %v", err)
	}
	list, err := s.Deliveries(ctx, "O/R", 0, 0)
	if err != nil || len(list) != 1 || list[0].Outcome != "ocr: deploy 1" || list[0].Tries != 1 || list[0].DoneAt.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	if err := s.PruneDeliveries(ctx, time.Now().Add(time.Hour), 1000); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Deliveries(ctx, "", 0, 0); err != nil || len(list) != 1 || list[0].ID != again.ID {
		t.Errorf("what is not done was forgotten: %+v %v", list, err)
	}
}

func TestAttemptsAndPauses(t *testing.T) {
	t.Parallel()
	s, ctx := openTest(t), t.Context()
	if _, err := s.CreateService(ctx, Service{Name: "ocr"}); err != nil {
		t.Fatal(err)
	}
	for _, sha := range []string{"a", "b"} {
		if err := s.SetAttempt(ctx, Attempt{Service: "ocr", Ref: "refs/heads/main", SHA: sha, Deploy: 3, Outcome: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	a, err := s.Attempt(ctx, "ocr", "refs/heads/main")
	if err != nil || a.SHA != "b" || a.Before != "a" || a.At.IsZero() {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := s.Attempt(ctx, "ocr", "refs/heads/x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if list, err := s.Attempts(ctx, "ocr"); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if err := s.SetAttempt(ctx, Attempt{Service: "none", Ref: "r", SHA: "a"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := s.PauseDeploys(ctx, "none", "x", "me"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(s.PauseDeploys(ctx, "ocr", "first", "me"), s.PauseDeploys(ctx, "ocr", "rolled back", "ada")); err != nil {
		t.Fatal(err)
	}
	if list, err := s.DeployPauses(ctx); err != nil || len(list) != 1 || list[0].Why != "rolled back" || list[0].Actor != "ada" {
		t.Errorf("%+v %v", list, err)
	}
	if err := s.ResumeDeploys(ctx, "ocr"); err != nil {
		t.Fatal(err)
	}
	if err := s.ResumeDeploys(ctx, "ocr"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := errors.Join(s.PauseDeploys(ctx, "ocr", "x", "me"), s.DeleteService(ctx, "ocr")); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Attempts(ctx, "ocr"); err != nil || len(list) != 0 {
		t.Errorf("a removed service left %+v, %v", list, err)
	}
	if list, err := s.DeployPauses(ctx); err != nil || len(list) != 0 {
		t.Errorf("a removed service left %+v, %v", list, err)
	}
}
