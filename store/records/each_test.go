package records

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestEachVisitsEveryRecordOnce(t *testing.T) {
	a := openTest(t, t.TempDir())
	base := time.Date(2026, 11, 20, 23, 59, 0, 0, time.UTC)
	const n = eachPage*2 + 7
	var batch []*Exchange
	for i := range n {
		x := exchange(base.Add(time.Duration(i)*200*time.Millisecond), i)
		x.Request.Body = fmt.Appendf(nil, "body %d", i)
		batch = append(batch, x)
	}
	add(t, a, batch...)
	for _, limit := range []int{0, 1, eachPage, eachPage + 1} {
		i := 0
		warnings, err := a.Each(context.Background(), Filter{OldestFirst: true, Limit: limit}, func(x *Exchange) error {
			if x.ID != batch[i].ID || string(x.Request.Body) != fmt.Sprintf("body %d", i) {
				t.Fatalf("record %d is %s with %q", i, x.ID, x.Request.Body)
			}
			i++
			return nil
		})
		want := n
		if limit > 0 {
			want = limit
		}
		if err != nil || len(warnings) > 0 || i != want {
			t.Errorf("limit %d: %d visited, %v, %v", limit, i, warnings, err)
		}
	}
	stop := errors.New("enough")
	if _, err := a.Each(context.Background(), Filter{}, func(*Exchange) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit's error was not returned: %v", err)
	}
}
