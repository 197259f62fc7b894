package api

import (
	"context"
	"fmt"
	"time"

	"aictl/services"
	"aictl/store"
)

// run is the only run that the backend's ocr has.
func (b *backend) run(ended bool) store.Run {
	begun := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	r := store.Run{ID: 7, Service: "ocr", Release: "r2", Instance: "ocr/1", Trigger: store.TriggerUser, State: store.RunRunning, StartedAt: begun}
	if ended {
		code := 3
		r.State, r.EndedAt, r.Code, r.Attempts, r.Reason = store.RunFailed, begun.Add(1500*time.Millisecond), &code, 1, "exited with code 3"
	}
	return r
}

func (b *backend) RunNow(_ context.Context, name string) (store.Run, error) {
	if name == "trend" {
		return store.Run{}, fmt.Errorf("run trend: %w", services.ErrNotJob)
	}
	return b.run(false), b.note("run " + name)
}

func (b *backend) AwaitRun(ctx context.Context, name string, id int64) (store.Run, error) {
	if id != 7 {
		return store.Run{}, fmt.Errorf("run %d is none of %s: %w", id, name, store.ErrNotFound)
	}
	return b.run(true), nil
}

func (b *backend) Runs(_ context.Context, name string, n int) ([]store.Run, error) {
	if name == "nope" {
		return nil, fmt.Errorf("service nope: %w", store.ErrNotFound)
	}
	return []store.Run{b.run(true)}[:min(n, 1)], nil
}
