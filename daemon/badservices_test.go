package daemon_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"aictl/configs"
	"aictl/daemon"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TestBadServices: every way in which a new release can be bad is told, and the old release goes on serving.
func TestBadServices(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	other := strconv.Itoa(r.ports.Last)
	for name, tc := range map[string]struct {
		flags string
		more  string
		want  []string // regular expressions
	}{
		"deaf":       {"-mode deaf", "", []string{`failed at step "health"`, `nothing listens on 127\.0\.0\.1:\d+`, `never going to listen`}},
		"elsewhere":  {"-mode elsewhere", "env: {OTHER_PORT: \"" + other + "\"}", []string{`listens on ` + other + ` instead of \$PORT \(\d+\)`}},
		"exit":       {"-mode exit -code 7", "", []string{`exited with code 7`, `no model file`}},
		"onceonly":   {"-mode exit-after-health", "", []string{`exited with code 1`, `out of memory on the device`}},
		"sick":       {"-mode sick", "", []string{`GET /health answered 500`, `weights\.bin is damaged`}},
		"noprogram":  {"", "command: ./does-not-exist", []string{`does-not-exist`}},
		"badcommand": {"", "command: definitely-no-such-program --x", []string{`"definitely-no-such-program" is neither`}},
		"typo":       {"", "replica: 2", []string{`aictl\.yaml:\d+: replica: .*replicas`}},
		"wrongtype":  {"", "replicas: many", []string{`aictl\.yaml:\d+: replicas: `}},
		"escape":     {"", "subdir: ../../etc", []string{`aictl\.yaml:\d+: subdir: `}},
	} {
		t.Run(name, func(t *testing.T) {
			r.deploy(name, "")
			before := r.instance(name)
			text := "command: " + faultsvc + " " + tc.flags + "\n" + quick + tc.more
			if tc.flags == "" && strings.HasPrefix(tc.more, "command:") {
				text = tc.more
			}
			said := r.fails(1, "deploy", r.manifest(name, text))
			for _, want := range append(tc.want, `still serves|keeps serving|serves`) {
				if !regexp.MustCompile(want).MatchString(said) {
					t.Errorf("the deploy does not say %q:\n%s", want, said)
				}
			}
			r.serves(name, "v1")
			if now := r.instance(name); now.PID != before.PID || now.Restarts != 0 {
				t.Errorf("the old instance was touched: %+v, was %+v", now, before)
			}
			r.must("remove", "--yes", name)
		})
	}
	r.stop()
}

// TestLogsOfBadServices: a flood, a line of 10 MB and bytes that are no text neither stop a service nor fill the disk.
func TestLogsOfBadServices(t *testing.T) {
	t.Parallel()
	r := startRig(t)
	r.deploy("noisy", "", "log: {max_size: 1MB, files: 3}")
	if status, answer, err := r.post("noisy", "/write?bytes=104857600", nil); err != nil || status != 200 {
		t.Fatalf("100 MB of log: %d %s %v", status, answer, err)
	}
	if status, _, err := r.post("noisy", "/print", []byte(strings.Repeat("y", 10<<20)+"\n")); err != nil || status != 200 {
		t.Fatalf("a line of 10 MB: %d %v", status, err)
	}
	if status, _, err := r.post("noisy", "/print", []byte("caf\xe9 \xff\xfe end\n")); err != nil || status != 200 {
		t.Fatalf("no text: %d %v", status, err)
	}
	r.until("the last line is in the log", func() bool { return strings.Contains(r.must("logs", "noisy", "-n", "5"), "end") })
	files, err := filepath.Glob(filepath.Join(r.data, "logs", "noisy", "*"))
	if err != nil || len(files) > 3 {
		t.Fatalf("log files %v, %v", files, err)
	}
	var size int64
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 20<<20 {
		t.Errorf("the logs take %d bytes", size)
	}
	r.serves("noisy", "v1")
	r.stop()
}

// TestPortsExhausted: the message says how full the range is, and the running release is left alone.
func TestPortsExhausted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ports = configs.PortRange{First: r.ports.First, Last: r.ports.First + 1}
	r.start()
	r.deploy("one", "")
	r.deploy("two", "")
	said := r.fails(1, "deploy", r.source("three", ""))
	for _, want := range []string{r.ports.String(), "port"} {
		if !strings.Contains(said, want) {
			t.Errorf("the message does not say %q:\n%s", want, said)
		}
	}
	r.serves("one", "v1")
	r.serves("two", "v1")
	r.stop()
}

// TestRefusals: what no second attempt would mend ends the program with its reason.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*testing.T, *rig)
		want    string
	}{
		"newer schema": {func(t *testing.T, r *rig) {
			r.start()
			r.stop()
			newer(t, r.data)
		}, "newer aictl"},
		"a file in the place of the data directory": {func(t *testing.T, r *rig) {
			if err := os.WriteFile(r.data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "--data-dir"},
		"a key that others can read": {func(t *testing.T, r *rig) {
			r.start()
			r.stop()
			if err := os.Chmod(daemon.Layout{Root: r.data}.Key(), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "chmod"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.t = t
			tc.prepare(t, r)
			said := r.fails(1, "daemon", "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0")
			if !strings.Contains(said, tc.want) {
				t.Errorf("the message does not say %q:\n%s", tc.want, said)
			}
			if left := r.processes(); len(left) > 0 {
				t.Errorf("left running: %v", left)
			}
		})
	}
}

// newer makes the database one of a later version.
func newer(t *testing.T, data string) {
	t.Helper()
	db, err := sql.Open("sqlite3", daemon.Layout{Root: data}.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
}
