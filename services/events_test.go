package services

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/gateway"
	"aictl/procs"
	"aictl/store"
)

func TestEventsAreKeptInARing(t *testing.T) {
	var e Events
	_, _, more := e.Read(0)
	for range keptEvents + 5 {
		e.Publish(Event{Kind: EventInstanceStarted})
	}
	select {
	case <-more:
	default:
		t.Error("a waiting reader was not told")
	}
	for _, tc := range []struct{ after, lost, first, count uint64 }{
		{0, 5, 6, keptEvents},
		{4, 1, 6, keptEvents},
		{5, 0, 6, keptEvents},
		{keptEvents + 4, 0, keptEvents + 5, 1},
		{keptEvents + 5, 0, 0, 0},
	} {
		got, lost, _ := e.Read(tc.after)
		var first uint64
		if len(got) > 0 {
			first = got[0].Seq
		}
		if lost != tc.lost || first != tc.first || uint64(len(got)) != tc.count {
			t.Errorf("after %d: %d lost, first %d, %d in all; want %+v", tc.after, lost, first, len(got), tc)
		}
	}
	if e.Last() != keptEvents+5 {
		t.Errorf("last is %d", e.Last())
	}
}

func TestKindsOf(t *testing.T) {
	begun := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	up := procs.Status{State: procs.StateRunning, PID: 10, StartedAt: begun}
	stopping := procs.Status{State: procs.StateStopping, PID: 10, StartedAt: begun}
	exit := &procs.Exit{At: begun.Add(time.Minute), Code: 1}
	ending := procs.Status{State: procs.StateStopping, PID: 10, StartedAt: begun, LastExit: exit}
	backoff := procs.Status{State: procs.StateBackoff, LastExit: exit}
	again := procs.Status{State: procs.StateStarting, PID: 11, StartedAt: begun.Add(2 * time.Minute), LastExit: exit}
	for _, tc := range []struct {
		name    string
		was, is procs.Status
		wished  bool
		want    string
	}{
		{"spawned", procs.Status{State: procs.StateStarting}, up, false, "started"},
		{"healthy is the prober's to tell", procs.Status{State: procs.StateStarting, PID: 10}, up, false, ""},
		{"exit seen before the tree is gone", up, ending, false, "exited"},
		{"the tree follows", ending, backoff, false, "backoff"},
		{"exit and end at once", up, backoff, false, "exited backoff"},
		{"gave up", up, procs.Status{State: procs.StateFatal, LastExit: exit}, false, "exited fatal"},
		{"restarted at once", up, again, false, "exited started"},
		{"restarted by wish", up, again, true, "stopped started"},
		{"after backoff", backoff, again, false, "started"},
		{"could not be spawned", procs.Status{State: procs.StateStarting}, procs.Status{State: procs.StateBackoff}, false, "backoff"},
		{"stop begins", up, stopping, true, ""},
		{"stop ends", stopping, procs.Status{State: procs.StateStopped, LastExit: exit}, true, "stopped"},
		{"whole stop at once", up, procs.Status{State: procs.StateStopped, LastExit: exit}, true, "stopped"},
		{"stopped, then the tree is gone", ending, procs.Status{State: procs.StateStopped, LastExit: exit}, true, ""},
		{"removed", up, procs.Status{State: procs.StateRemoved, LastExit: exit}, false, "stopped"},
		{"said again", up, up, false, ""},
	} {
		var got []string
		for _, k := range kindsOf(tc.was, tc.is, tc.wished) {
			got = append(got, strings.TrimPrefix(string(k), "instance."))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// told are the kinds of events about a service so far.
func (r *rig) told(service string) []string {
	var kinds []string
	all, _, _ := r.Events().Read(0)
	for _, ev := range all {
		if ev.Service == service {
			kinds = append(kinds, string(ev.Kind))
		}
	}
	return kinds
}

func TestTheLifeOfAServiceIsTold(t *testing.T) {
	r := newRig(t)
	r.deploy(t, "ocr", 1)
	expect := func(what string, want ...string) {
		t.Helper()
		eventually(t, what+": "+strings.Join(want, " "), func() bool { return slices.Equal(r.told("ocr"), want) })
	}
	expect("deployed", "instance.started", "instance.healthy")
	if err := r.Restart(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	life := []string{"instance.started", "instance.healthy", "instance.stopped", "instance.started", "instance.healthy"}
	expect("restarted", life...)
	if err := r.Stop(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	life = append(life, "instance.stopped", "service.stopped")
	expect("stopped", life...)
	if err := r.Stop(t.Context(), "ocr"); err != nil { // once more is no news
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	life = append(life, "service.started", "instance.started", "instance.healthy")
	expect("started", life...)
	if err := r.Scale(t.Context(), "ocr", 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	expect("removed", append(life, "instance.stopped", "service.scaled", "service.removed")...)
	all, _, _ := r.Events().Read(0)
	if all[0].Instance != "ocr/1" || all[0].Release == "" || all[0].Fields["pid"] == "" || all[0].Time.IsZero() {
		t.Errorf("event %+v", all[0])
	}
}

// Answers to calls overtake the keeper's news: what it had to say of an instance before that was removed must neither
// bring it back nor be told as news, and the end of one instance is not the end of the next in its slot.
func TestAWordOnARemovedInstanceComesLate(t *testing.T) {
	begun := time.Now()
	word := func(seq uint64, state procs.State, pid int) procs.Status {
		return procs.Status{ID: "ocr/1", Seq: seq, State: state, PID: pid, StartedAt: begun}
	}
	for _, tc := range []struct {
		name  string
		words []procs.Status
		told  string
		known bool
	}{
		{"late news", []procs.Status{word(1, "running", 7), word(3, "removed", 0), word(2, "running", 8), word(3, "removed", 0)},
			"started stopped", false},
		{"an answer from after the removal", []procs.Status{word(1, "running", 7), word(3, "removed", 0), word(3, "stopped", 0)},
			"started stopped", false},
		{"found missing", []procs.Status{word(4, "running", 7), word(0, "removed", 0), word(4, "running", 7)}, "started stopped", false},
		{"the next in the slot", []procs.Status{word(1, "running", 7), word(3, "removed", 0), word(5, "running", 9), word(3, "removed", 0)},
			"started stopped started", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := New(Deps{Logger: slog.New(slog.DiscardHandler), Router: &fakeRouter{routes: map[string]gateway.Route{}}})
			t.Cleanup(m.end)
			m.instances["ocr/1"] = &instance{Instance: store.Instance{ID: "ocr/1", Service: "ocr", Live: true}}
			m.services["ocr"] = &service{wanted: store.WantedRunning}
			for _, s := range tc.words {
				m.Observe(s)
			}
			var got []string
			all, _, _ := m.Events().Read(0)
			for _, ev := range all {
				got = append(got, strings.TrimPrefix(string(ev.Kind), "instance."))
			}
			if _, known := m.seen["ocr/1"]; strings.Join(got, " ") != tc.told || known != tc.known {
				t.Errorf("told %q, known %v; want %q, %v", got, known, tc.told, tc.known)
			}
		})
	}
}
