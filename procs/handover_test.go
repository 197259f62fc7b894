package procs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// changing is a keeper in this process that hands over to the next one in this process.
type changing struct {
	testKeeper
	cfg    KeeperConfig
	ctx    context.Context
	ended  chan error
	daemon net.Addr
}

func startChanging(t *testing.T, cgroups bool) *changing {
	listener, err := listenTest(t, "tcp")
	if err != nil {
		t.Fatal(err)
	}
	c := &changing{daemon: listener.Addr()}
	c.dir = filepath.Join(t.TempDir(), "run")
	child := daemonChild(t, "daemon", filepath.Join(c.dir, SocketName))
	c.cfg = KeeperConfig{
		RunDir: c.dir, Logger: quiet(), Version: "one", Child: &child, Cgroups: cgroups,
		Listen: func() (map[string]net.Listener, error) { return map[string]net.Listener{"api": listener}, nil },
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	c.begin(t)
	t.Cleanup(func() {
		cancel()
		if err := <-c.ended; err != nil {
			t.Errorf("keeper ended with %v", err)
		}
		if err := c.client.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		noTraces(t, c.dir)
	})
	return c
}

func (c *changing) begin(t *testing.T) {
	t.Helper()
	var err error
	if c.Keeper, err = NewKeeper(c.cfg); err != nil {
		t.Fatal(err)
	}
	ended, keeper := make(chan error, 1), c.Keeper
	c.ended = ended
	go func() { ended <- keeper.Run(c.ctx) }()
	if c.client, err = Dial(t.Context(), c.Socket()); err != nil {
		t.Fatal(err)
	}
}

// change upgrades until the keeper has let go; then between is called, while nobody holds anything; then the next keeper goes on.
func (c *changing) change(t *testing.T, between func()) {
	t.Helper()
	waitFor(t, "a daemon that serves", func() bool { return askDaemon(t, c.daemon) > 0 })
	status, err := c.client.Upgrade(t.Context(), "", 10*time.Second)
	if err != nil || status.State != UpgradeRunning {
		t.Fatalf("%+v %v", status, err)
	}
	if err := <-c.ended; err != nil || c.Next() == nil {
		t.Fatalf("the keeper did not hand over: %v", err)
	}
	<-c.client.Done()
	if err := c.client.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	between()
	c.cfg.Handover, c.cfg.Version = c.Next(), "two"
	c.begin(t)
	if status, err = c.client.UpgradeStatus(t.Context()); err != nil || status.State != UpgradeDone || status.From != "one" || status.To != "two" {
		t.Errorf("%+v %v", status, err)
	}
}

func (c *changing) all(t *testing.T) map[string]Status {
	t.Helper()
	list, err := c.client.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[string]Status)
	for _, s := range list {
		s.Seq = 0
		byID[s.ID] = s
	}
	return byID
}

