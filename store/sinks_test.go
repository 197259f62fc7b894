package store

import (
	"context"
	"errors"
	"maps"
	"testing"
)

func TestSinkCursors(t *testing.T) {
	s := openTest(t)
	ctx := context.Background()
	if _, err := s.SinkCursor(ctx, "pg"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a sink nobody knows: %v", err)
	}
	for _, c := range []SinkCursor{{Position: map[string]int64{}}, {Position: map[string]int64{"2026-11-21": 7}, Sent: 7, Missed: 1}} {
		if err := s.SaveSinkCursor(ctx, "pg", c); err != nil {
			t.Fatal(err)
		}
		if got, err := s.SinkCursor(ctx, "pg"); err != nil || got.Sent != c.Sent || got.Missed != c.Missed || !maps.Equal(got.Position, c.Position) {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
	if err := s.SaveSinkCursor(ctx, "", SinkCursor{}); err == nil {
		t.Error("a sink without a name was kept")
	}
}
