package services

import (
	"testing"
	"time"

	"aictl/configs/schedule"
	"aictl/procs"
	"aictl/store"
)

// TestALookAtTheClock: a schedule of every ten minutes; times are minutes after noon.
func TestALookAtTheClock(t *testing.T) {
	s, err := schedule.Parse("*/10 * * * *", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }
	const none = -1e6
	for _, tc := range []struct {
		name                        string
		since, now, due, upTo, next float64
	}{
		{"nothing yet", 1, 5, none, 5, 10},
		{"on the dot", 5, 10, 10, 10, 20},
		{"a little late", 5, 10.5, 10, 10.5, 20},
		{"decided already", 10, 10, none, 10, 20},
		{"set forward by hours: once", 5, 305, 300, 305, 310},
		{"set forward by years: once", 5, 5 + 2e6, 2000005, 5 + 2e6, 2000010},
		{"set back: nothing twice", 15, 5, none, 15, 20},
		{"and on until it is past", 15, 14.9, none, 15, 20},
		{"set back by three hours", 185, 5, none, 185, 190},
		{"set back by more: it follows", 186, 5, none, 5, 10},
	} {
		g := look(s.Next, at(tc.since), at(tc.now))
		if tc.due == none != g.due.IsZero() || tc.due != none && !g.due.Equal(at(tc.due)) {
			t.Errorf("%s: due %s", tc.name, g.due)
		}
		if !g.since.Equal(at(tc.upTo)) || !g.next.Equal(at(tc.next)) {
			t.Errorf("%s: decided up to %s, next %s", tc.name, g.since, g.next)
		}
	}
	never := func(time.Time) time.Time { return time.Time{} }
	if g := look(never, noon, at(5)); !g.due.IsZero() || !g.next.IsZero() {
		t.Errorf("what never comes is due: %+v", g)
	}
}

// TestWhatADaemonMissed: minutes after noon; the daemon begins at 60.
func TestWhatADaemonMissed(t *testing.T) {
	s, err := schedule.Parse("*/10 * * * *", "UTC", "")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := noon.Add(65 * time.Minute)
	for _, tc := range []struct {
		name  string
		acted time.Duration
		now   time.Time
		catch bool
		due   time.Duration // 0 for none
	}{
		{"down for an hour", 5 * time.Minute, now, false, 0},
		{"down for an hour, made up for once", 5 * time.Minute, now, true, 60 * time.Minute},
		{"nothing missed, nothing to make up for", 60 * time.Minute, now, true, 0},
		{"a daemon that follows at once", 50 * time.Minute, noon.Add(60*time.Minute + 20*time.Second), false, 60 * time.Minute},
		{"which does not run twice", 60 * time.Minute, noon.Add(60*time.Minute + 20*time.Second), false, 0},
	} {
		g := look(s.Next, takenUp(noon.Add(tc.acted), tc.now, tc.catch), tc.now)
		if tc.due == 0 != g.due.IsZero() || tc.due != 0 && !g.due.Equal(noon.Add(tc.due)) {
			t.Errorf("%s: due %s", tc.name, g.due)
		}
	}
}

func TestOutcomes(t *testing.T) {
	begun := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := begun.Add(time.Minute)
	exit := func(e procs.Exit) *procs.Exit { e.At = at; return &e }
	for _, tc := range []struct {
		name   string
		ending string
		status procs.Status
		want   store.RunState // "" while it is under way
		reason string
	}{
		{"runs", "", procs.Status{State: procs.StateRunning, PID: 7}, "", ""},
		{"its tree is ended", "", procs.Status{State: procs.StateStopping, LastExit: exit(procs.Exit{})}, "", ""},
		{"to be tried again", "", procs.Status{State: procs.StateBackoff, LastExit: exit(procs.Exit{Code: 1})}, "", ""},
		{"done", "", procs.Status{State: procs.StateStopped, LastExit: exit(procs.Exit{})}, store.RunSucceeded, "exited with code 0"},
		{"failed", "", procs.Status{State: procs.StateFatal, LastExit: exit(procs.Exit{Code: 3})}, store.RunFailed, "exited with code 3"},
		{"killed", "", procs.Status{State: procs.StateFatal, LastExit: exit(procs.Exit{Code: -1, Signal: "KILL"})}, store.RunFailed, "was ended by signal KILL"},
		{"no program", "", procs.Status{State: procs.StateFatal, Reason: "no such file"}, store.RunFailed, "could not be started: no such file"},
		{"an exit of before", "", procs.Status{State: procs.StateStopped, LastExit: &procs.Exit{At: begun.Add(-time.Hour)}}, store.RunUnknown, "nobody saw it run"},
		{"unseen", "", procs.Status{State: procs.StateFatal, LastExit: exit(procs.Exit{Unknown: true})}, store.RunUnknown, "nobody saw how it ended"},
		{"too long", store.EndingTimeout, procs.Status{State: procs.StateStopped, LastExit: exit(procs.Exit{})}, store.RunFailed, "stopped: it took longer than its timeout of 30s"},
		{"stopped", store.EndingStop, procs.Status{State: procs.StateStopped, LastExit: exit(procs.Exit{Signal: "TERM"})}, store.RunStopped, "stopped by wish"},
		{"replaced", store.EndingReplace, procs.Status{State: procs.StateStopped, LastExit: exit(procs.Exit{Signal: "TERM"})}, store.RunStopped, "stopped: its next run was due"},
	} {
		run := store.Run{ID: 1, State: store.RunRunning, StartedAt: begun, Ending: tc.ending}
		got, over := outcome(run, tc.status, 30*time.Second, at.Add(time.Second))
		if over != (tc.want != "") || over && (got.State != tc.want || got.Reason != tc.reason || got.EndedAt.IsZero()) {
			t.Errorf("%s: over %v, %s: %s", tc.name, over, got.State, got.Reason)
		}
	}
}