// TestHandoverKeepsEveryState: an instance is after a handover what it was before, timers included.
func TestHandoverKeepsEveryState(t *testing.T) {
	for _, cgroups := range []bool{false, true} {
		t.Run(fmt.Sprint("cgroups ", cgroups), func(t *testing.T) {
			t.Parallel()
			c := startChanging(t, cgroups)
			checked := func(id string) Spec {
				spec := c.spec(t, id, "wait")
				spec.Checked = true
				return spec
			}
			c.up(t, checked("starting/1"))
			c.up(t, c.spec(t, "running/1", "wait"))
			sick := c.up(t, checked("unhealthy/1"))
			if err := c.client.Verdict(t.Context(), Verdict{ID: sick.ID, PID: sick.PID, StartedAt: sick.StartedAt, Reason: "no model"}); err != nil {
				t.Fatal(err)
			}
			slow := c.spec(t, "backoff/1", "exit", "3")
			slow.Restart = RestartPolicy{Backoff: time.Hour, MaxBackoff: time.Hour}
			soon := c.spec(t, "soon/1", "exit", "3")
			soon.Restart = RestartPolicy{Backoff: 2 * time.Second, MaxBackoff: time.Hour}
			never := c.spec(t, "fatal/1", "exit", "3")
			never.Restart = RestartPolicy{Policy: PolicyNever}
			for _, spec := range []Spec{slow, never} {
				c.up(t, spec)
			}
			c.waitStatus(t, "backoff/1", "backoff", inState(StateBackoff))
			c.waitStatus(t, "fatal/1", "fatal", inState(StateFatal))
			c.up(t, c.spec(t, "stopped/1", "wait"))
			if _, err := c.client.StopWait(t.Context(), "stopped/1"); err != nil {
				t.Fatal(err)
			}
			stubborn := c.spec(t, "stopping/1", "stubborn")
			stubborn.Stop.Grace = time.Hour
			dying := c.spec(t, "dying/1", "stubborn")
			dying.Stop.Grace = 2 * time.Second
			for _, spec := range []Spec{stubborn, dying} {
				c.up(t, spec)
				if _, err := c.client.Stop(t.Context(), spec.ID); err != nil {
					t.Fatal(err)
				}
			}
			c.up(t, soon)
			c.waitStatus(t, "soon/1", "backoff or more", func(s Status) bool { return s.LastExit != nil })
			before := c.all(t)
			daemon := askDaemon(t, c.daemon)
			c.change(t, func() {})
			after := c.all(t)
			for _, id := range []string{"starting/1", "running/1", "unhealthy/1", "backoff/1", "fatal/1", "stopped/1", "stopping/1"} {
				if a, b := before[id], after[id]; !sameStatus(a, b) {
					t.Errorf("%s was %+v\nand is %+v", id, a, b)
				}
			}
			if now := askDaemon(t, c.daemon); now == daemon {
				t.Error("the daemon was not replaced")
			}
			c.waitStatus(t, "dying/1", "killed after the grace it was given before", inState(StateStopped))
			c.waitStatus(t, "soon/1", "restarted by the timer that was set before", func(s Status) bool { return s.Restarts > before["soon/1"].Restarts })
			if _, err := c.client.Start(t.Context(), "stopping/1"); err != nil {
				t.Fatal(err)
			}
			if err := c.client.Remove(t.Context(), "running/1"); err != nil {
				t.Fatal(err)
			}
			kill9(t, after["stopping/1"].PID)
			c.waitStatus(t, "stopping/1", "started again", inState(StateRunning))
			stubborn.Stop.Grace = time.Millisecond // for the end of the test
			if _, err := c.client.Apply(t.Context(), stubborn, ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestHandoverMissesNothing: what ends, and what is written, while no keeper is there is known to the next one exactly.
func TestHandoverMissesNothing(t *testing.T) {
	t.Parallel()
	c := startChanging(t, true)
	goodbye := c.spec(t, "goodbye/1", "goodbye") // writes right before its end
	goodbye.Restart.Policy = PolicyNever
	victim := c.spec(t, "victim/1", "wait")
	lines := c.spec(t, "lines/1", "wait")
	first, second := c.up(t, goodbye), c.up(t, victim)
	c.up(t, lines)
	c.change(t, func() {
		for pid, sig := range map[int]syscall.Signal{first.PID: syscall.SIGTERM, second.PID: syscall.SIGKILL} {
			if err := syscall.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "zombie", func() bool { return !alive(pid) })
		}
	})
	got := c.waitStatus(t, "goodbye/1", "ended", func(s Status) bool { return s.LastExit != nil && s.PID == 0 })
	if got.LastExit.Unknown || got.LastExit.Signal != "" {
		t.Errorf("%+v", got.LastExit)
	}
	log := readFile(goodbye.Log.Path)
	if n := strings.Count(log, "goodbye"); n != 2000 || !strings.Contains(log, "goodbye 1999") {
		t.Errorf("%d of 2000 lines that were written while nobody read", n)
	}
	got = c.waitStatus(t, "victim/1", "restarted", func(s Status) bool { return s.State == StateRunning && s.PID != second.PID })
	if got.LastExit == nil || got.LastExit.Signal != "KILL" {
		t.Errorf("%+v", got.LastExit)
	}
	if now := c.all(t)["lines/1"]; now.Restarts != 0 || now.State != StateRunning {
		t.Errorf("%+v", now)
	}
}

// TestHandoverThatFails: a program that cannot be run in the keeper's place leaves the old one in charge, which takes its daemon back, too.
func TestHandoverThatFails(t *testing.T) {
	t.Parallel()
	c := startChanging(t, false)
	service := c.up(t, c.spec(t, "ocr/1", "wait"))
	waitFor(t, "a daemon that serves", func() bool { return askDaemon(t, c.daemon) > 0 })
	if _, err := c.client.Upgrade(t.Context(), "", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := <-c.ended; err != nil || c.Next() == nil {
		t.Fatalf("the keeper did not hand over: %v", err)
	}
	next := askDaemon(t, c.daemon)
	c.Next().doc.Upgrade.Program = filepath.Join(c.dir, "gone")
	if err := c.Next().Exec(); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := c.client.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	c.cfg.Handover = c.Next()
	c.begin(t)
	status, err := c.client.UpgradeStatus(t.Context())
	if err != nil || status.State != UpgradeFailed || !strings.Contains(status.Reason, "gone") {
		t.Errorf("%+v %v", status, err)
	}
	if now := c.all(t)["ocr/1"]; now.PID != service.PID || now.Restarts != 0 {
		t.Errorf("%+v, was %+v", now, service)
	}
	waitFor(t, "a daemon of the old program", func() bool { return askDaemon(t, c.daemon) != next })
}

// TestUpgradeThatIsRefused: nothing changes when the program is none, or does not come up.
func TestUpgradeThatIsRefused(t *testing.T) {
	t.Parallel()
	c := startChanging(t, false)
	service := c.up(t, c.spec(t, "ocr/1", "wait"))
	waitFor(t, "a daemon that serves", func() bool { return askDaemon(t, c.daemon) > 0 })
	daemon := askDaemon(t, c.daemon)
	plain := filepath.Join(c.dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ program, want string }{
		{filepath.Join(c.dir, "none"), "no such file"},
		{c.dir, "not a regular file"},
		{plain, "not executable"},
		{"relative", "not an absolute path"},
	} {
		if _, err := c.client.Upgrade(t.Context(), tc.program, time.Second); !errors.Is(err, ErrUpgrade) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.program, err)
		}
	}
	if _, err := c.client.Upgrade(t.Context(), "/bin/false", 5*time.Second); err != nil { // it has no trial here
		t.Fatal(err)
	}
	waitFor(t, "the end of the upgrade", func() bool {
		s, err := c.client.UpgradeStatus(t.Context())
		return err == nil && s.State == UpgradeFailed && strings.Contains(s.Reason, ErrNotUp.Error())
	})
	if now := c.all(t)["ocr/1"]; now.PID != service.PID || askDaemon(t, c.daemon) != daemon {
		t.Errorf("something changed: %+v, was %+v", now, service)
	}
	if err := c.client.Standby(t.Context()); !errors.Is(err, ErrInvalidRequest) {
		t.Errorf("anybody may stand by: %v", err)
	}
}

// TestNumbersGoOn: a daemon that has heard the words of the program before takes those of the next for later ones.
func TestNumbersGoOn(t *testing.T) {
	t.Parallel()
	c := startChanging(t, false)
	for n := range 5 {
		c.up(t, c.spec(t, fmt.Sprintf("ocr/%d", n+1), "wait"))
	}
	heard := func() (last uint64) {
		list, err := c.client.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			last = max(last, s.Seq)
		}
		return last
	}
	before := heard()
	c.change(t, func() {})
	if status, err := c.client.StopWait(t.Context(), "ocr/1"); err != nil || status.Seq <= before {
		t.Errorf("after number %d comes %d (%v)", before, status.Seq, err)
	}
	given := (&Handover{doc: document{Seq: 7}, fault: "it did not start"}).lastSeq()
	if given <= 7 {
		t.Errorf("given back, the program that has told change 7 goes on after %d", given)
	}
}

func TestFeedOfAnotherProgram(t *testing.T) {
	f := newFeed()
	f.goOn(100)
	if changes, ok := f.since(100); !ok || len(changes) > 0 {
		t.Errorf("after the last change: %v %t", changes, ok)
	}
	if _, ok := f.since(99); ok {
		t.Error("a change that another program told is not here")
	}
	f.publish(&Status{ID: "ocr/1"})
	if changes, ok := f.since(100); !ok || len(changes) != 1 || changes[0].Seq != 101 {
		t.Errorf("after one change: %v %t", changes, ok)
	}
}
