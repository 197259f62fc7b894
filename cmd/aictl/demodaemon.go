package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"aictl/api"
)

// demoDaemon is the demo's keeper, a child of this process.
type demoDaemon struct {
	dir  string // data directory
	log  string
	cmd  *exec.Cmd
	exit error         // once gone is closed
	gone chan struct{} // closed when it has exited
}

const (
	daemonStart = 30 * time.Second
	daemonStop  = 60 * time.Second
)

// startDaemon starts `aictl daemon` on addresses of its own choice and waits until it answers.
func (a *app) startDaemon(ctx context.Context, dir, ports string) (*demoDaemon, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &demoDaemon{dir: dir, log: filepath.Join(dir, "daemon.log"), gone: make(chan struct{})}
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	d.cmd = exec.Command(self, "daemon", "--data-dir", dir, "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ports", ports)
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.Env = demoEnv(os.Environ())
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is the demo's to handle
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	go func() { // ends with the process, for which stop waits
		d.exit = d.cmd.Wait()
		close(d.gone)
	}()
	spin := a.spin(a.t("starting the daemon"))
	err = d.ready(ctx, a)
	spin.stop()
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// demoEnv is the environment without settings that are meant for another daemon.
func demoEnv(env []string) []string {
	kept := make([]string, 0, len(env))
	for _, kv := range env {
		if !strings.HasPrefix(kv, "AICTL_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// ready waits until the daemon is well, has died, or the time is up.
func (d *demoDaemon) ready(ctx context.Context, a *app) error {
	client, err := api.NewClient(api.Target{Socket: filepath.Join(d.dir, "run", "api.sock")})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, daemonStart)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := client.Health(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.gone:
			return d.died(a)
		case <-ctx.Done():
			return a.errorf("the daemon is not ready after %s: %w\n%s", shortDuration(daemonStart), err, d.lastLog())
		case <-tick.C:
		}
	}
}

func (d *demoDaemon) died(a *app) error {
	reason := "exit status 0"
	if d.exit != nil {
		reason = d.exit.Error()
	}
	return a.errorf("the daemon ended by itself (%s); its last lines:\n%s", reason, d.lastLog())
}

func (d *demoDaemon) lastLog() string {
	content, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return indent(string(bytes.Join(lines[max(0, len(lines)-keptLines):], []byte("\n"))))
}

// stop ends the keeper, and with it everything below.
func (d *demoDaemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the daemon: %w", err)
	}
	timeout := time.NewTimer(daemonStop)
	defer timeout.Stop()
	select {
	case <-d.gone:
		return nil
	case <-timeout.C:
	}
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the daemon: %w", err)
	}
	<-d.gone
	return fmt.Errorf("the daemon did not stop in %s and was killed; its services may still run", shortDuration(daemonStop))
}
