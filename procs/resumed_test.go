package procs

import (
	"fmt"
	"testing"
)

func TestResumed(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    record
		want string
	}{
		{"wanted", record{Wanted: true, State: StateRunning}, "procs.Start"},
		{"another boot", record{Wanted: true, State: StateRunning, PID: 5, BootID: "old"}, "procs.Start"},
		{"gone in this boot", record{Wanted: true, State: StateRunning, PID: 5, BootID: "now"}, "procs.Lost"},
		{"waits for others", record{Wanted: true, State: StateRunning, PID: 5, BootID: "old", Spec: &Spec{Waits: true}}, ""},
		{"a run cut off by the keeper's stop", record{Wanted: true, State: StateRunning, BootID: "now", Spec: &Spec{Once: true}}, ""},
		{"a run that is tried again", record{Wanted: true, State: StateBackoff, BootID: "now", Spec: &Spec{Once: true}}, "procs.Resumed"},
		{"a run that ended unseen", record{Wanted: true, State: StateRunning, PID: 5, BootID: "now", Spec: &Spec{Once: true}}, "procs.Lost"},
		{"waits, gone in this boot", record{Wanted: true, State: StateRunning, PID: 5, BootID: "now", Spec: &Spec{Waits: true}}, "procs.Lost"},
		{"not wanted", record{State: StateStopped}, ""},
		{"was stopping", record{State: StateStopping}, "procs.Stop"},
		{"in backoff", record{Wanted: true, State: StateBackoff, BootID: "now"}, "procs.Resumed"},
		{"in backoff, another boot", record{Wanted: true, State: StateBackoff, BootID: "old"}, "procs.Start"},
		{"about to be spawned", record{Wanted: true, State: StateStarting, BootID: "now"}, "procs.Resumed"},
		{"crashed, its tree was ended", record{Wanted: true, State: StateStopping, PID: 5, BootID: "now", Then: sequelPolicy}, "procs.Swept"},
		{"was restarting, older file", record{Wanted: true, State: StateStopping, PID: 5, BootID: "now"}, "procs.Start"},
		{"given up", record{State: StateFatal, BootID: "now"}, ""},
		{"given up, another boot", record{State: StateFatal, BootID: "old"}, "procs.Start"},
		{"never restarted, another boot", record{State: StateFatal, BootID: "old", Spec: &Spec{Restart: RestartPolicy{Policy: PolicyNever}}}, ""},
		{"stopped, another boot", record{State: StateStopped, BootID: "old"}, ""},
		{"was being removed", record{Wanted: true, Removing: true}, "procs.Remove"},
	} {
		if tc.r.Spec == nil {
			tc.r.Spec = &Spec{}
		}
		got := ""
		for _, ev := range tc.r.resumed("now") {
			got += fmt.Sprintf("%T", ev)
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
