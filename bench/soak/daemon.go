package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"aictl/bench/rig"
)

// daemon is the one that is loaded.
type daemon struct{ *rig.Daemon }

// start returns once the daemon answers.
func start(program, dir string) (*daemon, error) {
	d, err := rig.Start(program, dir, "22001-22099")
	return &daemon{d}, err
}

func (d *daemon) deploy() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(d.Data), "soak")
	manifest := fmt.Sprintf("name: soak\nruntime: command\ncommand: %s instance\n", self)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "aictl.yaml"), []byte(manifest), 0o600)); err != nil {
		return err
	}
	_, err = d.Command("deploy", dir)
	return err
}

// watch loads the gateway and samples the daemon until length is over.
func (d *daemon) watch(ctx context.Context, l *load, length, every time.Duration) (samples []sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	over := make(chan struct{})
	go func() { defer close(over); l.run(ctx) }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	begun, before := time.Now(), int64(0)
	for {
		select {
		case <-over:
			return samples, nil
		case <-tick.C:
		}
		s, err := d.sample()
		if err != nil {
			cancel()
			<-over
			return nil, err
		}
		s.Seconds, s.Requests = time.Since(begun).Seconds(), l.done.Load()-before
		before += s.Requests
		samples = append(samples, s)
		fmt.Println(s)
	}
}

func (d *daemon) sample() (s sample, err error) {
	pid, err := d.Worker()
	if err != nil {
		return s, err
	}
	rss, err := residentBytes(pid)
	if err != nil {
		return s, err
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return s, err
	}
	goroutines, err := d.metric("go_goroutines")
	if err != nil {
		return s, err
	}
	wal, err := filepath.Glob(filepath.Join(d.Data, "records", "*-wal"))
	if err != nil {
		return s, err
	}
	s = sample{RSS: rss, FDs: int64(len(fds)), Goroutines: goroutines, Worker: pid}
	for _, path := range append(wal, filepath.Join(d.Data, "aictl.db-wal")) {
		if info, err := os.Stat(path); err == nil {
			s.WAL += info.Size()
		}
	}
	return s, nil
}

func residentBytes(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("no VmRSS in the daemon's status")
}

func (d *daemon) metric(name string) (int64, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+d.API+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+d.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, errors.Join(lines.Err(), fmt.Errorf("/metrics answered %d and no %s", res.StatusCode, name))
}

// settled waits until nothing is in flight, and returns an error when the ledger does not add up or anything was lost.
func (d *daemon) settled() error {
	var doc struct {
		Ledger struct {
			Accepted, Recorded int64
			InFlight           int64 `json:"in_flight"`
			NoBody             int64 `json:"no_body"`
			Dropped            map[string]int64
		}
	}
	for range 100 {
		out, err := d.Command("records", "stats", "-o", "json")
		if err == nil {
			err = json.Unmarshal([]byte(out), &doc)
		}
		if err != nil {
			return err
		}
		if doc.Ledger.InFlight == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	l := doc.Ledger
	fmt.Printf("ledger: %d accepted, %d recorded, %d in flight, %d without bodies, dropped %v\n", l.Accepted, l.Recorded, l.InFlight, l.NoBody, l.Dropped)
	if l.Accepted != l.Recorded || l.NoBody > 0 {
		return errors.New("not everything that was accepted is recorded with its bodies")
	}
	return nil
}
