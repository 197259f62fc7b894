package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// supervisor is Supervisor as Debian ships it, with its default policy and 10 MB x 5 of log per program.
type supervisor struct {
	conf    string
	log     string
	manager *background
}

func (s *supervisor) name() string { return "Supervisor" }

func (s *supervisor) version() (string, error) {
	out, err := run("", nil, "supervisord", "--version")
	return strings.TrimSpace(out), err
}

func (s *supervisor) setup(p plan) error {
	s.conf, s.log = filepath.Join(p.dir, "supervisord.conf"), filepath.Join(p.dir, "manager.log")
	if err := s.configure(p, false); err != nil {
		return err
	}
	if err := s.up(); err != nil {
		return err
	}
	return s.configure(p, true) // for the next start of the manager
}

func (s *supervisor) configure(p plan, autostart bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, `[unix_http_server]
file=%[1]s/sock
[supervisord]
nodaemon=true
logfile=%[1]s/supervisord.log
pidfile=%[1]s/supervisord.pid
childlogdir=%[1]s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%[1]s/sock
`, p.dir)
	program := func(name string, auto bool) {
		fmt.Fprintf(&b, "[program:%s]\ncommand=%s %s %s\nautostart=%t\nautorestart=true\nstdout_logfile=%s/%s.log\n"+
			"stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=4\n", name, p.service, p.socket, name, auto, p.dir, name)
	}
	names := make([]string, p.services)
	for i := range p.services {
		names[i] = serviceName(i)
		program(names[i], autostart)
	}
	program(noisy, false)
	fmt.Fprintf(&b, "[group:all]\nprograms=%s\n", strings.Join(names, ","))
	return os.WriteFile(s.conf, []byte(b.String()), 0o600)
}

func (s *supervisor) up() error {
	var err error
	if s.manager, err = startBackground(s.log, nil, "supervisord", "-c", s.conf); err != nil {
		return err
	}
	return poll("supervisord answers", func() bool {
		_, err := s.ctl("pid")
		return err == nil
	})
}

func (s *supervisor) ctl(args ...string) (string, error) {
	return run("", nil, append([]string{"supervisorctl", "-c", s.conf}, args...)...)
}

func (s *supervisor) startAll() error {
	_, err := s.ctl("start", "all:*")
	return err
}

func (s *supervisor) stopAll() error {
	_, err := s.ctl("stop", "all:*")
	return err
}

func (s *supervisor) startNoisy() error {
	_, err := s.ctl("start", noisy)
	return err
}

func (s *supervisor) processes() (map[string]int, error) {
	return map[string]int{"supervisord": s.manager.cmd.Process.Pid}, nil
}

func (s *supervisor) restart(ready func()) error {
	if err := s.manager.stop(); err != nil {
		return err
	}
	ready()
	return s.up()
}

func (s *supervisor) stop() error {
	return errors.Join(s.manager.stop())
}
