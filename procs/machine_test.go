package procs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// script drives a machine by hand.
type script struct {
	m       Machine
	now     time.Time
	actions []Action
}

func newScript(spec Spec) *script {
	if spec.ID == "" {
		spec.ID = "ocr/1"
	}
	return &script{m: newMachine(&spec), now: testTime}
}

// feed hands events over; a time.Duration lets time pass.
func (s *script) feed(events ...any) *script {
	for _, ev := range events {
		s.actions = nil
		if d, ok := ev.(time.Duration); ok {
			s.now = s.now.Add(d)
			continue
		}
		s.m, s.actions = next(s.m, ev.(Event), s.now, 0.5)
	}
	return s
}

// did writes the last event's actions in short.
func (s *script) did() string {
	var parts []string
	for _, a := range s.actions {
		part := string(a.Kind)
		switch a.Kind {
		case ActSignal:
			part += " " + a.Signal
		case ActArm:
			part += fmt.Sprintf(" %s %s", a.Timer, a.Delay)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func crash(code int) Exited { return Exited{Exit: Exit{Code: code}} }

var (
	checked = Spec{Checked: true}
	plain   = Spec{}
)

func TestNext(t *testing.T) {
	tests := map[string]struct {
		spec   Spec
		events []any
		state  State
		did    string
		reason string
	}{
		"start": {plain, []any{Start{}}, StateStarting, "spawn", ""},
		"an unchecked instance runs once spawned":  {plain, []any{Start{}, Spawned{}}, StateRunning, "report", ""},
		"a checked one starts until it is healthy": {checked, []any{Start{}, Spawned{}}, StateStarting, "report", ""},
		"healthy":                              {checked, []any{Start{}, Spawned{}, Healthy{}}, StateRunning, "report", ""},
		"healthy again says nothing":           {checked, []any{Start{}, Spawned{}, Healthy{}, Healthy{}}, StateRunning, "", ""},
		"unhealthy":                            {checked, []any{Start{}, Spawned{}, Healthy{}, Unhealthy{"503"}}, StateUnhealthy, "report", "503"},
		"start twice":                          {plain, []any{Start{}, Spawned{}, Start{}}, StateRunning, "", ""},
		"stop":                                 {plain, []any{Start{}, Spawned{}, Stop{}}, StateStopping, "report, signal TERM, arm grace 10s", "asked to stop"},
		"stop twice":                           {plain, []any{Start{}, Spawned{}, Stop{}, Stop{}}, StateStopping, "report", "asked to stop"},
		"the group gets the rest of the grace": {plain, []any{Start{}, Spawned{}, Stop{}, crash(0)}, StateStopping, "await-tree", ""},
		"stopped":                              {plain, []any{Start{}, Spawned{}, Stop{}, crash(0), TreeGone{}}, StateStopped, "cancel, report", ""},
		"grace runs out":                       {plain, []any{Start{}, Spawned{}, Stop{}, TimerFired{TimerGrace}}, StateStopping, "kill-tree", ""},
		"killed, then what is left is killed": {
			plain, []any{Start{}, Spawned{}, Stop{}, TimerFired{TimerGrace}, crash(0)}, StateStopping, "kill-tree", ""},
		"grace of the group runs out": {
			plain, []any{Start{}, Spawned{}, Stop{}, crash(0), TimerFired{TimerGrace}, TreeGone{}}, StateStopped, "report",
			"did not end within 10s of SIGTERM and was killed"},
		"start while stopping": {
			plain, []any{Start{}, Spawned{}, Stop{}, Start{}, crash(0), TreeGone{}}, StateStarting, "cancel, spawn", ""},
		"stop, start, stop": {
			plain, []any{Start{}, Spawned{}, Stop{}, Start{}, Stop{}, crash(0), TreeGone{}}, StateStopped, "cancel, report", ""},
		"restart": {
			plain, []any{Start{}, Spawned{}, Restart{Reason: "new key"}}, StateStopping, "report, signal TERM, arm grace 10s", "new key"},
		"restarted": {
			plain, []any{Start{}, Spawned{}, Restart{}, crash(0), TreeGone{}}, StateStarting, "cancel, spawn", ""},
		"restart of a stopped one starts it": {plain, []any{Restart{}}, StateStarting, "spawn", ""},
		"a crash ends the tree first": {
			plain, []any{Start{}, Spawned{}, crash(1)}, StateStopping, "kill-tree", "exited with code 1; ending what it left behind"},
		"a crash after sustained health restarts at once": {
			plain, []any{Start{}, Spawned{}, 10 * time.Second, crash(1), TreeGone{}}, StateStarting, "spawn", "exited with code 1"},
		"a crash before that backs off": {
			plain, []any{Start{}, Spawned{}, 9 * time.Second, crash(1), TreeGone{}}, StateBackoff, "report, arm backoff 1s", ""},
		"uptime without health is not sustained health": {
			checked, []any{Start{}, Spawned{}, time.Hour, crash(1), TreeGone{}}, StateBackoff, "report, arm backoff 1s", ""},
		"health that was sustained once counts": {
			checked, []any{Start{}, Spawned{}, Healthy{}, time.Hour, Unhealthy{"503"}, time.Second, crash(1), TreeGone{}},
			StateStarting, "spawn", ""},
		"the second failure backs off": {
			plain, []any{Start{}, Spawned{}, time.Minute, crash(1), TreeGone{}, Spawned{}, crash(1), TreeGone{}},
			StateBackoff, "report, arm backoff 1s", ""},
		"the third backs off twice as long": {
			plain, []any{Start{}, Spawned{}, crash(1), TreeGone{}, TimerFired{TimerBackoff}, Spawned{}, crash(1), TreeGone{}},
			StateBackoff, "report, arm backoff 2s", ""},
		"after the backoff":     {plain, []any{Start{}, Spawned{}, crash(1), TreeGone{}, TimerFired{TimerBackoff}}, StateStarting, "spawn", ""},
		"stop during backoff":   {plain, []any{Start{}, Spawned{}, crash(1), TreeGone{}, Stop{}}, StateStopped, "cancel, report", ""},
		"start during backoff":  {plain, []any{Start{}, Spawned{}, crash(1), TreeGone{}, Start{}}, StateStarting, "cancel, spawn", ""},
		"stop during a crash":   {plain, []any{Start{}, Spawned{}, crash(1), Stop{}, TreeGone{}}, StateStopped, "report", ""},
		"remove during a crash": {plain, []any{Start{}, Spawned{}, crash(1), Remove{}, TreeGone{}}, StateStopped, "report, forget", ""},
		"spawn failed": {
			plain, []any{Start{}, SpawnFailed{errors.New("cannot start x")}}, StateBackoff, "report, arm backoff 1s", "cannot start x"},
		"unhealthy restart by policy": {
			checked, []any{Start{}, Spawned{}, Restart{Reason: "no answer", Unhealthy: true}}, StateStopping,
			"report, signal TERM, arm grace 10s", "no answer"},
		"unhealthy restart counts as a failure": {
			checked, []any{Start{}, Spawned{}, Restart{Reason: "no answer", Unhealthy: true}, crash(0), TreeGone{}}, StateBackoff,
			"cancel, report, arm backoff 1s", "no answer"},
		"unhealthy restart under never": {
			Spec{Checked: true, Restart: RestartPolicy{Policy: PolicyNever}},
			[]any{Start{}, Spawned{}, Restart{Reason: "no answer", Unhealthy: true}}, StateUnhealthy, "report", "no answer"},
		"unhealthy restart of a stopped one": {plain, []any{Restart{Unhealthy: true}}, StateStopped, "", ""},
		"never, clean": {
			Spec{Restart: RestartPolicy{Policy: PolicyNever}}, []any{Start{}, Spawned{}, crash(0), TreeGone{}},
			StateStopped, "report", "exited with code 0; its restart policy is never"},
		"never, failed": {
			Spec{Restart: RestartPolicy{Policy: PolicyNever}}, []any{Start{}, Spawned{}, crash(2), TreeGone{}},
			StateFatal, "report", "exited with code 2; its restart policy is never"},
		"never, not spawned": {
			Spec{Restart: RestartPolicy{Policy: PolicyNever}}, []any{Start{}, SpawnFailed{errors.New("cannot start x")}},
			StateFatal, "report", "cannot start x; its restart policy is never"},
		"on-failure, clean": {
			Spec{Restart: RestartPolicy{Policy: PolicyOnFailure}}, []any{Start{}, Spawned{}, crash(0), TreeGone{}},
			StateStopped, "report", "exited with code 0; its restart policy is on-failure"},
		"on-failure, unknown": {
			Spec{Restart: RestartPolicy{Policy: PolicyOnFailure}},
			[]any{Start{}, Spawned{}, Exited{Exit{Unknown: true}}, TreeGone{}}, StateBackoff, "report, arm backoff 1s", ""},
		"always, clean, backs off too": {plain, []any{Start{}, Spawned{}, crash(0), TreeGone{}}, StateBackoff, "report, arm backoff 1s", ""},
		"remove":                       {plain, []any{Remove{}}, StateStopped, "report, forget", ""},
		"remove while running":         {plain, []any{Start{}, Spawned{}, Remove{}}, StateStopping, "report, signal TERM, arm grace 10s", ""},
		"start does not undo remove": {
			plain, []any{Start{}, Spawned{}, Remove{}, Start{}, Restart{}, crash(0), TreeGone{}}, StateStopped, "cancel, report, forget", ""},
		"new policy, no restart": {plain, []any{Start{}, Spawned{}, SpecChanged{Spec: &Spec{ID: "ocr/1"}}}, StateRunning, "report", ""},
		"new spec, restart": {
			plain, []any{Start{}, Spawned{}, SpecChanged{Spec: &Spec{ID: "ocr/1"}, Restart: true}}, StateStopping,
			"report, signal TERM, arm grace 10s", "its specification changed"},
		"new spec of a stopped one": {plain, []any{SpecChanged{Spec: &Spec{ID: "ocr/1"}, Restart: true}}, StateStopped, "report", ""},
		"checks are switched off": {
			checked, []any{Start{}, Spawned{}, SpecChanged{Spec: &Spec{ID: "ocr/1"}}}, StateRunning, "report, report", ""},
		"adopted":                  {checked, []any{Adopted{State: StateRunning, StartedAt: testTime}}, StateRunning, "report", ""},
		"adopted, then it exits":   {plain, []any{Adopted{State: StateRunning}, crash(1), TreeGone{}}, StateBackoff, "report, arm backoff 1s", ""},
		"lost":                     {plain, []any{Lost{}}, StateBackoff, "report, arm backoff 1s", "exit code unknown"},
		"a verdict on nothing":     {plain, []any{Healthy{}, Unhealthy{"x"}}, StateStopped, "", ""},
		"a verdict while stopping": {plain, []any{Start{}, Spawned{}, Stop{}, Unhealthy{"x"}}, StateStopping, "", ""},
		"a late timer":             {plain, []any{Start{}, Spawned{}, TimerFired{TimerBackoff}}, StateRunning, "", ""},
		"an exit of nothing":       {plain, []any{crash(1), TreeGone{}, Spawned{}, SpawnFailed{errors.New("x")}}, StateStopped, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScript(test.spec).feed(test.events...)
			if s.m.State != test.state || s.did() != test.did || !strings.Contains(s.m.Reason, test.reason) {
				t.Errorf("state %s, did %q, reason %q\nwant %s, %q, %q", s.m.State, s.did(), s.m.Reason, test.state, test.did, test.reason)
			}
		})
	}
}

// fail lets a running or starting instance crash and skips the backoff.
func (s *script) fail() {
	s.feed(crash(1), TreeGone{})
	if s.m.State == StateBackoff {
		s.feed(TimerFired{TimerBackoff})
	}
	s.feed(Spawned{})
}

func TestGivesUpAfterTooManyFailures(t *testing.T) {
	s := newScript(plain).feed(Start{}, Spawned{})
	for range 10 {
		s.feed(time.Second)
		s.fail()
	}
	if s.m.State != StateRunning || s.m.Restarts != 10 {
		t.Fatalf("after 10 failures: %s, %d restarts", s.m.State, s.m.Restarts)
	}
	s.feed(time.Second, Exited{Exit{Code: 3, Uptime: 1234 * time.Millisecond}}, TreeGone{})
	want := "gave up after 11 failures within 10m; the last: exited with code 3 after 1.2s; see `aictl logs ocr`"
	if s.m.State != StateFatal || s.m.Reason != want {
		t.Errorf("%s: %s", s.m.State, s.m.Reason)
	}
	if s.feed(Start{}); s.m.State != StateStarting || s.m.Restarts != 0 {
		t.Errorf("start of a fatal one: %s, %d restarts", s.m.State, s.m.Restarts)
	}
}

func TestFailuresOutsideTheWindowAreForgotten(t *testing.T) {
	s := newScript(checked).feed(Start{}, Spawned{})
	for range 100 {
		s.feed(2 * time.Minute)
		s.fail()
	}
	if s.m.State == StateFatal || len(s.m.failures) > 11 {
		t.Errorf("%s with %d failures remembered", s.m.State, len(s.m.failures))
	}
}

func TestNegativeGiveUpAfterNeverGivesUp(t *testing.T) {
	s := newScript(Spec{Restart: RestartPolicy{GiveUpAfter: -1}}).feed(Start{}, Spawned{})
	for range 200 {
		s.fail()
	}
	if s.m.State == StateFatal || len(s.m.failures) > 0 {
		t.Errorf("%s, %d failures remembered", s.m.State, len(s.m.failures))
	}
}

func TestOnlySustainedHealthResetsTheBackoff(t *testing.T) {
	s := newScript(checked).feed(Start{}, Spawned{})
	for range 3 {
		s.feed(Healthy{}, 9*time.Second)
		s.fail()
	}
	if s.m.backoffs != 3 {
		t.Fatalf("short health: %d backoffs, want 3", s.m.backoffs)
	}
	s.feed(Healthy{}, 10*time.Second, crash(1), TreeGone{})
	if s.m.State != StateStarting || s.m.backoffs != 0 || len(s.m.failures) != 1 {
		t.Errorf("sustained health: %s, %d backoffs, %d failures", s.m.State, s.m.backoffs, len(s.m.failures))
	}
}

func TestDelay(t *testing.T) {
	p := RestartPolicy{}.withDefaults()
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if got := p.delay(n, 0.5); got != want*time.Second {
			t.Errorf("delay %d: %s, want %s", n, got, want*time.Second)
		}
	}
	low, high := p.delay(0, 0), p.delay(0, 0.999999)
	if low != 800*time.Millisecond || high < 1199*time.Millisecond || high > 1200*time.Millisecond {
		t.Errorf("jitter: %s to %s", low, high)
	}
	if got := p.delay(1000, 0.99); got != 30*time.Second {
		t.Errorf("the cap holds with jitter: %s", got)
	}
}

func TestDescribeExit(t *testing.T) {
	tests := map[string]Exit{
		"exited with code 1":                                    {Code: 1},
		"exited with code 0 after 120ms":                        {Uptime: 120 * time.Millisecond},
		"killed by SIGSEGV after 1h":                            {Signal: "SEGV", Uptime: time.Hour + time.Millisecond},
		"exited with code 2 after 2m":                           {Code: 2, Uptime: 2 * time.Minute},
		"ended while no keeper was watching, exit code unknown": {Unknown: true},
	}
	for want, exit := range tests {
		if got := describeExit(exit); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
