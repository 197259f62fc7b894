package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"aictl/procs"
)

func options() Options {
	return Options{
		DataDir: "/data", Listen: "127.0.0.1:7600", GatewayListen: "127.0.0.1:7680", PortLow: 8001, PortHigh: 8010,
		Daemon: func(context.Context) (string, error) { return "1.0.0", nil },
	}
}

func TestSoundMachineHasNothingToMend(t *testing.T) {
	results := Run(t.Context(), sound(), options())
	for _, r := range results {
		if r.Verdict != OK || r.Mend.String() != "" {
			t.Errorf("%s: %s %q, to mend: %q", r.Check, r.Verdict, r.Detail, r.Mend)
		}
	}
	if len(results) != 16 || Worst(results) != OK {
		t.Errorf("%d results, worst %s", len(results), Worst(results))
	}
}

// TestFaults breaks one thing at a time: the check that is about it says so and how to mend it, all others stay happy.
func TestFaults(t *testing.T) {
	noDaemon := func(o *Options) { o.Daemon = func(context.Context) (string, error) { return "", errGone } }
	exit1 := &exec.ExitError{}
	tests := []struct {
		name    string
		spoil   func(*machine)
		options func(*Options)
		check   string
		verdict Verdict
		detail  string
		mend    string
	}{
		{"no python", func(m *machine) { delete(m.programs, "python3") }, nil, "python", Fail, "python3 is not on the PATH", "apt install python3"},
		{"python does not run", func(m *machine) {
			m.outputs["/usr/bin/python3"] = output{"Segmentation fault", exit1}
		}, nil, "python", Fail, "does not run: Segmentation fault", "reinstall"},
		{"no venv", func(m *machine) {
			m.outputs["/usr/bin/python3"] = output{"3.11.2\nModuleNotFoundError: No module named 'ensurepip'", exit1}
		}, nil, "python", Fail, "3.11.2 has no working venv", "python3-venv"},
		{"old python", func(m *machine) { m.outputs["/usr/bin/python3"] = output{text: "3.6.9"} }, nil, "python", Warn, "older than 3.8", "newer"},
		{"no uv", func(m *machine) { delete(m.programs, "uv") }, nil, "uv", Warn, "slower", "pipx install uv"},
		{"no node", func(m *machine) { delete(m.programs, "node") }, nil, "node", Warn, "Node services cannot run", "nodejs"},
		{"no npm", func(m *machine) { delete(m.programs, "npm") }, nil, "node", Warn, "npm is not", "apt install npm"},
		{"no git", func(m *machine) { delete(m.programs, "git") }, nil, "git", Warn, "not on the PATH", "apt install git"},
		{"git does not run", func(m *machine) { m.outputs["/usr/bin/git"] = output{"", exit1} }, nil, "git", Warn, "does not run", "reinstall"},
		{"old git", func(m *machine) { m.outputs["/usr/bin/git"] = output{text: "git version 2.25.1"} }, nil, "git", Warn, "older than 2.31", "newer git"},
		{"address taken", func(m *machine) { m.bind = taken("127.0.0.1:7680") }, noDaemon, "listen", Fail, "127.0.0.1:7680 is taken", "--gateway-listen"},
		{"address not ours", func(m *machine) {
			m.bind = func(addr string) error {
				if addr == "127.0.0.1:7600" {
					return syscall.EADDRNOTAVAIL
				}
				return nil
			}
		}, nil, "listen", Fail, "cannot be listened on", "--listen"},
		{"low port", func(m *machine) {
			m.bind = func(addr string) error {
				if addr == "127.0.0.1:80" {
					return syscall.EACCES
				}
				return nil
			}
		}, func(o *Options) { o.GatewayListen = "127.0.0.1:80" }, "listen", Fail, "may not be listened on", "1024"},
		{"open to the world", nil, func(o *Options) { o.Listen = "0.0.0.0:7600" }, "tls", Warn, "the API listens on 0.0.0.0:7600, which other machines can reach, without TLS", "tls.cert"},
		{"gateway open to the world", nil, func(o *Options) { o.GatewayListen = ":7680" }, "tls", Warn, "the gateway listens on :7680", "gateway_tls.cert"},
		{"open to the world, with TLS that ends", certificate(24 * time.Hour), func(o *Options) { o.Listen, o.TLSCert = "0.0.0.0:7600", "/c.pem" }, "tls", Warn, "ends on 2026-11-22", "renew"},
		{"expired", certificate(-time.Hour), func(o *Options) { o.GatewayTLSCert = "/c.pem" }, "tls", Fail, "has expired on 2026-11-21", "renew"},
		{"no certificate", nil, func(o *Options) { o.GatewayTLSCert = "/c.pem" }, "tls", Fail, "cannot be read", "path"},
		{"no PEM", func(m *machine) { m.files["c.pem"] = &fstest.MapFile{Data: []byte("x")} }, func(o *Options) { o.TLSCert = "/c.pem" }, "tls", Fail, "not in PEM", "openssl"},
		{"no free port", func(m *machine) { m.bind = taken("127.0.0.1:8001") }, func(o *Options) { o.PortHigh = 8001 }, "ports", Fail, "none of the 1", "--ports"},
		{"few free ports", func(m *machine) {
			m.bind = taken("127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003")
		}, func(o *Options) { noDaemon(o); o.PortHigh = 8004 }, "ports", Warn, "only 1 of the 4", "ss -ltnp"},
		{"ports backwards", nil, func(o *Options) { o.PortLow, o.PortHigh = 9000, 8000 }, "ports", Fail, "9000-8000 is not a range", "8001-8999"},
		{"ephemeral ports", nil, func(o *Options) { o.PortLow, o.PortHigh = 40000, 40009 }, "ports", Warn, "overlap 32768-60999", "--ports"},
		{"data dir is a file", func(m *machine) { m.files["data"] = &fstest.MapFile{Mode: 0o600} }, nil, "data-dir", Fail, "not a directory", "--data-dir"},
		{"data dir not ours", func(m *machine) { m.notWritable = map[string]error{"/data": syscall.EACCES} }, nil, "data-dir", Fail, "cannot be written: permission denied", "chown"},
		{"data dir cannot be made", func(m *machine) {
			m.notWritable = map[string]error{"/": syscall.EROFS}
		}, func(o *Options) { o.DataDir = "/new/dir" }, "data-dir", Fail, "cannot be made: read-only", "--data-dir"},
		{"data dir open to all", func(m *machine) { m.files["data"] = &fstest.MapFile{Mode: fs.ModeDir | 0o777} }, nil, "data-dir", Warn, "mode 0777", "chmod 700 /data"},
		{"disk full", func(m *machine) { m.disk.Free = gib / 2 }, nil, "disk", Fail, "0.5 GiB free", "free some room"},
		{"disk nearly full", func(m *machine) { m.disk.Free = 3 * gib }, nil, "disk", Warn, "3.0 GiB free", "free some room"},
		{"no inodes", func(m *machine) { m.disk.FreeInodes = 12 }, nil, "disk", Warn, "only 12 inodes", "small files"},
		{"disk unknown", func(m *machine) { m.diskErr = errors.New("boom") }, nil, "disk", Warn, "cannot be measured: boom", ""},
		{"no files", func(m *machine) { m.hard = 100 }, nil, "open-files", Fail, "at most 100", "LimitNOFILE"},
		{"few files", func(m *machine) { m.hard = 1024 }, nil, "open-files", Warn, "at most 1024", "LimitNOFILE"},
		{"no memory controller", func(m *machine) {
			m.limits[0] = procs.Enforcement{Limit: "memory", Why: errors.New("no memory controller")}
		}, nil, "memory", Warn, "resources.memory is not enforced here: no memory controller", "Delegate=yes"},
		{"a user's pids", func(m *machine) {
			m.uid, m.limits[2] = 1000, procs.Enforcement{Limit: "pids", Why: errors.New("no permission")}
		}, nil, "pids", Warn, "no permission", "run it as root"},
		{"clock in the past", func(m *machine) { m.now = time.Unix(0, 0) }, nil, "clock", Fail, "1970", "timedatectl"},
		{"clock alone", func(m *machine) { m.notSynced = true }, nil, "clock", Warn, "nothing keeps the clock right", "timedatectl"},
		{"no daemon", nil, noDaemon, "daemon", Warn, "connection refused", "aictl daemon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, opts := sound(), options()
			if tt.spoil != nil {
				tt.spoil(m)
			}
			if tt.options != nil {
				tt.options(&opts)
			}
			for _, r := range Run(t.Context(), m, opts) {
				switch {
				case r.Check == tt.check:
					if r.Verdict != tt.verdict || !strings.Contains(r.Detail.String(), tt.detail) || !strings.Contains(r.Mend.String(), tt.mend) {
						t.Errorf("got %s %q, to mend %q; want %s %q, %q", r.Verdict, r.Detail, r.Mend, tt.verdict, tt.detail, tt.mend)
					}
				case r.Verdict != OK && r.Check != "daemon":
					t.Errorf("%s is not happy either: %s %q", r.Check, r.Verdict, r.Detail)
				}
			}
		})
	}
}

