package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// pm2 is pm2 from npm, in fork mode. Its limit of 16 quick restarts is lifted.
type pm2 struct {
	prefix string // where npm has put it
	home   string
	apps   string
	noisy  string
}

func (m *pm2) name() string { return "pm2" }

func (m *pm2) version() (string, error) {
	data, err := os.ReadFile(filepath.Join(m.prefix, "node_modules/pm2/package.json"))
	if err != nil {
		return "", fmt.Errorf("%w; run scripts/setup.sh --bench", err)
	}
	var p struct{ Version string }
	return p.Version, json.Unmarshal(data, &p)
}

func (m *pm2) command(args ...string) error {
	argv := append([]string{"node", filepath.Join(m.prefix, "node_modules/pm2/bin/pm2")}, args...)
	_, err := run("", []string{"PM2_HOME=" + m.home, "PM2_DISABLE_VERSION_CHECK=true"}, argv...)
	return err
}

func (m *pm2) setup(p plan) error {
	m.home = filepath.Join(p.dir, "home")
	m.apps, m.noisy = filepath.Join(p.dir, "apps.json"), filepath.Join(p.dir, "noisy.json")
	names := make([]string, p.services)
	for i := range names {
		names[i] = serviceName(i)
	}
	if err := m.configure(p, m.apps, names); err != nil {
		return err
	}
	if err := m.configure(p, m.noisy, []string{noisy}); err != nil {
		return err
	}
	if err := m.command("start", m.apps); err != nil {
		return err
	}
	return m.command("save")
}

func (m *pm2) configure(p plan, file string, names []string) error {
	var apps []map[string]any
	for _, name := range names {
		apps = append(apps, map[string]any{
			"name": name, "script": p.service, "args": p.socket + " " + name, "interpreter": "none",
			"exec_mode": "fork", "max_restarts": 1_000_000,
			"out_file": filepath.Join(p.dir, name+".log"), "error_file": filepath.Join(p.dir, name+".err"),
		})
	}
	data, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

func (m *pm2) startAll() error   { return m.command("start", m.apps) }
func (m *pm2) stopAll() error    { return m.command("stop", m.apps) }
func (m *pm2) startNoisy() error { return m.command("start", m.noisy) }

func (m *pm2) processes() (map[string]int, error) {
	data, err := os.ReadFile(filepath.Join(m.home, "pm2.pid"))
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	return map[string]int{"god": pid}, err
}

func (m *pm2) restart(ready func()) error {
	if err := m.stop(); err != nil {
		return err
	}
	ready()
	return m.command("resurrect")
}

// stop ends pm2's process, which has put itself into the background, and waits until it is gone.
func (m *pm2) stop() error {
	named, err := m.processes()
	if err != nil {
		return nil // it has not come up
	}
	if err := m.command("kill"); err != nil {
		return err
	}
	return poll("pm2 ends", func() bool { return syscall.Kill(named["god"], 0) != nil })
}
