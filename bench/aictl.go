package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// aictl is the program built from this tree, with HTTP health checks of every service at the default interval.
type aictl struct {
	program string
	data    string
	log     string
	keeper  *background
	before  int64 // recorded before a load
}

func (a *aictl) name() string { return "aictl" }

func (a *aictl) version() (string, error) {
	out, err := run("", nil, a.program, "version")
	if fields := strings.Fields(out); err == nil && len(fields) > 1 {
		return fields[1], nil
	}
	return out, err
}

func (a *aictl) setup(p plan) error {
	a.data, a.log = filepath.Join(p.dir, "data"), filepath.Join(p.dir, "manager.log")
	if err := a.up(); err != nil {
		return err
	}
	var deploys errgroup.Group
	deploys.SetLimit(4)
	for i := range p.services {
		deploys.Go(func() error { return a.deploy(p, serviceName(i), "") })
	}
	deploys.Go(func() error { return a.deploy(p, noisy, "health: none\n") })
	if err := deploys.Wait(); err != nil {
		return err
	}
	_, err := a.command("stop", "*")
	return err
}

// deploy makes a service of a directory that holds nothing but a manifest.
func (a *aictl) deploy(p plan, name, more string) error {
	dir := filepath.Join(p.dir, "services", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	manifest := fmt.Sprintf("name: %s\nruntime: command\ncommand: %s %s %s\n%s", name, p.service, p.socket, name, more)
	if err := os.WriteFile(filepath.Join(dir, "aictl.yaml"), []byte(manifest), 0o600); err != nil {
		return err
	}
	_, err := a.command("deploy", dir)
	return err
}

func (a *aictl) up() error {
	var err error
	a.keeper, err = startBackground(a.log, nil, a.program, "daemon", "--data-dir", a.data,
		"--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ports", "20001-21999")
	if err != nil {
		return err
	}
	return poll("aictl's daemon answers", func() bool {
		_, err := a.command("status")
		return err == nil
	})
}

func (a *aictl) command(args ...string) (string, error) {
	return run("", nil, append([]string{a.program, "--data-dir", a.data}, args...)...)
}

func (a *aictl) startAll() error {
	_, err := a.command("start", prefix+"*")
	return err
}

func (a *aictl) stopAll() error {
	_, err := a.command("stop", prefix+"*")
	return err
}

func (a *aictl) startNoisy() error {
	_, err := a.command("start", noisy)
	return err
}

func (a *aictl) processes() (map[string]int, error) {
	keeper := a.keeper.cmd.Process.Pid
	worker, err := a.worker()
	return map[string]int{"keeper": keeper, "daemon": worker}, err
}

// worker is the child of the keeper that is not a service.
func (a *aictl) worker() (int, error) {
	pids, err := children(a.keeper.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(argv), "\x00--worker") {
			return pid, nil
		}
	}
	return 0, errors.New("the keeper has no daemon")
}

func (a *aictl) restart(ready func()) error {
	if err := a.keeper.stop(); err != nil {
		return err
	}
	ready()
	return a.up()
}

func (a *aictl) stop() error { return a.keeper.stop() }

// killDaemon kills the daemon and returns once its successor has answered a request that was sent right after: the connection
// waits in the listener that the keeper holds.
func (a *aictl) killDaemon() (time.Duration, error) {
	var state struct{ API string }
	data, err := os.ReadFile(filepath.Join(a.data, "run", "daemon.json"))
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		return 0, err
	}
	pid, err := a.worker()
	if err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	began := time.Now()
	if err := kill(pid); err != nil {
		return 0, err
	}
	for {
		answer, err := client.Get(state.API + "/healthz")
		switch {
		case err == nil && answer.StatusCode == http.StatusOK:
			return time.Since(began), answer.Body.Close()
		case err == nil:
			return 0, errors.Join(fmt.Errorf("/healthz answers %s", answer.Status), answer.Body.Close())
		case time.Since(began) > time.Minute || errors.Is(err, syscall.ECONNREFUSED):
			return 0, err
		}
		// The kill took a while, and the old daemon had accepted the connection: the next one is its successor's.
	}
}

// places are the gateway's address of a service and its only instance's own.
func (a *aictl) places(name string) (gateway, instance string, err error) {
	out, err := a.command("status", name, "-o", "json")
	if err != nil {
		return "", "", err
	}
	var doc struct {
		Services []struct {
			URL       string
			Instances []struct{ Port int }
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		return "", "", err
	}
	if len(doc.Services) != 1 || len(doc.Services[0].Instances) != 1 {
		return "", "", fmt.Errorf("status of %s: %s", name, out)
	}
	s := doc.Services[0]
	return s.URL, fmt.Sprintf("127.0.0.1:%d", s.Instances[0].Port), nil
}
