package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"aictl/api"
)

// moreFiles is how many descriptors keeper and daemon may have beyond what they had when they were new: for instances
// that a scale added, and for connections that idle.
const moreFiles = 40

// view is the rig at one moment: what the API tells, and what there is.
type view struct {
	told map[string]api.Service
	scan scan
}

// settle polls until every invariant holds, and takes what it then sees as what the next fault must leave alone. Of
// touched instances the process must be another one, of all others the same.
func (f *trial) settle(touched ...string) {
	f.t.Helper()
	var wrong string
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n, end := 0, time.Now().Add(patience); ; n++ {
		v, fault := f.see(n)
		if wrong = fault; wrong == "" {
			wrong = f.broken(v, touched)
		}
		if wrong == "" {
			f.accept(v)
			return
		}
		if time.Now().After(end) {
			f.fail("not so after %s: %s\nthe processes: %+v", patience, wrong, v.scan.all)
		}
		<-tick.C
	}
}

// see looks at what the API tells, and at /proc, which costs more, when that is right, else now and then. Two leaders of
// one instance are never right, not even for a moment.
func (f *trial) see(n int) (v view, wrong string) {
	wrong = f.hear(&v)
	const nowAndThen = 4
	if wrong != "" && n%nowAndThen != 0 {
		return v, wrong
	}
	var err error
	if v.scan, err = f.look(f.since); err != nil {
		f.t.Fatal(err)
	}
	if twice := v.scan.twice(); twice != "" {
		f.fail("%s", twice)
	}
	return v, wrong
}

// hear asks the API, and compares what it tells with what should be.
func (f *trial) hear(v *view) string {
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Second)
	defer cancel()
	list, err := f.client.Services(ctx, nil, true)
	if err != nil {
		return "the API does not answer: " + err.Error()
	}
	v.told = map[string]api.Service{}
	for _, svc := range list.Services {
		v.told[svc.Name] = svc
	}
	for _, s := range f.subjects {
		if wrong := s.brokenWord(v.told[s.name]); wrong != "" {
			return wrong
		}
	}
	return ""
}

// brokenWord compares what is told of a service with what it should be.
func (s *subject) brokenWord(told api.Service) string {
	if s.stopped {
		if told.State != "stopped" || told.Ready != 0 {
			return fmt.Sprintf("%s is told as %s with %d ready, and was stopped", s.name, told.State, told.Ready)
		}
		return ""
	}
	if told.State != "running" || told.Health != "healthy" || told.Ready != s.replicas || len(told.Instances) != s.replicas {
		return fmt.Sprintf("%s is told as %s, %s, %d of %d instances ready, want %d: %s",
			s.name, told.State, told.Health, told.Ready, len(told.Instances), s.replicas, reasonOf(told))
	}
	return ""
}

// broken names the first invariant that does not hold; "" when all do. Cheap ones come first.
func (f *trial) broken(v view, touched []string) string {
	if len(v.scan.keepers) != 1 || v.scan.keepers[0] != f.keeper.Process.Pid {
		return fmt.Sprintf("keepers %v, want %d alone", v.scan.keepers, f.keeper.Process.Pid)
	}
	if len(v.scan.daemons) != 1 {
		return fmt.Sprintf("daemons %v, want one", v.scan.daemons)
	}
	if len(v.scan.zombies) > 0 {
		return "zombies: " + strings.Join(v.scan.zombies, "; ")
	}
	right := map[string]bool{}
	for _, s := range f.subjects {
		if wrong := f.brokenService(s, v, touched, right); wrong != "" {
			return wrong
		}
	}
	for id := range v.scan.instances() {
		if !right[id] {
			return fmt.Sprintf("processes of %s, which should have none: %+v %+v", id, v.scan.leaders[id], v.scan.forked[id])
		}
	}
	if wrong := f.brokenPorts(v); wrong != "" {
		return wrong
	}
	if wrong := f.brokenGateway(v); wrong != "" {
		return wrong
	}
	return f.brokenFiles(v)
}

