package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"aictl/api"
)

// kind is a kind of fault. do draws what it needs, does it, and settles.
type kind struct {
	name   string
	weight int
	do     func(*trial)
}

// possible are the faults that this machine permits.
func (f *trial) possible(diskFull bool) []kind {
	kinds := []kind{
		{"kill a leader", 16, func(f *trial) { f.end("kill -9", f.signalled(syscall.SIGKILL)) }},
		{"segfault", 6, func(f *trial) { f.end("SIGSEGV", f.signalled(syscall.SIGSEGV)) }},
		{"term", 8, (*trial).term},
		{"exit", 12, (*trial).exits},
		{"kill a child", 8, (*trial).killChild},
		{"slow start", 4, (*trial).slowStart},
		{"stop", 6, (*trial).userStop},
		{"start", 8, (*trial).userStart},
		{"restart", 5, (*trial).userRestart},
		{"scale", 6, (*trial).userScale},
		{"signal", 5, (*trial).userSignal},
		{"action in a crash", 5, (*trial).actionInCrash},
		{"action while the daemon dies", 3, (*trial).actionWithoutDaemon},
		{"kill the daemon", 3, (*trial).killDaemon},
		{"kill the keeper", 2, func(f *trial) { f.killKeeper() }},
		{"kill keeper and leaders", 3, (*trial).killKeeperAndLeaders},
		{"freeze the daemon", 3, func(f *trial) { f.freeze("daemon", f.daemon) }},
		{"freeze the keeper", 3, func(f *trial) { f.freeze("keeper", f.keeper.Process.Pid) }},
	}
	if f.memoryLimited() {
		kinds = append(kinds, kind{"out of memory", 6, (*trial).outOfMemory})
	} else {
		f.t.Log("memory limits cannot be enforced here: no service is killed for want of memory")
	}
	if diskFull {
		kinds = append(kinds, kind{"disk full", 3, (*trial).diskFull})
	} else {
		f.t.Logf("no mount namespaces here: no disk is full: %v", namespaces())
	}
	return kinds
}

// memoryLimited says whether the service with a memory limit is in a group for it.
func (f *trial) memoryLimited() bool {
	for _, s := range f.subjects {
		if s.limited {
			groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", f.told[s.name].Instances[0].PID))
			for line := range strings.Lines(string(groups)) {
				fields := strings.SplitN(line, ":", 3)
				if err == nil && len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), "memory") && strings.Contains(fields[2], "aictl-") {
					return true
				}
			}
		}
	}
	return false
}

// pick draws a service that runs, and one of its instances.
func (f *trial) pick(fits func(*subject) bool) (*subject, api.Instance) {
	var fit []*subject
	for _, s := range f.subjects {
		if !s.stopped && fits(s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil, api.Instance{}
	}
	s := fit[f.rnd.IntN(len(fit))]
	instances := slices.Clone(f.told[s.name].Instances)
	slices.SortFunc(instances, func(a, b api.Instance) int { return strings.Compare(a.ID, b.ID) })
	return s, instances[f.rnd.IntN(len(instances))]
}

func anyService(*subject) bool { return true }

func (f *trial) signalled(sig syscall.Signal) func(api.Instance) {
	return func(i api.Instance) { f.signal(i.PID, sig) }
}

// end lets an instance end in some way, and wants another process in its place.
func (f *trial) end(what string, how func(api.Instance)) {
	_, i := f.pick(anyService)
	f.note("%s of %s (%d)", what, i.ID, i.PID)
	how(i)
	f.awaitGone(f.leaders[i.ID])
	f.settle(i.ID)
}

// term is a SIGTERM by nobody of ours: what ends of it with code 0 is stopped where the policy says so.
func (f *trial) term() {
	s, i := f.pick(anyService)
	f.note("SIGTERM to %s (%d)", i.ID, i.PID)
	f.signal(i.PID, syscall.SIGTERM)
	if s.deaf {
		f.settle()
		return
	}
	f.ended(s, i, true)
}

func (f *trial) exits() {
	s, i := f.pick(anyService)
	code := []int{0, 1, 2 + f.rnd.IntN(200)}[f.rnd.IntN(3)]
	f.note("%s (%d) exits with %d", i.ID, i.PID, code)
	f.ask(i, fmt.Sprintf("/exit?code=%d", code))
	f.ended(s, i, code == 0)
}

// ended waits for the end of an instance and for what follows from it.
func (f *trial) ended(s *subject, i api.Instance, clean bool) {
	f.awaitGone(f.leaders[i.ID])
	if clean && s.clean {
		s.stopped = true
		f.settle()
		f.action(api.ActionStart, s)
		s.stopped = false
	}
	f.settle(i.ID)
}

// ask posts to an instance itself. It may die of it, so that no answer is fine.
func (f *trial) ask(i api.Instance, path string) {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d%s", i.Port, path), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	res, err := plain.Do(req)
	if err != nil {
		return
	}
	if err := res.Body.Close(); err != nil {
		f.t.Log(err)
	}
}

// killChild kills one of the children of a service that has some; its leader goes on.
func (f *trial) killChild() {
	_, i := f.pick(func(s *subject) bool { return s.children > 0 })
	children := f.children[i.ID]
	if n := f.rnd.IntN(3); n < len(children) {
		slices.SortFunc(children, func(a, b found) int { return a.pid - b.pid })
		f.note("kill -9 of a child of %s: %+v", i.ID, children[n])
		f.signal(children[n].pid, syscall.SIGKILL)
		f.killed[i.PID]++
		f.awaitGone(children[n])
	}
	f.settle()
}

func (f *trial) outOfMemory() {
	_, i := f.pick(func(s *subject) bool { return s.limited })
	if i.ID == "" {
		return
	}
	f.note("%s (%d) takes more memory than it may", i.ID, i.PID)
	f.ask(i, "/eat")
	f.awaitGone(f.leaders[i.ID])
	f.settle(i.ID)
	for _, now := range f.told["greedy"].Instances {
		if exit := now.Detail.LastExit; exit == nil || exit.Signal != "KILL" {
			f.fail("an end for want of memory is told as %+v", exit)
		}
	}
}

// slowStart makes the next start of a service take longer than all others, and brings one about.
func (f *trial) slowStart() {
	s, i := f.pick(anyService)
	pause := time.Duration(100+f.rnd.IntN(400)) * time.Millisecond
	f.note("kill -9 of %s (%d), which starts again after %s", i.ID, i.PID, pause)
	if err := os.WriteFile(filepath.Join(f.dir, "slow-"+s.name), []byte(pause.String()), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.signal(i.PID, syscall.SIGKILL)
	f.awaitGone(f.leaders[i.ID])
	f.settle(i.ID)
}

// diskFull takes all the space for logs, lets a service crash meanwhile, and gives the space back.
func (f *trial) diskFull() {
	_, i := f.pick(anyService)
	f.note("no space for logs; kill -9 of %s (%d)", i.ID, i.PID)
	giveBack := f.fill("logs")
	f.signal(i.PID, syscall.SIGKILL)
	f.awaitGone(f.leaders[i.ID])
	f.settle(i.ID)
	giveBack()
	f.settle()
}
