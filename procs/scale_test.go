package procs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestCostPerInstance: what a running instance holds in the keeper is counted, so that it does not grow unseen.
func TestCostPerInstance(t *testing.T) {
	const (
		instances   = 20
		goroutines  = 4 // the machine, its leader's end, two streams
		descriptors = 4 // pidfd, two FIFOs, the log
	)
	k := startKeeper(t)
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	k.up(t, k.spec(t, "first/1", "wait")) // what is made once
	specs := make([]Spec, instances)
	for n := range specs {
		specs[n] = k.spec(t, fmt.Sprintf("svc-%d/1", n), "wait")
	}
	settledAt := func() (int, int) { return runtime.NumGoroutine(), open() }
	beforeG, beforeF := settledAt()
	results, err := k.client.ApplyAll(t.Context(), specs, ApplyOptions{Start: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	// Goroutines that only answered may still be on their way out.
	waitFor(t, fmt.Sprintf("no more than %d goroutines and %d descriptors for each of %d instances", goroutines, descriptors, instances), func() bool {
		g, f := settledAt()
		return g-beforeG <= goroutines*instances && f-beforeF <= descriptors*instances
	})
}

// TestFIFOsAreUsedAgain: the next keeper finds the FIFOs of the one before; those of an instance that is removed, now or
// while no keeper knew it, go.
func TestFIFOsAreUsedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	inode := func(id string) uint64 {
		info, err := os.Lstat(filepath.Join(dir, "fifo", escapeID(id)+".out"))
		if errors.Is(err, os.ErrNotExist) {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	at := func(c *KeeperConfig) { c.RunDir = dir }
	k := startKeeper(t, at)
	k.up(t, k.spec(t, "ocr/1", "wait"))
	k.up(t, k.spec(t, "nlp/1", "wait"))
	k.up(t, k.spec(t, "old/1", "wait"))
	first := inode("ocr/1")
	k.end()
	if first == 0 || inode("ocr/1") != first {
		t.Errorf("fifo %d became %d", first, inode("ocr/1"))
	}
	k = startKeeper(t, at)
	k.up(t, k.spec(t, "ocr/1", "wait"))
	k.up(t, k.spec(t, "nlp/1", "wait"))
	if inode("ocr/1") != first {
		t.Error("the fifo was made anew")
	}
	if err := k.client.Remove(t.Context(), "nlp/1"); err != nil {
		t.Fatal(err)
	}
	if err := k.client.Remove(t.Context(), "old/1"); !errors.Is(err, ErrUnknownInstance) {
		t.Errorf("remove of an unknown instance: %v", err)
	}
	if inode("nlp/1") != 0 || inode("old/1") != 0 {
		t.Error("fifos of removed instances are left")
	}
}

// TestFeedWakesOnce: a burst of changes is one wake-up for whoever has not looked yet.
func TestFeedWakesOnce(t *testing.T) {
	f := newFeed()
	wake, stop := f.follow()
	defer stop()
	for n := range 1000 {
		f.publish(&Status{ID: fmt.Sprint("svc/", n)})
	}
	if len(wake) != 1 {
		t.Errorf("woken %d times", len(wake))
	}
	<-wake
	f.publish(&Status{ID: "svc/1000"})
	if len(wake) != 1 {
		t.Error("a later change was missed")
	}
}
