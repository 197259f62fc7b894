package daemon_test

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"aictl/api"
)

// load asks a service again and again until stop is called, and counts what came of it.
type load struct {
	ok, refused, other atomic.Int64
	last               atomic.Value // of the failures
	quit               chan struct{}
	wg                 sync.WaitGroup
}

func (r *rig) load(service string, clients int) *load {
	l := &load{quit: make(chan struct{})}
	for range clients {
		l.wg.Go(func() {
			breath := time.NewTicker(2 * time.Millisecond) // leaves others some of the machine
			defer breath.Stop()
			for {
				select {
				case <-l.quit:
					return
				case <-breath.C:
				}
				status, answer, err := r.post(service, "/predict", []byte("{}"))
				switch {
				case err == nil && status == http.StatusOK:
					l.ok.Add(1)
				case errors.Is(err, syscall.ECONNREFUSED):
					l.refused.Add(1)
				default:
					l.other.Add(1)
					l.last.Store(string(answer) + " " + errorText(err))
				}
			}
		})
	}
	return l
}

func (l *load) stop() {
	close(l.quit)
	l.wg.Wait()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestDaemonKilled: kill -9 of the daemon, again and again under load, touches no service, loses no line of a log and
// refuses no connection.
func TestDaemonKilled(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	r.deploy("counter", "-mode count")
	echo, counter := r.instance("echo"), r.instance("counter")
	l := r.load("echo", 4)
	var worst time.Duration
	for range 5 {
		seen := l.ok.Load()
		r.until("requests are answered", func() bool { return l.ok.Load() > seen+20 })
		worker := r.worker()
		r.signal(worker, syscall.SIGKILL)
		begun := time.Now()
		r.predict("echo") // waits in the backlog until the next daemon takes it
		worst = max(worst, time.Since(begun))
		if now := r.worker(); now == worker {
			t.Fatal("the daemon was not killed")
		}
	}
	l.stop()
	t.Logf("the gateway answered again after %s at most; %d answers, %d requests cut by a kill", worst, l.ok.Load(), l.other.Load())
	if l.refused.Load() > 0 {
		t.Errorf("%d connections were refused", l.refused.Load())
	}
	if cut := l.other.Load(); cut > 5*4 {
		t.Errorf("%d requests failed, more than were in flight at the kills; the last: %v", cut, l.last.Load())
	}
	for name, before := range map[string]int{"echo": echo.PID, "counter": counter.PID} {
		if now := r.instance(name); now.PID != before || now.Restarts != 0 {
			t.Errorf("%s was touched: pid %d restarts %d, was pid %d", name, now.PID, now.Restarts, before)
		}
	}
	if n := r.complete("counter", counter.PID); n < 100 {
		t.Errorf("only %d lines of the counter", n)
	}
	r.stop()
}

// TestDaemonKilledInADeploy: the deploy is interrupted or carried on, the old release serves, no candidate is left.
func TestDaemonKilledInADeploy(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	before := r.instance("echo")
	r.must("deploy", "--wait=false", r.source("echo", "-version v2 -delay 1h"))
	r.until("the candidate is started", func() bool { return len(r.service("echo").Instances) == 2 })
	r.signal(r.worker(), syscall.SIGKILL)
	r.until("the daemon answers", func() bool { _, err := r.client.Version(t.Context()); return err == nil })
	r.serves("echo", "v1")
	r.until("the deploy is interrupted", func() bool {
		return slices.ContainsFunc(r.deploys("echo"), func(d api.Deploy) bool { return d.State == "interrupted" })
	})
	if now := r.service("echo"); now.Release.ID == "" || now.Ready != 1 {
		t.Errorf("the old release does not serve: %+v", now)
	}
	for _, i := range r.service("echo").Instances {
		if i.ID == before.ID && i.PID != before.PID {
			t.Errorf("the old instance was restarted: %+v, was %+v", i, before)
		}
	}
	for _, d := range r.deploys("echo") { // an interrupted deploy is queued once more
		if !d.Ended() {
			r.must("deploys", "cancel", itoa(d.ID))
		}
	}
	r.until("no candidate is left", func() bool { return len(r.service("echo").Instances) == 1 })
	r.serves("echo", "v1")
	r.stop()
	leases, err := r.openStore().PortLeases(t.Context())
	if err != nil || len(leases) != 1 || leases[0].Owner != before.ID {
		t.Errorf("ports are leased to %v, want %s alone; %v", leases, before.ID, err)
	}
}

// TestKeeperKilled: kill -9 of the keeper stops no service, and the next one adopts every one of them.
func TestKeeperKilled(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	r.deploy("counter", "-mode count")
	for range 3 {
		echo, counter := r.instance("echo"), r.instance("counter")
		r.client.Close()
		r.signal(r.keeper.Process.Pid, syscall.SIGKILL)
		r.awaitKeeper()
		r.start()
		for name, before := range map[string]int{"echo": echo.PID, "counter": counter.PID} {
			if now := r.instance(name); now.PID != before || now.Restarts != 0 {
				t.Errorf("%s was not adopted: pid %d restarts %d, was pid %d", name, now.PID, now.Restarts, before)
			}
		}
		r.until("the gateway serves", func() bool { status, _, err := r.post("echo", "/predict", nil); return err == nil && status == 200 })
		r.complete("counter", counter.PID)
	}
	if n := len(r.running("-mode count")); n != 1 {
		t.Errorf("%d counters run, want 1", n)
	}
	r.stop()
}

// TestRedeploysDropNothing: twenty deploys under load, and every request is answered.
func TestRedeploysDropNothing(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "-version v0")
	l := r.load("echo", 3)
	for n := range 20 {
		r.deploy("echo", "-version v"+itoa(int64(n+1)))
	}
	l.stop()
	r.serves("echo", "v20")
	t.Logf("%d answers", l.ok.Load())
	if l.refused.Load()+l.other.Load() > 0 {
		t.Errorf("%d refused, %d failed; the last: %v", l.refused.Load(), l.other.Load(), l.last.Load())
	}
	stats, err := r.client.RecordStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var dropped int64
	for _, n := range stats.Ledger.Dropped {
		dropped += n
	}
	if led := stats.Ledger; led.Accepted != led.Recorded+dropped+led.InFlight || dropped > 0 || led.Accepted < l.ok.Load() {
		t.Errorf("the ledger does not add up: %+v for %d answers", led, l.ok.Load())
	}
	r.stop()
}