// Every limit has its line, and so has what services can run as.
func TestLimitsAreToldOneByOne(t *testing.T) {
	m := sound()
	var told []string
	for _, r := range checkLimits(m) {
		told = append(told, r.Check+": "+r.Detail.String())
	}
	want := []string{"memory: resources.memory is enforced by cgroup v2", "cpus: resources.cpus is enforced by cgroup v2",
		"pids: resources.pids is enforced by cgroup v1", "users: services may run as other users (process.user)"}
	if !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
	m.uid = 1000
	if r := checkLimits(m)[3]; r.Verdict != OK || !strings.Contains(r.Detail.String(), "process.user needs root") {
		t.Errorf("%+v", r)
	}
}

func TestPortsOfARunningDaemonAreNoFault(t *testing.T) {
	m := sound()
	m.bind = taken("127.0.0.1:7600", "127.0.0.1:7680", "127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003")
	opts := options()
	opts.PortHigh = 8004
	if worst := Worst(Run(t.Context(), m, opts)); worst != OK {
		t.Errorf("worst is %s", worst)
	}
}

// TestThisMachine runs the real thing: it must answer every check and leave nothing behind.
func TestThisMachine(t *testing.T) {
	opts := options()
	opts.DataDir = t.TempDir()
	opts.PortHigh = opts.PortLow + 2
	results := Run(t.Context(), Machine{}, opts)
	for _, r := range results {
		if r.Detail.String() == "" || strings.Contains(r.Detail.String(), "%!") || strings.Contains(r.Mend.String(), "%!") {
			t.Errorf("%s: %q, to mend %q", r.Check, r.Detail, r.Mend)
		}
	}
	left, err := fs.Glob(os.DirFS(opts.DataDir), "*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
