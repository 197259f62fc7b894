package daemon_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aictl/daemon"
)

// steady asks on connections of its own, one that is kept per client or a new one for each request, and wants every
// request answered.
func (r *rig) steady(service string, clients int, keep bool) (stop func() (answered int64)) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var answered int64
	var faults []string
	for range clients {
		wg.Go(func() {
			transport := &http.Transport{DisableKeepAlives: !keep, MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for {
				select {
				case <-quit:
					return
				default:
				}
				fault := askOnce(client, r.gateway+"/ai/"+service+"/predict")
				mu.Lock()
				if answered++; fault != "" {
					faults = append(faults, fault)
				}
				mu.Unlock()
			}
		})
	}
	return func() int64 {
		close(quit)
		wg.Wait()
		if len(faults) > 0 {
			r.t.Errorf("%d of %d requests failed; the first: %s", len(faults), answered, faults[0])
		}
		return answered
	}
}

// askOnce posts once, in a way that no transport repeats by itself: a body that cannot be read twice.
func askOnce(client *http.Client, url string) (fault string) {
	res, err := client.Post(url, "application/json", io.MultiReader(strings.NewReader("{}")))
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Sprint(res.StatusCode, " ", string(body), " ", err)
	}
	return ""
}

// copyOf is the program under test at another place: another program as far as the keeper is concerned.
func (r *rig) copyOf(name string) string {
	r.t.Helper()
	content, err := os.ReadFile(aictl)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.writeProgram(name, content)
}

// writeProgram writes a file that is going to be run: no child may be born while it is open for writing, or it is busy.
func (r *rig) writeProgram(name string, content []byte) (path string) {
	r.t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	path = filepath.Join(r.dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o755); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// untouched remembers instances and checks later that they are the same processes.
func (r *rig) untouched(services ...string) (check func()) {
	pids := make(map[string]int)
	for _, s := range services {
		pids[s] = r.instance(s).PID
	}
	return func() {
		r.t.Helper()
		for s, pid := range pids {
			if now := r.instance(s); now.PID != pid || now.Restarts != 0 {
				r.t.Errorf("%s was touched: pid %d restarts %d, was pid %d", s, now.PID, now.Restarts, pid)
			}
		}
	}
}

func (r *rig) keeperProgram() string {
	r.t.Helper()
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.keeper.Process.Pid))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // there is none for a moment while exec ends the other threads
		r.t.Fatal(err)
	}
	return path
}

// TestUpgradeUnderLoad: neither an upgrade to another program nor one by SIGHUP drops a request, touches a service,
// loses a line or leaves a descriptor behind.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("echo", "")
	r.deploy("counter", "-mode count")
	check := r.untouched("echo", "counter")
	counter := r.instance("counter").PID
	stopKeeping, stopFresh := r.steady("echo", 2, true), r.steady("echo", 2, false)
	next := r.copyOf("aictl-next")
	pid := r.keeper.Process.Pid
	r.must("upgrade", next)
	before := r.usage(pid)
	for n := range 5 {
		old := r.worker()
		if n%2 == 0 {
			out := r.must("upgrade")
			if !strings.Contains(out, "now running") {
				t.Errorf("said %q", out)
			}
		} else {
			r.signal(pid, syscall.SIGHUP)
			r.until("another daemon serves", func() bool { return r.well() && r.worker() != old })
		}
		if now := r.worker(); now == old {
			t.Error("the daemon was not replaced")
		}
	}
	r.until("the old daemons have ended", func() bool { return len(r.running("--worker")) == 1 })
	answered := stopKeeping() + stopFresh()
	t.Logf("%d requests answered", answered)
	if got := r.keeperProgram(); got != next {
		t.Errorf("the keeper runs %s, want %s", got, next)
	}
	check()
	r.complete("counter", counter)
	r.noGrowth("keeper", pid, before, 4)
	r.noZombies()
	stats, err := r.client.RecordStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Records != answered {
		t.Errorf("%d of %d requests are recorded", stats.Records, answered)
	}
	if state, err := daemon.ReadState(r.data); err != nil || state.PID != pid {
		t.Errorf("daemon.json tells of pid %d, want %d; %v", state.PID, pid, err)
	}
	r.stop()
}
