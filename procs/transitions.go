package procs

import (
	"fmt"
	"time"
)

func (s *step) start() {
	switch {
	case s.m.removing, s.m.phase == phaseSpawning:
	case s.m.phase == phaseNone:
		s.startAfresh()
	case s.m.State == StateStopping:
		s.m.then = sequelStart
		s.become(StateStopping, "starts again once the old process has ended")
	}
}

// startAfresh is a start by wish: what failed before does not count.
func (s *step) startAfresh() {
	s.cancel()
	s.m.Restarts, s.m.backoffs, s.m.failures = 0, 0, nil
	s.spawn("")
}

func (s *step) spawn(reason string) {
	s.m.phase = phaseSpawning
	s.m.sustained, s.m.killed = false, false
	s.m.NextStart, s.m.HealthySince = time.Time{}, time.Time{}
	s.m.State, s.m.Reason = StateStarting, reason
	s.do(ActSpawn)
}

func (s *step) spawned() {
	if s.m.phase != phaseSpawning {
		return
	}
	s.m.phase, s.m.StartedAt = phaseAlive, s.now
	if !s.m.Checked {
		s.m.State, s.m.Reason, s.m.HealthySince = StateRunning, "", s.now
	}
	s.do(ActReport)
}

func (s *step) spawnFailed(err error) {
	if s.m.phase != phaseSpawning {
		return
	}
	s.m.phase, s.m.StartedAt = phaseNone, time.Time{}
	s.failed(err.Error())
}

func (s *step) adopted(ev Adopted) {
	if s.m.phase != phaseNone {
		return
	}
	s.m.phase, s.m.StartedAt, s.m.HealthySince = phaseAlive, ev.StartedAt, ev.HealthySince
	if !s.m.Checked && s.m.HealthySince.IsZero() {
		s.m.HealthySince = s.now
	}
	s.become(ev.State, s.m.Reason)
}

// lost applies the policy to an end nobody saw.
func (s *step) lost() {
	if s.m.phase != phaseNone {
		return
	}
	s.noteHealth()
	s.m.LastExit = &Exit{At: s.now, Code: -1, Unknown: true}
	s.ended()
}

// resumed keeps to a pause that was planned, whatever the clock did meanwhile: a keeper that dies again and again must not
// make a crashing service start more often.
func (s *step) resumed(ev Resumed) {
	if s.m.phase != phaseNone || s.m.removing {
		return
	}
	if !ev.Backoff {
		s.spawn(s.m.Reason)
		return
	}
	d := min(max(ev.NextStart.Sub(s.now), 0), s.m.Restart.MaxBackoff)
	s.m.NextStart = s.now.Add(d)
	s.become(StateBackoff, s.m.Reason)
	s.arm(TimerBackoff, d)
}

// swept does what should follow the end of a process.
func (s *step) swept(then sequel) {
	switch {
	case s.m.phase != phaseNone:
	case then == sequelPolicy && s.m.LastExit == nil:
		s.lost()
	default:
		s.follows(then)
	}
}

func (s *step) stop() {
	s.m.then = sequelStop
	switch {
	case s.m.phase == phaseNone:
		s.cancel()
		s.m.NextStart = time.Time{}
		s.stopped("")
	case s.m.State != StateStopping:
		s.end("asked to stop")
	default:
		s.become(StateStopping, "asked to stop")
	}
}

// stopped is the end of a stop, with no process left.
func (s *step) stopped(reason string) {
	s.become(StateStopped, reason)
	if s.m.removing {
		s.do(ActForget)
	}
}

// end begins to end a living process: the stop signal, then the grace period.
func (s *step) end(reason string) {
	s.noteHealth()
	s.become(StateStopping, reason)
	s.actions = append(s.actions, Action{Kind: ActSignal, Signal: s.m.Stop.Signal})
	s.arm(TimerGrace, s.m.Stop.Grace)
}

func (s *step) restart(ev Restart) {
	busy := s.m.phase == phaseNone || s.m.phase == phaseSpawning || s.m.State == StateStopping
	switch {
	case !ev.Unhealthy && busy:
		s.start()
	case s.m.removing, busy:
	case !ev.Unhealthy:
		s.m.then = sequelStart
		s.end(ev.Reason)
	case s.m.Restart.Policy == PolicyNever:
		s.unhealthy(ev.Reason)
	default:
		s.m.then = sequelFailed
		s.end(ev.Reason)
	}
}

func (s *step) specChanged(ev SpecChanged) {
	s.m.follow(ev.Spec)
	if s.m.phase == phaseAlive && !s.m.Checked && s.m.State == StateStarting {
		s.healthy()
	}
	if ev.Restart && s.m.wanted() {
		s.restart(Restart{Reason: "its specification changed"})
		return
	}
	s.do(ActReport)
}

func (s *step) exited(exit Exit) {
	if s.m.phase != phaseAlive {
		return
	}
	s.m.phase, s.m.LastExit = phaseEnding, &exit
	if s.m.State != StateStopping {
		s.noteHealth()
		s.m.then = sequelPolicy
		s.m.State, s.m.Reason = StateStopping, describeExit(exit)+"; ending what it left behind"
		s.do(ActKillTree)
		return
	}
	if s.m.killed {
		s.do(ActKillTree)
		return
	}
	s.do(ActAwaitTree)
}

func (s *step) treeGone() {
	if s.m.phase != phaseEnding {
		return
	}
	s.cancel()
	s.m.phase, s.m.StartedAt = phaseNone, time.Time{}
	then := s.m.then
	s.m.then = sequelStop
	s.follows(then)
}

func (s *step) follows(then sequel) {
	switch then {
	case sequelStart:
		s.startAfresh()
	case sequelPolicy:
		s.ended()
	case sequelFailed:
		s.failed(s.m.Reason)
	default:
		s.stopped(s.stopReason())
	}
}

// stopReason tells people about a stop that needed force.
func (s *step) stopReason() string {
	if !s.m.killed {
		return ""
	}
	return fmt.Sprintf("did not end within %s of SIG%s and was killed", short(s.m.Stop.Grace), s.m.Stop.Signal)
}

func (s *step) healthy() {
	if s.m.phase != phaseAlive || s.m.State == StateStopping {
		return
	}
	if s.m.HealthySince.IsZero() {
		s.m.HealthySince = s.now
	}
	if s.m.State != StateRunning {
		s.become(StateRunning, "")
	}
}

func (s *step) unhealthy(reason string) {
	if s.m.phase != phaseAlive || s.m.State == StateStopping {
		return
	}
	s.noteHealth()
	if s.m.State != StateUnhealthy || s.m.Reason != reason {
		s.become(StateUnhealthy, reason)
	}
}

func (s *step) timerFired(t Timer) {
	if !s.m.armed {
		return
	}
	switch {
	case t == TimerBackoff && s.m.State == StateBackoff:
		s.m.armed = false
		s.m.Restarts++
		s.spawn(s.m.Reason)
	case t == TimerGrace && s.m.State == StateStopping:
		s.m.armed, s.m.killed = false, true
		s.do(ActKillTree)
	}
}
