package procs

import "time"

// Event is something that happened to an instance or that somebody wants of it.
type Event interface{ event() }

// The events a Machine knows.
type (
	// Start is the wish that the instance runs. It forgets earlier failures.
	Start struct{}
	// Stop is the wish that it does not.
	Stop struct{}
	// Restart is the wish for a new process. Unhealthy makes it a failure under the restart policy rather than a
	// wish: it backs off, and it may end in StateFatal.
	Restart struct {
		Reason    string
		Unhealthy bool
	}
	// Remove is Stop, and to forget the instance when nothing of it is left.
	Remove struct{}
	// SpecChanged brings new policies, and with Restart a new process.
	SpecChanged struct {
		Spec    *Spec
		Restart bool
	}
	// Spawned answers a spawn that worked.
	Spawned struct{}
	// SpawnFailed answers one that did not.
	SpawnFailed struct{ Err error }
	// Adopted says that the process of an earlier keeper is alive and watched again.
	Adopted struct {
		State        State
		StartedAt    time.Time
		HealthySince time.Time
	}
	// Lost says that the process ended while no keeper was watching.
	Lost struct{}
	// Resumed goes on with a start that an earlier keeper had planned or begun. Earlier failures still count.
	Resumed struct {
		Backoff   bool
		NextStart time.Time // with Backoff
	}
	// Swept says that an earlier keeper saw the end of the process, and that what it left is gone by now.
	Swept struct{ Then sequel }
	// Exited says that the leader is dead. Others of its tree may live.
	Exited struct{ Exit Exit }
	// TreeGone says that nothing of the tree is left and all its output is in the log.
	TreeGone struct{}
	// Healthy and Unhealthy are verdicts about the process that runs now.
	Healthy   struct{}
	Unhealthy struct{ Reason string }
	// TimerFired says that the timer armed last has run out.
	TimerFired struct{ Timer Timer }
)

func (Start) event()       {}
func (Stop) event()        {}
func (Restart) event()     {}
func (Remove) event()      {}
func (SpecChanged) event() {}
func (Spawned) event()     {}
func (SpawnFailed) event() {}
func (Adopted) event()     {}
func (Lost) event()        {}
func (Resumed) event()     {}
func (Swept) event()       {}
func (Exited) event()      {}
func (TreeGone) event()    {}
func (Healthy) event()     {}
func (Unhealthy) event()   {}
func (TimerFired) event()  {}

// Timer names what an instance waits for. It never waits for two things at once.
type Timer string

// The timers of an instance.
const (
	TimerBackoff Timer = "backoff" // until the next spawn
	TimerGrace   Timer = "grace"   // until SIGKILL
)

// ActionKind is what the owner of a Machine has to do.
type ActionKind string

// The actions. ActSpawn is answered by Spawned or SpawnFailed before any other event is handled.
const (
	ActSpawn     ActionKind = "spawn"
	ActSignal    ActionKind = "signal"     // Signal to the whole process group
	ActAwaitTree ActionKind = "await-tree" // the group may take its time; what left the group is killed after it
	ActKillTree  ActionKind = "kill-tree"  // SIGKILL to every descendant; TreeGone follows once the leader is dead too
	ActArm       ActionKind = "arm"        // Timer to run out after Delay; it replaces an earlier one
	ActCancel    ActionKind = "cancel"     // no timer any more
	ActReport    ActionKind = "report"     // what others see has changed
	ActForget    ActionKind = "forget"     // remove every trace
)

// Action is one thing to do.
type Action struct {
	Kind   ActionKind
	Signal string
	Timer  Timer
	Delay  time.Duration
}
