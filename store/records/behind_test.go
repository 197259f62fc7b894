package records

import (
	"context"
	"testing"
	"time"
)

func TestBehindCountsWhatFollowHasNotGiven(t *testing.T) {
	a := openTest(t, t.TempDir())
	ctx := context.Background()
	add(t, a, series(noon.Add(-24*time.Hour), 5)...)
	add(t, a, series(noon, 3)...)
	at := Position{}
	for left := int64(8); ; left -= 2 {
		behind, err := a.Behind(ctx, at)
		ok(t, err)
		if got := behind["2026-11-20"] + behind["2026-11-21"]; got != left || len(behind) != 2 {
			t.Fatalf("%v behind %v, want %d", behind, at, left)
		}
		if left == 0 {
			break
		}
		_, at, err = a.Follow(ctx, at, 2)
		ok(t, err)
	}
	latest, err := a.Latest(ctx)
	ok(t, err)
	if latest["2026-11-20"] != at["2026-11-20"] || latest["2026-11-21"] != at["2026-11-21"] {
		t.Errorf("latest %v, followed to %v", latest, at)
	}
	if behind, err := a.Behind(ctx, Position{"2026-11-20": 99}); err != nil || behind["2026-11-20"] != 5 {
		t.Errorf("a day begun anew: %v, %v", behind, err)
	}
	if _, err := a.Sweep(ctx, noon); err != nil {
		t.Fatal(err)
	}
	if behind, err := a.Behind(ctx, at); err != nil || len(behind) != 1 {
		t.Errorf("a day that has gone: %v, %v", behind, err)
	}
}
