package procs

import (
	"fmt"
	"slices"
	"time"
)

// The restart policies.
const (
	PolicyAlways    = "always"
	PolicyOnFailure = "on-failure"
	PolicyNever     = "never"
)

// withDefaults fills in what is zero. A negative GiveUpAfter means never to give up.
func (p RestartPolicy) withDefaults() RestartPolicy {
	if p.Policy == "" {
		p.Policy = PolicyAlways
	}
	p.Backoff = orDefault(p.Backoff, time.Second)
	p.MaxBackoff = max(orDefault(p.MaxBackoff, 30*time.Second), p.Backoff)
	p.GiveUpAfter = orDefault(p.GiveUpAfter, 10)
	p.Within = orDefault(p.Within, 10*time.Minute)
	p.Stable = orDefault(p.Stable, 10*time.Second)
	return p
}

func (p StopPolicy) withDefaults() StopPolicy {
	if p.Signal == "" {
		p.Signal = "TERM"
	}
	p.Grace = orDefault(p.Grace, 10*time.Second)
	return p
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// delay is the n-th backoff: Backoff·2^n, give or take a fifth so that what died together does not start
// together, and never more than MaxBackoff.
func (p RestartPolicy) delay(n int, rnd float64) time.Duration {
	d := p.Backoff
	for ; n > 0 && d < p.MaxBackoff; n-- {
		d *= 2
	}
	d = min(d, p.MaxBackoff)
	d = time.Duration(float64(d) * (0.8 + 0.4*rnd))
	return min(d, p.MaxBackoff)
}

// noteHealth ends a period of health. One that lasted clears the record; mere uptime never does.
func (s *step) noteHealth() {
	since := s.m.HealthySince
	s.m.HealthySince = time.Time{}
	if since.IsZero() || s.now.Sub(since) < s.m.Restart.Stable {
		return
	}
	s.m.sustained = true
	s.m.backoffs, s.m.failures = 0, nil
}

// ended applies the policy to a process that ended by itself.
func (s *step) ended() {
	what := describeExit(*s.m.LastExit)
	clean := s.m.LastExit.clean()
	switch {
	case s.m.Restart.Policy == PolicyAlways, s.m.Restart.Policy == PolicyOnFailure && !clean:
		s.failed(what)
	case clean:
		s.stopped(what + "; its restart policy is " + s.m.Restart.Policy)
	default:
		s.become(StateFatal, what+"; its restart policy is "+s.m.Restart.Policy)
	}
}

// failed counts one failure and decides between now, later and never again.
func (s *step) failed(what string) {
	p := s.m.Restart
	if p.Policy == PolicyNever {
		s.become(StateFatal, what+"; its restart policy is never")
		return
	}
	if p.GiveUpAfter > 0 {
		s.m.failures = append(recent(s.m.failures, s.now.Add(-p.Within), s.now), s.now)
		if len(s.m.failures) > p.GiveUpAfter {
			s.become(StateFatal, s.gaveUp(what))
			return
		}
	}
	if s.m.sustained {
		s.m.Restarts++
		s.spawn(what)
		return
	}
	d := p.delay(s.m.backoffs, s.rnd)
	s.m.backoffs++
	s.m.NextStart = s.now.Add(d)
	s.become(StateBackoff, what)
	s.arm(TimerBackoff, d)
}

// recent copies those of times that are within since and now. What a clock that was put back leaves in the future would
// count until the clock is there again.
func recent(times []time.Time, since, now time.Time) []time.Time {
	kept := slices.Clone(times)
	return slices.DeleteFunc(kept, func(t time.Time) bool { return t.Before(since) || t.After(now) })
}

func (s *step) gaveUp(what string) string {
	return fmt.Sprintf("gave up after %d failures within %s; the last: %s; see `aictl logs %s`",
		len(s.m.failures), short(s.m.Restart.Within), what, s.m.Name)
}
