package procs

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// world is what a machine's actions would do to reality. It has two clocks: one that always goes on, by which timers
// run, and the time of day, which people and machines set.
type world struct {
	spawned, dead bool // a process exists; its leader is dead
	timer         Timer
	spawns        int
	forgotten     bool
	ahead         time.Duration // of the time of day
	age           time.Duration // of the world
	due           time.Duration // when the timer fires, by the world's age
	lastPause     time.Duration // between a failure and the start after it; 0 after a start by wish or sustained health
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
			w.timer, w.due = a.Timer, w.age+a.Delay
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

func (w *world) now() time.Time { return testTime.Add(w.age + w.ahead) }

// pass lets time go by, and now and then sets the time of day, by hours or by seconds, to and fro.
func (w *world) pass(rnd *rand.Rand) {
	w.age += time.Duration(rnd.IntN(20)) * time.Second
	switch rnd.IntN(20) {
	case 0:
		w.ahead += time.Duration(rnd.IntN(24*3600)-12*3600) * time.Second
	case 1:
		w.ahead += time.Duration(rnd.IntN(60)-30) * time.Second
	}
}

// TestRandomWalks drives machines through possible histories and checks what must always hold.
func TestRandomWalks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("AICTL_FAULTS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("AICTL_FAULTS_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	policies := []string{PolicyAlways, PolicyOnFailure, PolicyNever}
	for range 300 {
		spec := Spec{ID: "ocr/1", Checked: rnd.IntN(2) == 0, Restart: RestartPolicy{Policy: policies[rnd.IntN(3)]}}
		if rnd.IntN(2) == 0 {
			spec.Restart.GiveUpAfter = -1 // so that pauses grow long
		}
		walkOnce(t, rnd, newMachine(&spec))
	}
}

func walkOnce(t *testing.T, rnd *rand.Rand, m Machine) {
	var w world
	step := func(ev Event) {
		before := m
		failures := len(m.failures)
		var actions []Action
		m, actions = next(m, ev, w.now(), rnd.Float64())
		if len(before.failures) != failures {
			t.Fatal("next changed the machine it was given")
		}
		pauses(t, before, m, &w, ev)
		for spawning := w.apply(t, actions); spawning; spawning = w.apply(t, actions) {
			w.spawns++
			ev = Spawned{}
			if w.spawned = rnd.IntN(5) > 0; !w.spawned {
				ev = SpawnFailed{errors.New("no such file")}
			}
			w.dead = false
			before = m
			m, actions = next(m, ev, w.now(), rnd.Float64())
			pauses(t, before, m, &w, ev)
		}
		invariants(t, m, w)
	}
	for range 200 {
		w.pass(rnd)
		events := w.possible()
		ev := events[rnd.IntN(len(events))]
		w.happen(ev)
		step(ev)
	}
	startsAtLast(t, &m, &w, step)
	removeAtLast(t, &w, step)
}

// happen makes an event true before the machine hears of it. No timer fires before its time.
func (w *world) happen(ev Event) {
	switch ev.(type) {
	case Exited:
		w.dead = true
	case TreeGone:
		w.spawned, w.dead = false, false
	case TimerFired:
		w.timer, w.age = "", max(w.age, w.due)
	}
}

// pauses checks the pause that a failure leads to: never shorter than the policy's least, never longer than its most,
// and longer than the one before it until that is reached, unless something has cleared the record. The time of day must not count.
func pauses(t *testing.T, before, m Machine, w *world, ev Event) {
	t.Helper()
	if m.State != StateBackoff {
		if m.backoffs == 0 {
			w.lastPause = 0
		}
		return
	}
	if before.State == StateBackoff && before.NextStart.Equal(m.NextStart) {
		return
	}
	p, pause := m.Restart, m.NextStart.Sub(w.now())
	least := p.Backoff * 4 / 5
	if m.backoffs > 1 && w.lastPause > 0 {
		least = max(least, min(w.lastPause*4/3, p.MaxBackoff*4/5)) // twice as long, give or take a fifth each
	}
	const rounding = time.Microsecond
	if pause < least-rounding || pause > p.MaxBackoff {
		t.Fatalf("after %T: a pause of %s, want %s to %s; the last was %s", ev, pause, least, p.MaxBackoff, w.lastPause)
	}
	w.lastPause = pause
}

// startsAtLast lets whatever is under way go on with nothing more going wrong: what is wanted runs in the end.
func startsAtLast(t *testing.T, m *Machine, w *world, step func(Event)) {
	t.Helper()
	const most = 200 // starts fail by chance
	for range most {
		var ev Event
		switch {
		case !m.wanted() && m.State != StateStopping:
			return // stopped by wish, or given up
		case w.spawned && w.dead:
			ev = TreeGone{}
		case w.timer != "":
			ev = TimerFired{w.timer}
		case m.State == StateStopping:
			ev = crash(0) // it was killed, and dies of it
		case m.State == StateUnhealthy || m.State == StateStarting:
			ev = Healthy{}
		case m.State == StateRunning:
			return
		default:
			t.Fatalf("%s, wanted, and nothing will ever happen to it", m.State)
		}
		w.happen(ev)
		step(ev)
	}
	t.Fatalf("still %s after %d more events", m.State, most)
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
	if m.State == StateStopping && !w.dead && !m.killed && w.timer != TimerGrace {
		t.Fatal("asked to stop, and nothing will kill it when it does not")
	}
	if !slices.IsSortedFunc(m.failures, time.Time.Compare) {
		t.Fatalf("failures of the future count: %v", m.failures)
	}
	if m.State == StateBackoff != !m.NextStart.IsZero() {
		t.Fatalf("%s, next start at %s", m.State, m.NextStart)
	}
}
