package procs

import (
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// TestClockSteps: while the time of day is put forward and back by hours, instances that crash are started again, a stop
// ends in time, and what hangs on in a stop is killed.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	var ahead atomic.Int64
	k := startKeeper(t, withCgroups(true), func(c *KeeperConfig) {
		c.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(ahead.Load())) } // no monotonic reading
	})
	step := func() { ahead.Store(int64(time.Duration(rnd.IntN(24*3600)-12*3600) * time.Second)) }

	spec := k.spec(t, "ocr/1", "wait")
	spec.Restart.GiveUpAfter = -1
	status := k.up(t, spec)
	for range 20 {
		step()
		kill9(t, status.PID)
		if rnd.IntN(2) == 0 {
			step()
		}
		old := status.PID
		status = k.waitStatus(t, spec.ID, "runs again", func(s Status) bool { return s.State == StateRunning && s.PID != 0 && s.PID != old })
	}
	if status.Restarts != 20 || !status.NextStart.IsZero() {
		t.Errorf("after 20 crashes: %+v", status)
	}
	deaf := k.spec(t, "deaf/1", "stubborn")
	deaf.Stop.Grace = 20 * time.Millisecond
	k.up(t, deaf)
	for range 3 {
		step()
		done, err := k.client.StopAll(t.Context(), []string{spec.ID, deaf.ID}, true)
		if err != nil || len(done) != 2 || done[0].Status.State != StateStopped || done[1].Status.State != StateStopped {
			t.Fatalf("stop: %+v %v", done, err)
		}
		step()
		if _, err := k.client.StartAll(t.Context(), []string{spec.ID, deaf.ID}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClockStepsWithoutKeeper: the next keeper finds times of the future, or of long ago.
func TestClockStepsWithoutKeeper(t *testing.T) {
	for name, by := range map[string]time.Duration{"put back": 5 * time.Hour, "put forward": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOuter(t, true)
			spec := o.spec(t, "ocr/1", "wait")
			before := o.up(t, spec)
			o.crash(t)
			path := filepath.Join(o.dir, "instances", escapeID(spec.ID)+".json")
			r, err := readRecord(path)
			if err != nil {
				t.Fatal(err)
			}
			r.StartedAt, r.HealthySince = r.StartedAt.Add(by), r.HealthySince.Add(by)
			for range 20 { // more than it takes to give up, were they within the window
				r.Failures = append(r.Failures, time.Now().Add(by))
			}
			if err := saveRecord(path, *r); err != nil {
				t.Fatal(err)
			}
			o.begin(t)
			kill9(t, before.PID)
			after := o.waitStatus(t, spec.ID, "runs again", func(s Status) bool { return s.State == StateRunning && s.PID != 0 && s.PID != before.PID })
			if up := after.LastExit.Uptime; up < 0 || up > time.Hour {
				t.Errorf("it is told to have been up for %s", up)
			}
		})
	}
}

func TestHealthySince(t *testing.T) {
	now := testTime
	born := now.Add(-time.Hour)
	for name, tc := range map[string]struct{ recorded, want time.Time }{
		"not healthy":                     {time.Time{}, time.Time{}},
		"as recorded":                     {now.Add(-time.Minute), now.Add(-time.Minute)},
		"the clock was put forward":       {now.Add(-5 * time.Hour), born},
		"the clock was put back":          {now.Add(5 * time.Hour), now},
		"from its first moment until now": {born, born},
	} {
		r := record{HealthySince: tc.recorded}
		if got := r.healthySince(born, now); !got.Equal(tc.want) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestRecent(t *testing.T) {
	now := testTime
	within := []time.Time{now.Add(-10 * time.Minute), now.Add(-time.Second), now}
	all := append([]time.Time{now.Add(-11 * time.Minute), now.Add(time.Hour)}, within...)
	if got := recent(all, now.Add(-10*time.Minute), now); len(got) != len(within) {
		t.Errorf("%v", got)
	}
}
