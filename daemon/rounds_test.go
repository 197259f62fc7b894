package daemon_test

import (
	"syscall"
	"testing"
	"time"
)

// rounds is how often each process is killed in every state.
const rounds = 10

// TestTenKillsOfTheDaemon: kill -9 of the daemon touches no service whatever is being done to it, loses no byte of a
// log and refuses no connection.
func TestTenKillsOfTheDaemon(t *testing.T) {
	t.Parallel()
	s := startStages(t)
	keeper := s.usage(s.keeper.Process.Pid)
	first := s.usage(s.worker())
	s.load = s.rig.load("echo", loadClients)
	doors := s.knock()
	var atOnce, paused []time.Duration
	for round := range rounds {
		s.enter()
		quiet := round%4 == 0
		if quiet {
			s.untilStable()
		}
		cut := s.load.other.Load()
		worker := s.worker()
		s.signal(worker, syscall.SIGKILL)
		away := s.back(time.Now())
		if quiet {
			atOnce = append(atOnce, away)
		} else {
			paused = append(paused, away)
		}
		if now := s.worker(); now == worker {
			t.Fatal("the daemon was not killed")
		}
		s.check()
		if n := s.load.other.Load() - cut; n > loadClients {
			t.Errorf("%d requests failed, more than were in flight at the kill; the last: %v", n, s.load.last.Load())
		}
		s.complete("counter", s.begun["counter"])
		s.leave()
	}
	t.Logf("the daemon was back after %s (median) when it was up for long, else after %s, pause included; %d answers, %d requests cut",
		median(atOnce), median(paused), s.load.ok.Load(), s.load.other.Load())
	s.load.stop()
	if n := doors.stop() + s.load.refused.Load(); n > 0 {
		t.Errorf("%d connections were refused", n)
	}
	s.noGrowth("keeper", s.keeper.Process.Pid, keeper, 3)
	s.noGrowth("daemon", s.worker(), first, 16) // the day file, idle connections
	s.noZombies()
	s.end()
}

// TestTenKillsOfTheKeeper: kill -9 of the keeper touches no service whatever is being done to it; the next keeper and
// daemon go on with it.
func TestTenKillsOfTheKeeper(t *testing.T) {
	t.Parallel()
	s := startStages(t)
	keeper := s.usage(s.keeper.Process.Pid)
	first := s.usage(s.worker())
	s.load = s.rig.load("echo", loadClients)
	var away []time.Duration
	for range rounds {
		s.enter()
		killed := time.Now()
		s.crashKeeper()
		away = append(away, s.back(killed))
		s.check()
		s.complete("counter", s.begun["counter"])
		s.leave()
	}
	t.Logf("keeper and daemon were back after %s (median); %d answers, %d refused, %d requests cut",
		median(away), s.load.ok.Load(), s.load.refused.Load(), s.load.other.Load())
	s.load.stop()
	s.noGrowth("keeper", s.keeper.Process.Pid, keeper, 3)
	s.noGrowth("daemon", s.worker(), first, 16) // the day file, idle connections
	s.noZombies()
	s.end()
}
