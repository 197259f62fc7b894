package procs

import (
	"strings"
	"testing"
	"time"
)

func TestResumedKeepsThePause(t *testing.T) {
	tests := map[string]struct {
		left time.Duration // of the pause, by the clock
		did  string
	}{
		"as planned":                 {5 * time.Second, "report, arm backoff 5s"},
		"over by now":                {-time.Minute, "report, arm backoff 0s"},
		"the clock was set back":     {365 * 24 * time.Hour, "report, arm backoff 30s"},
		"the clock was set far back": {-365 * 24 * time.Hour, "report, arm backoff 0s"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScript(plain)
			s.m.recall(&record{
				State: StateBackoff, Wanted: true, Reason: "exited with code 1", Restarts: 4, Backoffs: 4,
				Failures: []time.Time{testTime, testTime, testTime, testTime},
			})
			s.feed(Resumed{Backoff: true, NextStart: testTime.Add(tc.left)})
			if s.did() != tc.did || s.m.State != StateBackoff || s.m.Reason != "exited with code 1" {
				t.Fatalf("%s: %s (%s)", s.did(), s.m.State, s.m.Reason)
			}
			if s.m.NextStart.Before(s.now) || s.m.NextStart.After(s.now.Add(30*time.Second)) {
				t.Errorf("next start %s, now %s", s.m.NextStart, s.now)
			}
			s.feed(TimerFired{TimerBackoff}, Spawned{}, crash(1), TreeGone{})
			if s.did() != "report, arm backoff 16s" || s.m.Restarts != 5 || len(s.m.failures) != 5 {
				t.Errorf("the next failure: %s, %d restarts, %d failures", s.did(), s.m.Restarts, len(s.m.failures))
			}
			s.feed(Start{}, Spawned{}, crash(1), TreeGone{})
			if s.did() != "report, arm backoff 1s" {
				t.Errorf("a failure after a start by wish: %s", s.did())
			}
		})
	}
}

func TestSweptGoesOn(t *testing.T) {
	exit := &Exit{Code: 3}
	for name, tc := range map[string]struct {
		then  sequel
		exit  *Exit
		state State
		want  string
		did   string
	}{
		"crashed":              {sequelPolicy, exit, StateBackoff, "exited with code 3", "report, arm backoff 4s"},
		"crashed, nobody knew": {sequelPolicy, nil, StateBackoff, "ended while no keeper was watching, exit code unknown", "report, arm backoff 4s"},
		"was unhealthy":        {sequelFailed, exit, StateBackoff, "no answer", "report, arm backoff 4s"},
		"by wish":              {sequelStart, exit, StateStarting, "", "spawn"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(checked)
			s.m.recall(&record{State: StateStopping, Wanted: true, Reason: "no answer", Backoffs: 2, LastExit: tc.exit})
			s.feed(Swept{Then: tc.then})
			if s.m.State != tc.state || s.m.Reason != tc.want || s.did() != tc.did {
				t.Errorf("%s (%s): %s", s.m.State, s.m.Reason, s.did())
			}
		})
	}
}

// A keeper that dies again and again does not make a crashing service start again and again.
func TestBackoffSurvivesTheKeeper(t *testing.T) {
	t.Parallel()
	o := startOuter(t, true)
	spec := o.spec(t, "ocr/1", "exit", "3")
	spec.Restart = RestartPolicy{Backoff: time.Hour, MaxBackoff: time.Hour}
	o.up(t, spec)
	before := o.waitStatus(t, "ocr/1", "waiting", inState(StateBackoff))
	for range 5 {
		o.crash(t)
		o.begin(t)
		// The daemon applies what it wants to run; that is no wish to start at once.
		if _, err := o.client.Apply(t.Context(), spec, ApplyOptions{Start: true, Restart: true}); err != nil {
			t.Fatal(err)
		}
		after := o.list(t)["ocr/1"]
		if after.State != StateBackoff || !after.NextStart.Equal(before.NextStart) || after.Restarts != before.Restarts || after.Reason != before.Reason {
			t.Fatalf("before %+v\nafter %+v", before, after)
		}
	}
	if n := strings.Count(readFile(spec.Log.Path), "ready and gone"); n != 1 {
		t.Errorf("started %d times, want once", n)
	}
	if _, err := o.client.Start(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a start by wish", func() bool { return strings.Count(readFile(spec.Log.Path), "ready and gone") == 2 })
}

func TestFailuresOfSeveralKeepersAddUp(t *testing.T) {
	t.Parallel()
	o := startOuter(t, true)
	spec := o.spec(t, "ocr/1", "exit", "3")
	spec.Restart = RestartPolicy{Backoff: 30 * time.Millisecond, MaxBackoff: 30 * time.Millisecond, GiveUpAfter: 3}
	o.up(t, spec)
	rounds := 0
	for seen := -1; ; rounds++ {
		s := o.waitStatus(t, "ocr/1", "one failure more", func(s Status) bool {
			return s.State == StateFatal || s.State == StateBackoff && s.Restarts > seen
		})
		if s.State == StateFatal {
			break
		}
		seen = s.Restarts
		o.crash(t)
		o.begin(t)
	}
	// A start right before a keeper's death may not have been counted.
	if n := strings.Count(readFile(spec.Log.Path), "ready and gone"); n > 4+rounds {
		t.Errorf("started %d times under %d keepers, gives up after 3 failures", n, rounds+1)
	}
}
