package daemon_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aictl/api"
	"aictl/recorder"
)

// patient are health checks of services that a test holds back for as long as it likes.
const patient = "health: {path: /health, interval: 100ms, timeout: 5s, start_period: 120s, failures: 100}\n"

// stages is a rig with one service in each of the states in which a kill may find it: idle, being recorded under load
// (echo), writing a log that rotates (counter), starting (slow), stopping (lazy) and being deployed (flux).
type stages struct {
	*rig
	load  *load
	calls sync.WaitGroup // actions that a kill may cut
	begun map[string]int // pids before the kill
	flux  string         // the version that is live
	steps int
}

// steady are the services that nothing is done to.
var steady = []string{"idle", "echo", "counter"}

const loadClients = 3

func startStages(t *testing.T) *stages {
	s := &stages{rig: startRig(t), begun: make(map[string]int), flux: "flux-0"}
	s.flags = []string{"--listen", strings.TrimPrefix(s.api, "http://"), "--gateway-listen", strings.TrimPrefix(s.gateway, "http://")}
	s.deploy("idle", "-version idle -code 1")
	s.deploy("echo", "-version echo -code 1")
	s.deploy("counter", "-version counter -mode count", "log: {max_size: 16KiB, files: 1000}") // three rotations a second
	s.must("deploy", s.manifest("slow", "command: "+faultsvc+" -version slow -hold "+s.gate("slow")+"\n"+patient))
	s.must("deploy", s.manifest("lazy", "command: "+faultsvc+" -version lazy -linger "+s.gate("lazy")+"\n"+quick+"stop: {grace: 120s}\n"))
	s.deploy("flux", "-version flux-0")
	return s
}

// gate is a file that somebody waits for while it exists.
func (s *stages) gate(name string) string { return filepath.Join(s.dir, "gate-"+name) }

