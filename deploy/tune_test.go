package deploy

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsFollowTheSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		got := make(chan int, 10)
		ctx, cancel := context.WithCancelCause(t.Context())
		take := func(n int) {
			if err := s.take(ctx, func() { got <- -n }); err == nil {
				got <- n
			} else if !errors.Is(err, ErrCancelled) {
				t.Error(err)
			}
		}
		expect := func(want ...int) {
			t.Helper()
			synctest.Wait()
			for _, n := range want {
				select {
				case have := <-got:
					if have != n {
						t.Errorf("got %d, want %d", have, n)
					}
				default:
					t.Errorf("%d did not happen", n)
				}
			}
			if len(got) > 0 {
				t.Errorf("%d happened, too", <-got)
			}
		}
		go take(1)
		expect(1)
		go take(2)
		expect(-2) // it waits
		s.resize(2)
		expect(2)
		s.resize(1)
		go take(3)
		expect(-3)
		s.put() // one is still taken
		expect()
		s.put()
		expect(3)
		go take(4)
		expect(-4)
		cancel(ErrCancelled)
		expect()
	})
}

func TestTune(t *testing.T) {
	t.Parallel()
	d := New(Deps{Slots: 1, Keep: 2, Limits: StepLimits(time.Minute)})
	if d.keep() != 2 || d.limits().Fetch != time.Minute || d.limits().Drain != 5*time.Minute {
		t.Errorf("%d, %+v", d.keep(), d.limits())
	}
	d.Tune(3, 7, 50, StepLimits(2*time.Minute))
	if d.keep() != 7 || d.history() != 50 || d.limits().Hook != 2*time.Minute || d.limits().Switch != time.Minute || d.build.most != 3 {
		t.Errorf("%d, %+v, %d slots", d.keep(), d.limits(), d.build.most)
	}
	d.Tune(0, 0, 0, Limits{})
	if d.keep() != defaultKeep || d.history() != defaultHistory || d.build.most != defaultSlots || d.limits().Fetch != 30*time.Minute {
		t.Errorf("%d, %+v, %d slots", d.keep(), d.limits(), d.build.most)
	}
}
