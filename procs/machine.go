package procs

import "time"

// phase is what there is of the process.
type phase int

const (
	phaseNone     phase = iota // nothing
	phaseSpawning              // ActSpawn is being done
	phaseAlive                 // the leader runs
	phaseEnding                // the leader is dead, others of its tree may live
)

// sequel is what follows when the tree is gone. Its numbers are in state files.
type sequel int

const (
	sequelStop   sequel = iota
	sequelStart         // by wish: at once, with a clean record
	sequelPolicy        // it ended by itself
	sequelFailed        // it was ended because it was unhealthy
)

// Machine decides what happens to one instance. It holds no process, no clock and no randomness: next is a
// pure function of it.
type Machine struct {
	Name    string // for reasons: the service whose log tells more
	Checked bool
	Restart RestartPolicy
	Stop    StopPolicy

	State        State
	Reason       string
	Restarts     int
	LastExit     *Exit
	StartedAt    time.Time
	NextStart    time.Time
	HealthySince time.Time // zero unless it is healthy now

	phase     phase
	then      sequel
	removing  bool
	killed    bool        // SIGKILL was sent to the tree
	armed     bool        // a timer runs
	sustained bool        // this process was healthy for long enough
	backoffs  int         // since the last sustained health
	failures  []time.Time // since the last sustained health, within the window
}

// newMachine is an instance that was never started.
func newMachine(spec *Spec) Machine {
	m := Machine{State: StateStopped}
	m.follow(spec)
	return m
}

// follow takes over a spec's policies.
func (m *Machine) follow(spec *Spec) {
	m.Name = serviceName(spec.ID)
	m.Checked = spec.Checked
	m.Restart = spec.Restart.withDefaults()
	m.Stop = spec.Stop.withDefaults()
}

// wanted says whether the instance should have a process, now or after a pause.
func (m Machine) wanted() bool {
	switch m.State {
	case StateStopped, StateFatal:
		return false
	case StateStopping:
		return m.then != sequelStop
	}
	return true
}

// next decides what follows ev. now must not be before that of earlier calls by more than a clock step; rnd is
// a random number in [0,1) for the jitter.
func next(m Machine, ev Event, now time.Time, rnd float64) (Machine, []Action) {
	s := step{m: m, now: now, rnd: rnd}
	switch ev := ev.(type) {
	case Start:
		s.start()
	case Stop:
		s.stop()
	case Restart:
		s.restart(ev)
	case Remove:
		s.m.removing = true
		s.stop()
	case SpecChanged:
		s.specChanged(ev)
	case Spawned:
		s.spawned()
	case SpawnFailed:
		s.spawnFailed(ev.Err)
	case Adopted:
		s.adopted(ev)
	case Lost:
		s.lost()
	case Resumed:
		s.resumed(ev)
	case Swept:
		s.swept(ev.Then)
	case Exited:
		s.exited(ev.Exit)
	case TreeGone:
		s.treeGone()
	case Healthy:
		s.healthy()
	case Unhealthy:
		s.unhealthy(ev.Reason)
	case TimerFired:
		s.timerFired(ev.Timer)
	}
	return s.m, s.actions
}

// step is one call of next.
type step struct {
	m       Machine
	now     time.Time
	rnd     float64
	actions []Action
}

func (s *step) do(kind ActionKind) { s.actions = append(s.actions, Action{Kind: kind}) }

func (s *step) arm(t Timer, d time.Duration) {
	s.m.armed = true
	s.actions = append(s.actions, Action{Kind: ActArm, Timer: t, Delay: d})
}

func (s *step) cancel() {
	if s.m.armed {
		s.m.armed = false
		s.do(ActCancel)
	}
}

func (s *step) become(state State, reason string) {
	s.m.State, s.m.Reason = state, reason
	s.do(ActReport)
}
