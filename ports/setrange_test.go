package ports

import (
	"context"
	"errors"
	"testing"
)

func TestSetRange(t *testing.T) {
	a, _, _ := newTest(t, Range{8001, 8002}, nil)
	ctx := t.Context()
	acquire := func(owner string, want int) {
		t.Helper()
		if got, err := a.Acquire(ctx, owner); err != nil || got != want {
			t.Errorf("%s: port %d, %v; want %d", owner, got, err, want)
		}
	}
	acquire("a/1", 8001)
	if err := a.SetRange(ctx, Range{9001, 9002}); err != nil {
		t.Fatal(err)
	}
	if port, ok, err := a.Kept(ctx, "a/1"); err != nil || !ok || port != 8001 {
		t.Errorf("a/1 has %d, %v, %v: nothing may move by itself", port, ok, err)
	}
	acquire("b/1", 9001)
	acquire("a/1", 9002)
	if err := a.SetRange(ctx, Range{9, 8}); err == nil {
		t.Error("a range that ends before it begins is taken")
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	a.turn <- struct{}{}
	if err := a.SetRange(gone, Range{1, 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-a.turn
}
