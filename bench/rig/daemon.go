// Package rig starts aictl's real program for measurements and tells what its processes take.
package rig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Daemon is a keeper with its daemon, started by Start.
type Daemon struct {
	Program string
	Data    string // its data directory
	Gateway string // host:port
	API     string // host:port
	Token   string

	cmd   *exec.Cmd
	ended chan error
}

// Start starts program with its data below dir and free ports of the range "first-last" for services, and returns once it
// answers. env is added to this process's environment.
func Start(program, dir, ports string, env ...string) (*Daemon, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	d := &Daemon{Program: program, Data: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	d.cmd = exec.Command(program, "daemon", "--data-dir", d.Data, "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ports", ports)
	d.cmd.Env = append(os.Environ(), env...)
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.cmd.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := d.Command("status")
		if err == nil {
			return d, d.place()
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("the daemon does not answer: %w", err), d.Stop())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// place reads where the daemon listens.
func (d *Daemon) place() error {
	var state struct{ API, Gateway string }
	data, err := os.ReadFile(filepath.Join(d.Data, "run", "daemon.json"))
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(d.Data, "api.token"))
	d.API, d.Gateway, d.Token = bare(state.API), bare(state.Gateway), strings.TrimSpace(string(token))
	return err
}

func bare(address string) string {
	return strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
}

// Command runs a command of aictl's against the daemon and returns what it printed.
func (d *Daemon) Command(args ...string) (string, error) {
	var out, said bytes.Buffer
	cmd := exec.Command(d.Program, append([]string{"--data-dir", d.Data}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("aictl %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

// Stop ends the daemon and everything it runs.
func (d *Daemon) Stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-d.ended:
		return err
	case <-time.After(time.Minute):
		return errors.Join(errors.New("the daemon did not stop within a minute"), d.cmd.Process.Kill())
	}
}

// Worker is the pid of the process of the keeper's that does the work.
func (d *Daemon) Worker() (int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", d.cmd.Process.Pid)) // by the thread that started them
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(data)) {
			argv, err := os.ReadFile("/proc/" + field + "/cmdline")
			if err == nil && strings.Contains(string(argv), "\x00--worker") {
				return strconv.Atoi(field)
			}
		}
	}
	return 0, errors.New("the keeper has no daemon")
}
