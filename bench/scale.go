package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// size holds aictl's figures with so many services; durations in seconds, memory in bytes.
type size struct {
	Services int              `json:"services"`
	Cold     []float64        `json:"cold_start_seconds"`
	Healthy  []float64        `json:"cold_start_healthy_seconds"`
	Start    []float64        `json:"start_seconds"`
	Status   []float64        `json:"status_command_seconds"`
	List     []float64        `json:"status_request_seconds"`
	IdleCPU  float64          `json:"idle_cpu_percent"`
	PSS      map[string]int64 `json:"pss_bytes"`
	Files    int              `json:"keeper_descriptors"`
}

// statusAsks is how often status is asked for; its median is reported.
const statusAsks = 15

// manyServices is from when on fewer runs have to do: they take long.
const manyServices = 500

// scaleSizes reads "10,100,1000", which must grow: services are only ever added.
func scaleSizes(text string) ([]int, error) {
	var sizes []int
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-scale %q: sizes are numbers from 1 to 1000, with commas between them", text)
		}
		if len(sizes) > 0 && n <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("-scale %q: each size must be larger than the one before it", text)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// measureScale deploys more and more services to one aictl and takes its figures at each size.
func measureScale(ctx context.Context, a *aictl, p plan, b *beacon, sizes []int, o options) (all []size, err error) {
	progress("scale: setting up")
	a.data, a.log = filepath.Join(p.dir, "data"), filepath.Join(p.dir, "manager.log")
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := a.up(); err != nil {
		return nil, err
	}
	have := 0
	for _, n := range sizes {
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		progress("scale: %d services: deploying", n)
		if err := a.deployMore(p, have, n); err != nil {
			return all, err
		}
		have = n
		s, err := a.measureSize(b, n, o)
		if err != nil {
			return all, fmt.Errorf("%d services: %w", n, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (a *aictl) deployMore(p plan, from, to int) error {
	var deploys errgroup.Group
	deploys.SetLimit(16)
	for i := from; i < to; i++ {
		deploys.Go(func() error { return a.deploy(p, serviceName(i), "") })
	}
	return deploys.Wait()
}

func (a *aictl) measureSize(b *beacon, n int, o options) (size, error) {
	s := size{Services: n, PSS: map[string]int64{}}
	runs := o.runs
	if n >= manyServices {
		runs = min(runs, 3)
	}
	steps := []struct {
		what  string
		times int
		do    func(*beacon, options, *size) error
	}{
		{"start", runs, a.scaleStart}, {"start with the manager", runs, a.scaleCold}, {"idle", 1, a.scaleIdle},
		{"status", statusAsks, a.scaleStatus},
	}
	for _, step := range steps {
		progress("scale: %d services: %s", n, step.what)
		for range step.times {
			if err := step.do(b, o, &s); err != nil {
				return s, fmt.Errorf("%s: %w", step.what, err)
			}
		}
	}
	return s, nil
}

func (a *aictl) scaleStart(b *beacon, _ options, s *size) error {
	if err := a.stopAll(); err != nil {
		return err
	}
	b.forget()
	began := time.Now()
	failed := make(chan error, 1)
	go func() { failed <- a.startAll() }()
	seen, err := b.wait(prefix, s.Services, time.Minute)
	if err = errors.Join(err, <-failed); err != nil {
		return err
	}
	s.Start = append(s.Start, last(seen).Sub(began).Seconds())
	return nil
}

func (a *aictl) scaleCold(b *beacon, _ options, s *size) error {
	var began time.Time
	if err := a.restart(func() { b.forget(); began = time.Now() }); err != nil {
		return err
	}
	seen, err := b.wait(prefix, s.Services, time.Minute)
	if err != nil {
		return err
	}
	s.Cold = append(s.Cold, last(seen).Sub(began).Seconds())
	err = poll("all services are healthy", func() bool {
		running, err := a.running()
		return err == nil && running == s.Services
	})
	s.Healthy = append(s.Healthy, time.Since(began).Seconds())
	return err
}

// scaleIdle follows a start of the manager, so that memory is that of a machine some time after it was switched on.
func (a *aictl) scaleIdle(_ *beacon, o options, s *size) error {
	time.Sleep(o.settle)
	named, err := a.processes()
	if err != nil {
		return err
	}
	before, err := cpuTime([]int{named["keeper"], named["daemon"]})
	if err != nil {
		return err
	}
	time.Sleep(o.idle)
	after, err := cpuTime([]int{named["keeper"], named["daemon"]})
	if err != nil {
		return err
	}
	s.IdleCPU = 100 * (after - before).Seconds() / o.idle.Seconds()
	for name, pid := range named {
		if s.PSS[name], err = pss(pid); err != nil {
			return err
		}
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", named["keeper"]))
	s.Files = len(open)
	return err
}

func (a *aictl) scaleStatus(_ *beacon, _ options, s *size) error {
	began := time.Now()
	if _, err := a.command("status"); err != nil {
		return err
	}
	s.Status = append(s.Status, time.Since(began).Seconds())
	began = time.Now()
	if _, err := a.list(); err != nil {
		return err
	}
	s.List = append(s.List, time.Since(began).Seconds())
	return nil
}

// running counts the services that serve by aictl's own word.
func (a *aictl) running() (int, error) {
	data, err := a.list()
	if err != nil {
		return 0, err
	}
	var doc struct{ Services []struct{ State string } }
	if err := json.Unmarshal(data, &doc); err != nil {
		return 0, err
	}
	running := 0
	for _, s := range doc.Services {
		if s.State == "running" {
			running++
		}
	}
	return running, nil
}

// list is GET /api/v1/services on a connection of its own.
func (a *aictl) list() ([]byte, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(a.data, "run", "api.sock"))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := client.Get("http://aictl/api/v1/services")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /api/v1/services answered %s", resp.Status)
	}
	return io.ReadAll(resp.Body)
}
