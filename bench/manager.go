package main

import (
	"fmt"
	"time"
)

// prefix begins the names of the many services; noisy is the one that writes.
const (
	prefix = "bench-"
	noisy  = "noisy"
)

func serviceName(i int) string { return fmt.Sprintf("%s%03d", prefix, i) }

// plan is what every manager is given to do.
type plan struct {
	dir      string // the manager's own
	service  string // the program of all services
	socket   string // where they report
	services int
}

// manager is one of the measured programs. Services are told to it by setup and then started and stopped by command.
type manager interface {
	name() string
	version() (string, error)
	// setup brings the manager up with every service known and none running.
	setup(plan) error
	startAll() error
	stopAll() error
	startNoisy() error
	// processes are the manager's own, by what they are called.
	processes() (map[string]int, error)
	// restart stops the manager and everything with it, calls ready, and brings both up again.
	restart(ready func()) error
	stop() error
}

// result holds the figures of one manager; durations in seconds, memory in bytes, speed in bytes per second.
type result struct {
	Name     string           `json:"name"`
	Version  string           `json:"version"`
	Start    []float64        `json:"start_seconds"`
	Cold     []float64        `json:"cold_start_seconds"`
	Respawn  []float64        `json:"respawn_seconds"`
	Log      []float64        `json:"log_bytes_per_second"`
	IdleCPU  float64          `json:"idle_cpu_percent"`
	PSS      map[string]int64 `json:"pss_bytes"`
	Services int              `json:"services"`
	// Back is how long callers wait for an answer after a kill -9 of what answers them; only aictl has such a process.
	Back []float64 `json:"back_seconds,omitempty"`
}

type options struct {
	runs, crashes int
	idle, settle  time.Duration
	logBytes      int64
}

// measure puts one manager through everything. It stops the manager whatever happens.
func measure(m manager, p plan, b *beacon, o options) (r result, err error) {
	r.Name, r.Services = m.name(), p.services
	if r.Version, err = m.version(); err != nil {
		return r, err
	}
	defer func() {
		if stopErr := m.stop(); err == nil {
			err = stopErr
		}
	}()
	progress("%s: setting up %d services", m.name(), p.services)
	if err := m.setup(p); err != nil {
		return r, fmt.Errorf("%s: set up: %w", m.name(), err)
	}
	steps := []struct {
		what string
		do   func(manager, plan, *beacon, options, *result) error
	}{
		{"start", measureStart}, {"start with the manager", measureCold}, {"idle", measureIdle},
		{"crashes", measureCrashes}, {"log", measureLog}, {"death of the daemon", measureBack},
	}
	for _, step := range steps {
		progress("%s: %s", m.name(), step.what)
		if err := step.do(m, p, b, o, &r); err != nil {
			return r, fmt.Errorf("%s: %s: %w", m.name(), step.what, err)
		}
	}
	return r, nil
}

// measureStart is one command that starts every service: from the command to the last service's report.
func measureStart(m manager, p plan, b *beacon, o options, r *result) error {
	for range o.runs {
		if err := m.stopAll(); err != nil {
			return err
		}
		b.forget()
		began := time.Now()
		failed := make(chan error, 1)
		go func() { failed <- m.startAll() }()
		seen, err := b.wait(prefix, p.services, time.Minute)
		if startErr := <-failed; startErr != nil {
			return startErr
		}
		if err != nil {
			return err
		}
		r.Start = append(r.Start, last(seen).Sub(began).Seconds())
	}
	return nil
}

// measureCold is the start of the manager itself with every service wanted: what a reboot is like.
func measureCold(m manager, p plan, b *beacon, o options, r *result) error {
	for range o.runs {
		var began time.Time
		if err := m.restart(func() { b.forget(); began = time.Now() }); err != nil {
			return err
		}
		seen, err := b.wait(prefix, p.services, time.Minute)
		if err != nil {
			return err
		}
		r.Cold = append(r.Cold, last(seen).Sub(began).Seconds())
	}
	return nil
}

func last(seen map[string]hello) (at time.Time) {
	for _, h := range seen {
		if h.at.After(at) {
			at = h.at
		}
	}
	return at
}

// measureIdle is the manager's processor time and memory while its services do nothing.
func measureIdle(m manager, _ plan, _ *beacon, o options, r *result) error {
	time.Sleep(o.settle)
	named, err := m.processes()
	if err != nil {
		return err
	}
	var pids []int
	for _, pid := range named {
		pids = append(pids, pid)
	}
	before, err := cpuTime(pids)
	if err != nil {
		return err
	}
	time.Sleep(o.idle)
	after, err := cpuTime(pids)
	if err != nil {
		return err
	}
	r.IdleCPU = 100 * (after - before).Seconds() / o.idle.Seconds()
	r.PSS = make(map[string]int64)
	for name, pid := range named {
		if r.PSS[name], err = pss(pid); err != nil {
			return err
		}
	}
	return nil
}

// measureCrashes kills one service after the other, each once and after it has been up for a while: from the kill to
// the report of the process that follows.
func measureCrashes(m manager, p plan, b *beacon, o options, r *result) error {
	if err := m.stopAll(); err != nil {
		return err
	}
	b.forget()
	if err := m.startAll(); err != nil {
		return err
	}
	seen, err := b.wait(prefix, p.services, time.Minute)
	if err != nil {
		return err
	}
	time.Sleep(o.settle)
	for i := range min(o.crashes, p.services) {
		name := serviceName(i)
		b.forget()
		began := time.Now()
		if err := kill(seen[name].pid); err != nil {
			return err
		}
		next, err := b.wait(name, 1, time.Minute)
		if err != nil {
			return err
		}
		r.Respawn = append(r.Respawn, next[name].at.Sub(began).Seconds())
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// measureBack kills the process that answers callers, where that is another than the one that keeps the services.
func measureBack(m manager, _ plan, _ *beacon, o options, r *result) error {
	k, ok := m.(interface {
		killDaemon() (time.Duration, error)
	})
	if !ok {
		return nil
	}
	for range 2 * o.runs {
		took, err := k.killDaemon()
		if err != nil {
			return err
		}
		r.Back = append(r.Back, took.Seconds())
		time.Sleep(time.Second)
	}
	return nil
}

// measureLog is one service that writes as fast as its output is taken.
func measureLog(m manager, _ plan, b *beacon, o options, r *result) error {
	if err := m.stopAll(); err != nil {
		return err
	}
	b.forget()
	if err := m.startNoisy(); err != nil {
		return err
	}
	if _, err := b.wait(noisy, 1, time.Minute); err != nil {
		return err
	}
	for range o.runs {
		took, err := b.write(noisy, o.logBytes)
		if err != nil {
			return err
		}
		r.Log = append(r.Log, float64(o.logBytes)/took.Seconds())
	}
	return nil
}
