package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// runit is runsvdir as Debian ships it, with a runsv and, as its documentation has it, a svlogd for every service.
type runit struct {
	plan    plan
	dir     string // scanned by runsvdir
	log     string
	manager *background
}

func (r *runit) name() string { return "runit" }

func (r *runit) version() (string, error) {
	out, err := run("", nil, "dpkg-query", "--show", "--showformat", "${Version}", "runit")
	if err != nil {
		return "", fmt.Errorf("%w; run scripts/setup.sh --bench", err)
	}
	return strings.TrimSpace(out), nil
}

func (r *runit) names() []string {
	names := []string{noisy}
	for i := range r.plan.services {
		names = append(names, serviceName(i))
	}
	return names
}

func (r *runit) setup(p plan) error {
	r.plan, r.dir, r.log = p, filepath.Join(p.dir, "services"), filepath.Join(p.dir, "manager.log")
	for _, name := range r.names() {
		if err := r.define(name); err != nil {
			return err
		}
	}
	if err := r.up(); err != nil {
		return err
	}
	for _, name := range r.names()[1:] { // for the next start of the manager
		if err := os.Remove(filepath.Join(r.dir, name, "down")); err != nil {
			return err
		}
	}
	return nil
}

func (r *runit) define(name string) error {
	dir, logs := filepath.Join(r.dir, name), filepath.Join(r.plan.dir, "logs", name)
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "log"), 0o700), os.MkdirAll(logs, 0o700)); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "down"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "run"), fmt.Appendf(nil, "#!/bin/sh\nexec %s %s %s\n", r.plan.service, r.plan.socket, name), 0o700),
		os.WriteFile(filepath.Join(dir, "log", "run"), fmt.Appendf(nil, "#!/bin/sh\nexec svlogd -tt %s\n", logs), 0o700),
		os.WriteFile(filepath.Join(logs, "config"), []byte("s10000000\nn4\n"), 0o600),
	)
}

func (r *runit) up() error {
	var err error
	if r.manager, err = startBackground(r.log, nil, "runsvdir", r.dir); err != nil {
		return err
	}
	return poll("every runsv answers", func() bool {
		for _, name := range r.names() {
			// It opens this FIFO to be told what to do.
			fd, err := syscall.Open(filepath.Join(r.dir, name, "supervise", "ok"), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err != nil || syscall.Close(fd) != nil {
				return false
			}
		}
		return true
	})
}

func (r *runit) sv(command string, names []string) error {
	argv := []string{"sv", "-w", "60", command}
	for _, name := range names {
		argv = append(argv, filepath.Join(r.dir, name))
	}
	_, err := run("", nil, argv...)
	return err
}

func (r *runit) startAll() error   { return r.sv("start", r.names()[1:]) }
func (r *runit) stopAll() error    { return r.sv("stop", r.names()[1:]) }
func (r *runit) startNoisy() error { return r.sv("start", []string{noisy}) }

// processes are runsvdir, and a runsv and a svlogd for each service.
func (r *runit) processes() (map[string]int, error) {
	top := r.manager.cmd.Process.Pid
	named := map[string]int{"runsvdir": top}
	supervisors, err := children(top)
	if err != nil {
		return nil, err
	}
	for _, pid := range supervisors {
		named[fmt.Sprint("runsv ", pid)] = pid
		below, err := children(pid)
		if err != nil {
			return nil, err
		}
		for _, child := range below {
			comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
			if err == nil && strings.TrimSpace(string(comm)) == "svlogd" {
				named[fmt.Sprint("svlogd ", child)] = child
			}
		}
	}
	return named, nil
}

func (r *runit) restart(ready func()) error {
	if err := r.stop(); err != nil {
		return err
	}
	ready()
	return r.up()
}

// stop tells runsvdir to end everything, which ends itself at once and the others after it.
func (r *runit) stop() error {
	if r.manager == nil {
		return nil
	}
	named, err := r.processes()
	if err != nil {
		return err
	}
	if err := r.manager.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return nil // it has ended before
	}
	<-r.manager.done
	r.manager = nil
	return poll("every runsv ends", func() bool {
		for _, pid := range named {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	})
}