func (s *stages) close(gate string) {
	s.t.Helper()
	if err := os.WriteFile(s.gate(gate), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stages) open(gates ...string) {
	s.t.Helper()
	for _, gate := range gates {
		if err := os.Remove(s.gate(gate)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// begin asks for an action whose answer a kill may cut.
func (s *stages) begin(action, service string) {
	client := s.client // the next keeper gets another
	s.calls.Go(func() {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		defer cancel()
		if _, err := client.Act(ctx, api.ActionRequest{Action: action, Patterns: []string{service}}); err != nil {
			s.t.Logf("%s %s was cut: %v", action, service, err)
		}
	})
}

// enter brings every service into its state.
func (s *stages) enter() {
	s.t.Helper()
	for _, gate := range []string{"slow", "lazy", "flux"} {
		s.close(gate)
	}
	old := s.instance("slow").PID
	s.begin("restart", "slow")
	s.begin("stop", "lazy")
	s.enterDeploy()
	s.until("slow is starting", func() bool {
		i := s.instance("slow")
		return i.State == "starting" && i.PID != 0 && i.PID != old
	})
	s.until("lazy is stopping", func() bool { return s.instance("lazy").State == "stopping" })
	for _, name := range append([]string{"slow", "lazy"}, steady...) {
		s.begun[name] = s.instance(name).PID
	}
}

// enterDeploy leaves a deploy in its first steps, in its hook, or waiting for the health of its candidate.
func (s *stages) enterDeploy() {
	s.t.Helper()
	next := "flux-" + itoa(int64(s.steps+1))
	gate := s.gate("flux")
	flags, more := "-version "+next, ""
	switch s.steps % 3 {
	case 1:
		more = `hooks: {release: "sh -c 'while test -e ` + gate + `; do sleep 0.02; done'"}`
	case 2:
		flags += " -hold " + gate
	}
	s.must("deploy", "--wait=false", s.source("flux", flags, more))
	switch s.steps % 3 {
	case 1:
		s.until("the hook runs", func() bool { return len(s.running("while test -e "+gate)) > 0 })
	case 2:
		s.until("the candidate runs", func() bool { return len(s.running("-version "+next+" ")) == 1 })
	}
	s.steps++
}

// check says what a kill has done to the services.
func (s *stages) check() {
	s.t.Helper()
	for _, name := range steady {
		if i := s.instance(name); i.PID != s.begun[name] || i.Restarts != 0 || i.State != "running" {
			s.t.Errorf("%s was touched: %+v, was process %d", name, i, s.begun[name])
		}
	}
	for name, want := range map[string]string{"slow": "starting", "lazy": "stopping"} {
		if i := s.instance(name); i.PID != s.begun[name] || i.Restarts != 0 || i.State != want {
			s.t.Errorf("%s was touched: %+v, was process %d and %s", name, i, s.begun[name], want)
		}
	}
	for _, name := range append([]string{"slow", "lazy"}, steady...) {
		if n := s.running("faultsvc -version " + name + " "); len(n) != 1 {
			s.t.Errorf("%d processes of %s, want 1: %v", len(n), name, n)
		}
	}
	if got := s.predict("flux").Version; got != s.flux && got != "flux-"+itoa(int64(s.steps)) {
		s.t.Errorf("flux answers with %s, was %s", got, s.flux)
	}
}

// leave lets everything that was held back go on, and checks where it ends.
func (s *stages) leave() {
	s.t.Helper()
	s.open("slow", "lazy", "flux")
	s.until("slow runs", func() bool { return s.instance("slow").State == "running" })
	if i := s.instance("slow"); i.PID != s.begun["slow"] || i.Restarts != 0 {
		s.t.Errorf("slow was started anew: %+v, was process %d", i, s.begun["slow"])
	}
	s.until("lazy is stopped", func() bool { return s.instance("lazy").State == "stopped" })
	s.calls.Wait()
	s.must("start", "lazy")
	s.until("the deploy has ended", func() bool {
		return !anyOpen(s.deploys("flux")) && len(s.service("flux").Instances) == 1
	})
	s.flux = s.predict("flux").Version
	if n := s.running("faultsvc -version flux-"); len(n) != 1 {
		s.t.Errorf("%d processes of flux, want 1: %v", len(n), n)
	}
	s.balanced()
}

// balanced checks that the recorder's account adds up and that nothing was dropped but what a kill took.
func (s *stages) balanced() {
	s.t.Helper()
	accepted, recorded, inFlight, dropped := s.ledger()
	lost := dropped[recorder.DropCrash]
	delete(dropped, recorder.DropCrash)
	if accepted != recorded+inFlight+lost || len(dropped) > 0 {
		s.t.Errorf("the ledger: %d accepted, %d recorded, %d in flight, dropped %v", accepted, recorded, inFlight, dropped)
	}
}

// end stops everything and checks that each port that is still leased has its one owner.
func (s *stages) end() {
	s.t.Helper()
	owners := make(map[int]string)
	for _, name := range append([]string{"slow", "lazy", "flux"}, steady...) {
		i := s.instance(name)
		owners[i.Port] = i.ID
	}
	s.stop()
	leases, err := s.openStore().Leases(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if len(leases) != len(owners) {
		s.t.Errorf("leases %v, want %v", leases, owners)
	}
	for port, owner := range owners {
		if leases[port] != owner {
			s.t.Errorf("port %d is leased to %q, want %q", port, leases[port], owner)
		}
	}
}

// back waits for an answer through the gateway and returns how long it took.
func (r *rig) back(since time.Time) time.Duration {
	r.t.Helper()
	r.until("the gateway answers", func() bool {
		status, _, err := r.post("echo", "/predict", nil)
		return err == nil && status == http.StatusOK
	})
	return time.Since(since)
}

// median is of an odd or even number of durations, zero of none.
func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2].Round(time.Millisecond)
}

// crashKeeper kills the keeper and starts the next one at once.
func (r *rig) crashKeeper() {
	r.t.Helper()
	r.client.Close()
	r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
	r.awaitKeeper()
	r.start()
}