// brokenService compares one service with its processes, and notes its instances that should have some.
func (f *trial) brokenService(s *subject, v view, touched []string, right map[string]bool) string {
	told := v.told[s.name]
	if s.stopped {
		return ""
	}
	for _, i := range told.Instances {
		right[i.ID] = true
		leaders := v.scan.leaders[i.ID]
		if len(leaders) != 1 || leaders[0].pid != i.PID {
			return fmt.Sprintf("%s is told to run as %d, and runs as %+v", i.ID, i.PID, leaders)
		}
		if wrong := f.brokenTree(s, leaders[0], v.scan.forked[i.ID]); wrong != "" {
			return wrong
		}
		before, known := f.leaders[i.ID]
		same := before.pid == i.PID && before.start == leaders[0].start
		switch {
		case known && same && slices.Contains(touched, i.ID):
			return fmt.Sprintf("%s still runs as %d, and should have been replaced", i.ID, i.PID)
		case known && !same && !slices.Contains(touched, i.ID):
			f.fail("%s was replaced (%d → %d), and nothing was done to it: %s", i.ID, before.pid, i.PID, reasonOf(told))
		}
	}
	return ""
}

func reasonOf(svc api.Service) string {
	if svc.Detail == nil {
		return ""
	}
	text := svc.Detail.Reason
	for _, i := range svc.Instances {
		if i.Detail != nil && i.Detail.LastExit != nil {
			text += fmt.Sprintf("; %s ended last with %+v", i.ID, *i.Detail.LastExit)
		}
	}
	return text
}

// brokenTree checks the children of a leader: all of them its own, none lost but those that a fault killed.
func (f *trial) brokenTree(s *subject, leader found, children []found) string {
	for _, c := range children {
		if c.childOf != leader.pid {
			return fmt.Sprintf("%+v outlived the leader that had it; the one now is %d", c, leader.pid)
		}
	}
	if want := s.children - f.killed[leader.pid]; len(children) != want {
		return fmt.Sprintf("%s has %d children, want %d", s.name, len(children), want)
	}
	return ""
}

// brokenPorts wants every port to have one owner: the instance that is told to have it.
func (f *trial) brokenPorts(v view) string {
	ports, err := f.listening()
	if err != nil {
		f.t.Fatal(err)
	}
	held := holders(v.scan.all)
	for _, s := range f.subjects {
		for _, i := range v.told[s.name].Instances {
			if s.stopped {
				continue
			}
			inodes := ports[i.Port]
			delete(ports, i.Port)
			if len(inodes) != 1 {
				return fmt.Sprintf("port %d of %s has %d listeners", i.Port, i.ID, len(inodes))
			}
			if pids := held[inodes[0]]; len(pids) != 1 || pids[0] != i.PID {
				return fmt.Sprintf("port %d of %s (%d) is held by %v", i.Port, i.ID, i.PID, pids)
			}
		}
	}
	if len(ports) > 0 {
		return fmt.Sprintf("ports that should be free: %v", ports)
	}
	return ""
}

// brokenGateway asks every service that should run.
func (f *trial) brokenGateway(v view) string {
	for _, s := range f.subjects {
		if s.stopped {
			continue
		}
		status, answer, err := f.post(s.name, "/predict", nil)
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("the gateway answers for %s: %d %s %v", s.name, status, answer, err)
		}
		var by struct{ PID int }
		if err := json.Unmarshal(answer, &by); err != nil {
			return fmt.Sprintf("%s answers %s: %v", s.name, answer, err)
		}
		if !slices.ContainsFunc(v.told[s.name].Instances, func(i api.Instance) bool { return i.PID == by.PID }) {
			return fmt.Sprintf("%s is answered for by %d, not by one of its instances", s.name, by.PID)
		}
	}
	return ""
}

// brokenFiles wants keeper and daemon to have about as many descriptors as when they were new.
func (f *trial) brokenFiles(v view) string {
	for _, pid := range []int{v.scan.keepers[0], v.scan.daemons[0]} {
		now := openFilesOf(pid)
		if _, known := f.files[pid]; !known {
			f.files[pid] = now
		}
		f.mostFiles = max(f.mostFiles, now-f.files[pid])
		if now > f.files[pid]+moreFiles {
			return fmt.Sprintf("process %d has %d open files, and had %d when it was new", pid, now, f.files[pid])
		}
	}
	return ""
}

func (f *trial) accept(v view) {
	f.told, f.daemon = v.told, v.scan.daemons[0]
	for id, leaders := range v.scan.leaders {
		f.leaders[id] = leaders[0]
	}
	for id := range f.leaders {
		if len(v.scan.leaders[id]) == 0 {
			delete(f.leaders, id)
		}
	}
	f.children = v.scan.forked
}
