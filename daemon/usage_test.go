package daemon_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// usage is what a process holds.
type usage struct{ descriptors, threads int }

func (r *rig) usage(pid int) usage {
	r.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		r.t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		r.t.Fatal(err)
	}
	_, after, _ := bytes.Cut(status, []byte("\nThreads:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	threads, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		r.t.Fatal(err)
	}
	return usage{descriptors: len(entries), threads: threads}
}

// moreThreads is how many threads Go may keep after a burst.
const moreThreads = 10

// noGrowth checks that a process comes back to about what it, or the one before it, once held.
func (r *rig) noGrowth(name string, pid int, before usage, moreDescriptors int) {
	r.t.Helper()
	var now usage
	r.client.Close()
	defer func() { r.t.Logf("%s: %+v, was %+v", name, now, before) }()
	r.until("the "+name+" holds no more than in the beginning", func() bool {
		now = r.usage(pid)
		return now.descriptors <= before.descriptors+moreDescriptors && now.threads <= before.threads+moreThreads
	})
}

// noZombies waits until the keeper has no dead children.
func (r *rig) noZombies() {
	r.t.Helper()
	r.until("no child of the keeper or the daemon is a zombie", func() bool {
		return len(zombies(r.keeper.Process.Pid)) == 0 && len(zombies(r.worker())) == 0
	})
}

// zombies are the dead children of a process.
func zombies(parent int) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // gone
		}
		_, after, _ := bytes.Cut(stat, []byte(") ")) // the name may hold spaces
		var state string
		var ppid int
		if n, err := fmt.Sscan(string(after), &state, &ppid); err == nil && n == 2 && state == "Z" && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// knocking opens connections to the API and the gateway all the time.
type knocking struct {
	refused atomic.Int64
	quit    chan struct{}
	wg      sync.WaitGroup
}

func (r *rig) knock() *knocking {
	k := &knocking{quit: make(chan struct{})}
	for _, url := range []string{r.api, r.gateway} {
		k.wg.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-k.quit:
					return
				case <-tick.C:
				}
				conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), patience)
				switch {
				case err == nil:
					err = conn.Close()
				case errors.Is(err, syscall.ECONNREFUSED):
					k.refused.Add(1)
				}
				if err != nil {
					r.t.Logf("knock at %s: %v", url, err)
				}
			}
		})
	}
	return k
}

// stop returns how many connections were refused.
func (k *knocking) stop() int64 {
	close(k.quit)
	k.wg.Wait()
	return k.refused.Load()
}

// untilStable waits until the keeper trusts its daemon: it starts one that was up for three seconds again at once,
// and pauses first after a shorter life.
func (r *rig) untilStable() {
	r.t.Helper()
	r.until("the daemon is up for three seconds", func() bool {
		v, err := r.client.Version(r.t.Context())
		return err == nil && time.Since(v.StartedAt) > 3100*time.Millisecond
	})
}
