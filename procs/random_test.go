package procs

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// world is what a machine's actions would do to reality.
type world struct {
	spawned, dead bool // a process exists; its leader is dead
	timer         Timer
	spawns        int
	forgotten     bool
}

// apply does the actions and checks that each is possible.
func (w *world) apply(t *testing.T, actions []Action) (spawning bool) {
	for _, a := range actions {
		switch a.Kind {
		case ActSpawn:
			if w.spawned {
				t.Fatal("spawn while a process is there")
			}
			spawning = true
		case ActSignal, ActAwaitTree, ActKillTree:
			if !w.spawned {
				t.Fatalf("%s without a process", a.Kind)
			}
		case ActArm:
			w.timer = a.Timer
			if a.Delay < 0 {
				t.Fatalf("timer of %s", a.Delay)
			}
		case ActCancel:
			w.timer = ""
		case ActForget:
			if w.spawned {
				t.Fatal("forgotten with a process")
			}
			w.forgotten = true
		}
	}
	return spawning
}

// possible lists the events that reality allows now.
func (w *world) possible() []Event {
	events := []Event{
		Start{}, Stop{}, Restart{Reason: "wish"}, Restart{Reason: "bad", Unhealthy: true}, Healthy{}, Unhealthy{"bad"},
		SpecChanged{Spec: &Spec{ID: "ocr/1", Checked: true}}, SpecChanged{Spec: &Spec{ID: "ocr/1"}, Restart: true},
	}
	if w.spawned && !w.dead {
		events = append(events, crash(1), crash(0), Exited{Exit{Unknown: true}}, crash(1))
	}
	if w.spawned && w.dead {
		events = append(events, TreeGone{}, TreeGone{}, TreeGone{})
	}
	if w.timer != "" {
		events = append(events, TimerFired{w.timer}, TimerFired{w.timer})
	}
	return events
}

// TestRandomWalks drives machines through possible histories and checks what must always hold.
func TestRandomWalks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	policies := []string{PolicyAlways, PolicyOnFailure, PolicyNever}
	for range 300 {
		spec := Spec{ID: "ocr/1", Checked: rnd.IntN(2) == 0, Restart: RestartPolicy{Policy: policies[rnd.IntN(3)]}}
		walkOnce(t, rnd, newMachine(&spec))
	}
}

func walkOnce(t *testing.T, rnd *rand.Rand, m Machine) {
	var w world
	now := testTime
	step := func(ev Event) {
		before := m
		failures := len(m.failures)
		var actions []Action
		m, actions = next(m, ev, now, rnd.Float64())
		if len(before.failures) != failures {
			t.Fatal("next changed the machine it was given")
		}
		for spawning := w.apply(t, actions); spawning; spawning = w.apply(t, actions) {
			w.spawns++
			ev = Spawned{}
			if w.spawned = rnd.IntN(5) > 0; !w.spawned {
				ev = SpawnFailed{errors.New("no such file")}
			}
			w.dead = false
			m, actions = next(m, ev, now, rnd.Float64())
		}
		invariants(t, m, w)
	}
	for range 200 {
		now = now.Add(time.Duration(rnd.IntN(20)) * time.Second)
		events := w.possible()
		ev := events[rnd.IntN(len(events))]
		switch ev.(type) {
		case Exited:
			w.dead = true
		case TreeGone:
			w.spawned, w.dead = false, false
		case TimerFired:
			w.timer = ""
		}
		step(ev)
	}
	removeAtLast(t, &w, step)
}

// removeAtLast removes the instance: from every state that leads to nothing being left.
func removeAtLast(t *testing.T, w *world, step func(Event)) {
	step(Remove{})
	if w.spawned && !w.dead {
		w.dead = true
		step(crash(0))
	}
	if w.spawned {
		w.spawned, w.dead = false, false
		step(TreeGone{})
	}
	if !w.forgotten || w.timer != "" {
		t.Fatalf("after removal: forgotten %v, timer %q", w.forgotten, w.timer)
	}
}

func invariants(t *testing.T, m Machine, w world) {
	t.Helper()
	process := w.spawned
	switch m.State {
	case StateStopped, StateFatal, StateBackoff:
		if process {
			t.Fatalf("%s with a process", m.State)
		}
	case StateRunning, StateUnhealthy, StateStopping, StateStarting:
		if !process {
			t.Fatalf("%s without a process", m.State)
		}
	}
	if (m.State == StateBackoff) != (w.timer == TimerBackoff) {
		t.Fatalf("%s with timer %q", m.State, w.timer)
	}
	if m.State == StateFatal && m.Reason == "" {
		t.Fatal("fatal without a reason")
	}
	if m.State == StateUnhealthy && !m.HealthySince.IsZero() {
		t.Fatal("unhealthy and healthy since some time")
	}
	if m.State == StateBackoff != !m.NextStart.IsZero() {
		t.Fatalf("%s, next start at %s", m.State, m.NextStart)
	}
}
