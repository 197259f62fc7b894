package store

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRuns(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for _, name := range []string{"report", "tidy"} {
		if _, err := s.CreateService(ctx, Service{Name: name, Replicas: 1, Source: Source{Kind: "dir", URL: "/src"}}); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(r Run) (Run, error) {
		r.Release, r.Machine = "r1-abc", "m1"
		return s.BeginRun(ctx, r)
	}
	first, err := begin(Run{Service: "report", Instance: "report/1", Trigger: TriggerSchedule, State: RunRunning, DueAt: now, StartedAt: now.Add(time.Second)})
	if err != nil || first.Ended() || !first.DueAt.Equal(now) || first.Code != nil {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := begin(Run{Service: "report", Instance: "report/1", Trigger: TriggerUser, State: RunRunning, StartedAt: now}); !errors.Is(err, ErrConflict) {
		t.Errorf("a second run of an instance: %v", err)
	}
	if _, err := begin(Run{Service: "gone", Instance: "gone/1", Trigger: TriggerUser, State: RunRunning, StartedAt: now}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a run of no service: %v", err)
	}
	due := now.Add(time.Minute)
	for _, name := range []string{"report", "tidy"} {
		skipped, err := begin(Run{Service: name, Trigger: TriggerSchedule, State: RunSkipped, DueAt: due, StartedAt: due, Reason: "under way"})
		if err != nil || !skipped.Ended() || !skipped.EndedAt.Equal(due) {
			t.Fatalf("%+v, %v", skipped, err)
		}
	}
	open, err := s.OpenRuns(ctx)
	if err != nil || len(open) != 1 || open[0].ID != first.ID {
		t.Fatalf("%+v, %v", open, err)
	}
	if err := s.MarkRun(ctx, first.ID, EndingTimeout); err != nil {
		t.Fatal(err)
	}
	code := 3
	first.State, first.Code, first.EndedAt, first.Attempts, first.Reason = RunFailed, &code, now.Add(time.Hour), 2, "exit code 3"
	ended, err := s.FinishRun(ctx, first)
	if err != nil || *ended.Code != 3 || ended.Ending != EndingTimeout || ended.Attempts != 2 || !ended.EndedAt.Equal(first.EndedAt) {
		t.Fatalf("%+v, %v", ended, err)
	}
	if _, err := s.FinishRun(ctx, first); !errors.Is(err, ErrNotFound) {
		t.Errorf("finished twice: %v", err)
	}
	if err := s.MarkRun(ctx, first.ID, EndingStop); !errors.Is(err, ErrNotFound) {
		t.Errorf("an ended run was marked: %v", err)
	}
	first.State = RunRunning
	if _, err := s.FinishRun(ctx, first); err == nil {
		t.Error("a run was finished as running")
	}
	last, err := s.LastRuns(ctx)
	if err != nil || len(last) != 1 || last[0].ID != first.ID {
		t.Errorf("last runs %+v, %v", last, err)
	}
	dues, err := s.LastDues(ctx)
	if err != nil || len(dues) != 2 || !dues["report"].Equal(due) || !dues["tidy"].Equal(due) {
		t.Errorf("last times %v, %v", dues, err)
	}
	if got, err := s.Run(ctx, first.ID); err != nil || fmt.Sprint(*got.Code, got.State) != "3failed" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.DeleteService(ctx, "report"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(ctx, first.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("the run of a service that is gone: %v", err)
	}
}

// TestRunsAreBounded: the oldest go, but never one that is under way.
func TestRunsAreBounded(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	if _, err := s.CreateService(ctx, Service{Name: "tidy", Replicas: 1, Source: Source{Kind: "dir", URL: "/src"}}); err != nil {
		t.Fatal(err)
	}
	running, err := s.BeginRun(ctx, Run{Service: "tidy", Instance: "tidy/1", Trigger: TriggerUser, State: RunRunning, StartedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for range KeptRuns + 20 {
		if _, err := s.BeginRun(ctx, Run{Service: "tidy", Trigger: TriggerSchedule, State: RunSkipped, StartedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Runs(ctx, "tidy", 0)
	if err != nil || len(all) != KeptRuns+1 || all[len(all)-1].ID != running.ID {
		t.Fatalf("%d runs, %v", len(all), err)
	}
	if few, err := s.Runs(ctx, "tidy", 3); err != nil || len(few) != 3 || few[0].ID <= few[1].ID {
		t.Errorf("%+v, %v", few, err)
	}
}
