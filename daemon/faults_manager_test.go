package daemon_test

import (
	"context"
	"sync"
	"syscall"
	"time"

	"aictl/api"
)

// action does something on a user's wish, again until it is done: the daemon may have been killed meanwhile.
func (f *trial) action(verb string, s *subject) {
	f.t.Helper()
	f.act(api.ActionRequest{Action: verb, Patterns: []string{s.name}})
}

func (f *trial) act(req api.ActionRequest) {
	f.t.Helper()
	wrong := f.try(req)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); wrong != ""; <-tick.C {
		if time.Now().After(end) {
			f.fail("%s %v is not done after %s: %s", req.Action, req.Patterns, patience, wrong)
		}
		wrong = f.try(req)
	}
}

// try is one attempt and what is wrong with it.
func (f *trial) try(req api.ActionRequest) string {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	out, err := f.client.Act(ctx, req)
	if err != nil {
		return err.Error()
	}
	for _, res := range out.Results {
		if !res.OK {
			return res.Message
		}
	}
	return ""
}

func (f *trial) stopped() (n int) {
	for _, s := range f.subjects {
		if s.stopped {
			n++
		}
	}
	return n
}

// ids are the instances of a service.
func (f *trial) ids(s *subject) (ids []string) {
	for _, i := range f.told[s.name].Instances {
		ids = append(ids, i.ID)
	}
	return ids
}

func (f *trial) userStop() {
	const most = 2
	if f.stopped() >= most {
		f.userStart()
		return
	}
	// Only what has nothing to do with other faults' needs is stopped for long.
	s, _ := f.pick(func(s *subject) bool { return s.children == 0 })
	f.note("stop %s", s.name)
	f.action(api.ActionStop, s)
	s.stopped = true
	f.settle()
}

// userStart starts a service, one that is stopped if there is one. What runs is left alone by it.
func (f *trial) userStart() {
	s := f.subjects[f.rnd.IntN(len(f.subjects))]
	for _, other := range f.subjects {
		if other.stopped {
			s = other
		}
	}
	f.note("start %s", s.name)
	f.action(api.ActionStart, s)
	s.stopped = false
	f.settle()
}

func (f *trial) userRestart() {
	s, _ := f.pick(anyService)
	f.note("restart %s", s.name)
	f.action(api.ActionRestart, s)
	f.settle(f.ids(s)...)
}

func (f *trial) userScale() {
	s, _ := f.pick(func(s *subject) bool { return s.name == "pair" })
	if s == nil {
		return
	}
	s.replicas = 1 + f.rnd.IntN(3)
	f.note("scale %s to %d", s.name, s.replicas)
	f.act(api.ActionRequest{Action: api.ActionScale, Patterns: []string{s.name}, Replicas: &s.replicas})
	f.settle()
}

// userSignal sends a signal that is not heeded, or one that nobody survives.
func (f *trial) userSignal() {
	s, _ := f.pick(anyService)
	name := []string{"HUP", "KILL"}[f.rnd.IntN(2)]
	f.note("signal %s %s", s.name, name)
	req := api.ActionRequest{Action: api.ActionSignal, Patterns: []string{s.name}, Signal: name}
	if name == "HUP" {
		f.act(req)
		f.settle()
		return
	}
	if wrong := f.try(req); wrong != "" {
		f.fail("signal: %s", wrong)
	}
	for _, id := range f.ids(s) {
		f.awaitGone(f.leaders[id])
	}
	f.settle(f.ids(s)...)
}

// actionInCrash stops or restarts a service at the moment it dies.
func (f *trial) actionInCrash() {
	s, i := f.pick(func(s *subject) bool { return s.children == 0 })
	verb := []string{api.ActionStop, api.ActionRestart}[f.rnd.IntN(2)]
	first := f.rnd.IntN(2) == 0
	f.note("%s of %s while %s (%d) is killed", verb, s.name, i.ID, i.PID)
	var done sync.WaitGroup
	if first {
		done.Go(func() { f.hit(i.PID, syscall.SIGKILL) })
	} else {
		f.signal(i.PID, syscall.SIGKILL)
	}
	f.action(verb, s)
	done.Wait()
	f.awaitGone(f.leaders[i.ID])
	if verb == api.ActionStop {
		s.stopped = true
		f.settle()
		f.action(api.ActionStart, s)
		s.stopped = false
	}
	f.settle(f.ids(s)...)
}

// actionWithoutDaemon kills the daemon somewhere in a restart; the user asks once more.
func (f *trial) actionWithoutDaemon() {
	s, _ := f.pick(anyService)
	pause := time.Duration(f.rnd.IntN(150)) * time.Millisecond
	f.note("restart of %s, and %s later the daemon is killed", s.name, pause)
	req := api.ActionRequest{Action: api.ActionRestart, Patterns: []string{s.name}}
	var first string
	var done sync.WaitGroup
	done.Go(func() { first = f.try(req) })
	<-time.After(pause)
	f.signal(f.daemon, syscall.SIGKILL)
	done.Wait()
	if first != "" {
		f.act(req)
	}
	f.settle(f.ids(s)...)
}

func (f *trial) killDaemon() {
	f.note("kill -9 of the daemon (%d)", f.daemon)
	f.signal(f.daemon, syscall.SIGKILL)
	f.until("the daemon has ended", func() bool { state, _, _ := statOf(f.daemon); return state == 0 })
	f.settle()
}

// killKeeper replaces the keeper, after something that happens while there is none.
func (f *trial) killKeeper(meanwhile ...func()) {
	f.note("kill -9 of the keeper (%d)", f.keeper.Process.Pid)
	f.client.Close()
	f.signal(f.keeper.Process.Pid, syscall.SIGKILL)
	f.awaitKeeper()
	for _, do := range meanwhile {
		do()
	}
	f.start()
	if len(meanwhile) == 0 {
		f.settle()
	}
}

// killKeeperAndLeaders lets instances die while nobody watches.
func (f *trial) killKeeperAndLeaders() {
	_, a := f.pick(anyService)
	_, b := f.pick(anyService)
	f.killKeeper(func() {
		for _, i := range []api.Instance{a, b} {
			f.note("kill -9 of %s (%d) meanwhile", i.ID, i.PID)
			f.hit(i.PID, syscall.SIGKILL)
			f.awaitGone(f.leaders[i.ID])
		}
	})
	f.settle(a.ID, b.ID)
}

// freeze stops keeper or daemon for a moment in which an instance dies. The keeper needs no daemon to replace it.
func (f *trial) freeze(who string, pid int) {
	_, i := f.pick(anyService)
	f.note("freeze the %s (%d); kill -9 of %s (%d) meanwhile", who, pid, i.ID, i.PID)
	f.signal(pid, syscall.SIGSTOP)
	f.until("the "+who+" is frozen", func() bool { return frozen(pid) })
	f.signal(i.PID, syscall.SIGKILL)
	f.awaitGone(f.leaders[i.ID])
	if who == "daemon" {
		f.until(i.ID+" runs again without a daemon", func() bool {
			s, err := f.look(f.since)
			return err == nil && len(s.leaders[i.ID]) == 1
		})
	}
	f.signal(pid, syscall.SIGCONT)
	f.settle(i.ID)
}
