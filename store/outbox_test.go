package store

import (
	"errors"
	"testing"
	"time"
)

func TestReports(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	due := func() []Report {
		t.Helper()
		v, err := s.DueReports(ctx, time.Now().Add(time.Second), 0)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	put := func(deploy int64, state, description string) bool {
		t.Helper()
		ok, err := s.PutReport(ctx, Report{Address: "https://g", Repository: "ai/ocr", Commit: "c1", Context: "aictl/ocr", Deploy: deploy, State: state, Description: description, TargetURL: "u"})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if _, ok, err := s.NextReport(ctx); ok || err != nil {
		t.Errorf("an empty outbox: %v, %v", ok, err)
	}
	for _, c := range []struct {
		deploy             int64
		state, description string
		want               bool
	}{
		{5, "pending", "queued", true}, {5, "pending", "queued", false}, {5, "failure", "health", true}, {4, "success", "live", false}, {6, "pending", "queued", true},
	} {
		if got := put(c.deploy, c.state, c.description); got != c.want {
			t.Errorf("%d %s: %v, want %v", c.deploy, c.state, got, c.want)
		}
	}
	waiting := due()
	if len(waiting) != 1 || waiting[0].Deploy != 6 || waiting[0].State != "pending" || waiting[0].Version != 3 {
		t.Fatalf("due: %+v", waiting)
	}
	old := waiting[0]
	put(6, "success", "live")
	if err := s.ReportDone(ctx, old); err != nil { // of what has changed meanwhile
		t.Fatal(err)
	}
	if err := s.ReportFailed(ctx, old, "no", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if waiting = due(); len(waiting) != 1 || waiting[0].State != "success" || waiting[0].Tries != 0 {
		t.Fatalf("a report that changed while it was told: %+v", waiting)
	}
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	if err := s.ReportFailed(ctx, waiting[0], "503", later); err != nil {
		t.Fatal(err)
	}
	if at, ok, err := s.NextReport(ctx); !ok || err != nil || !at.Equal(later) || len(due()) != 0 {
		t.Errorf("the next try: %v, %v, %v", at, ok, err)
	}
	if r, err := s.ReportOf(ctx, 6); err != nil || r.Error != "503" || r.Tries != 1 || r.Progress != ReportWaiting {
		t.Errorf("report of the deploy: %+v, %v", r, err)
	}
	if err := s.HurryReports(ctx, "https://g"); err != nil || len(due()) != 1 {
		t.Errorf("hurried: %d due, %v", len(due()), err)
	}
	if err := s.ReportDone(ctx, due()[0]); err != nil {
		t.Fatal(err)
	}
	if open, err := s.OpenReports(ctx, 0); err != nil || len(open) != 0 {
		t.Errorf("open: %+v, %v", open, err)
	}
	if err := s.PruneReports(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReportOf(ctx, 6); !errors.Is(err, ErrNotFound) {
		t.Errorf("forgotten: %v", err)
	}
}

func TestPreviews(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	p := Preview{Service: "ocr-pr-3", Parent: "ocr", Address: "https://g", Repository: "ai/ocr", Number: 3, Title: "T", Author: "ada", Branch: "f"}
	if err := s.SavePreview(ctx, p); err != nil {
		t.Fatal(err)
	}
	first, err := s.Preview(ctx, "ocr-pr-3")
	if err != nil || first.Head != "" || first.CreatedAt.IsZero() || !first.PushedAt.Equal(first.CreatedAt) {
		t.Fatalf("saved: %+v, %v", first, err)
	}
	p.Head, p.Title = "c1", "Another"
	if err := s.SavePreview(ctx, p); err != nil {
		t.Fatal(err)
	}
	second, err := s.Preview(ctx, "ocr-pr-3")
	if err != nil || second.Head != "c1" || second.Title != "Another" || second.PushedAt.Before(first.PushedAt) || !second.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("pushed: %+v, %v", second, err)
	}
	p.Expired = true
	if err := s.SavePreview(ctx, p); err != nil {
		t.Fatal(err)
	}
	third, err := s.Preview(ctx, "ocr-pr-3")
	if err != nil || !third.Expired || !third.PushedAt.Equal(second.PushedAt) {
		t.Errorf("expired: %+v, %v", third, err)
	}
	for parent, want := range map[string]int{"": 1, "ocr": 1, "asr": 0} {
		if list, err := s.Previews(ctx, parent); err != nil || len(list) != want {
			t.Errorf("of %q: %+v, %v", parent, list, err)
		}
	}
	if err := s.RemovePreview(ctx, "ocr-pr-3"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Preview(ctx, "ocr-pr-3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
}
