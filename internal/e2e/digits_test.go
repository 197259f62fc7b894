//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	examples = "../../examples"
	patience = 5 * time.Minute // a package index may be slow
)

// server is a daemon of the built program on a data directory of its own.
type server struct {
	t       *testing.T
	program string
	data    string
}

func startServer(t *testing.T, env ...string) *server {
	t.Helper()
	program := os.Getenv("AICTL")
	if program == "" {
		t.Fatal("AICTL does not name the program; run make e2e")
	}
	s := &server{t: t, program: program, data: filepath.Join(t.TempDir(), "data")}
	var log bytes.Buffer
	cmd := exec.Command(program, "daemon", "--data-dir", s.data, "--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0", "--ports", "23001-23099")
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopped := make(chan error, 1)
		go func() { stopped <- cmd.Wait() }()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		select {
		case err := <-stopped:
			if err != nil {
				t.Errorf("the daemon ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Errorf("the daemon did not stop within a minute: %v", errors.Join(cmd.Process.Kill(), <-stopped))
		}
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", log.String())
		}
		s.expectNothingLeft()
	})
	s.until("the daemon answers", func() bool { return s.command("status").Run() == nil })
	return s
}

func (s *server) command(args ...string) *exec.Cmd {
	return exec.Command(s.program, append([]string{"--data-dir", s.data, "--lang", "en"}, args...)...)
}

// run expects success and returns stdout.
func (s *server) run(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("aictl %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func (s *server) runJSON(into any, args ...string) {
	s.t.Helper()
	if out := s.run(args...); json.Unmarshal([]byte(out), into) != nil {
		s.t.Fatalf("aictl %s: not JSON: %s", strings.Join(args, " "), out)
	}
}

func (s *server) until(what string, yes func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !yes(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// expectNothingLeft looks for processes that were started from the data directory, where the virtualenvs are.
func (s *server) expectNothingLeft() {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Error(err)
	}
	for _, line := range lines {
		if data, err := os.ReadFile(line); err == nil && bytes.Contains(data, []byte(s.data)) {
			s.t.Errorf("left running: %s: %s", line, bytes.ReplaceAll(data, []byte{0}, []byte{' '}))
		}
	}
}

type predictions struct {
	Predictions []struct {
		Digit int
		Count int
	}
}

func TestDigits(t *testing.T) {
	s := startServer(t)
	dir := filepath.Join(examples, "digits")

	began := time.Now()
	s.run("deploy", dir, "--timeout", patience.String())
	first := time.Since(began)

	var answer predictions
	s.runJSON(&answer, "call", "digits", "-d", "@"+filepath.Join(dir, "samples", "row.json"))
	var digits []int
	for _, p := range answer.Predictions {
		digits = append(digits, p.Digit)
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(digits, want) {
		t.Errorf("digits read %v, want %v", digits, want)
	}

	began = time.Now()
	s.run("deploy", dir, "--timeout", patience.String())
	if second := time.Since(began); second > first {
		t.Errorf("the second deploy took %s, the first %s: the environment was not used again", second, first)
	}
	environments, err := filepath.Glob(filepath.Join(s.data, "envs", "*", "pyvenv.cfg"))
	if err != nil || len(environments) != 1 {
		t.Errorf("environments: %v (%v), want one", environments, err)
	}
	s.expectRecord("digits", 200)
}

// TestUpload sends a file, as a browser would, and finds it recorded.
func TestUpload(t *testing.T) {
	s := startServer(t)
	dir := filepath.Join(examples, "blob-detect")
	s.run("deploy", dir, "--timeout", patience.String())
	var answer predictions
	s.runJSON(&answer, "call", "blob-detect", "-F", "image=@"+filepath.Join(dir, "samples", "coins.png"))
	if len(answer.Predictions) != 1 || answer.Predictions[0].Count != 8 {
		t.Errorf("got %+v, want eight objects", answer)
	}
	s.expectRecord("blob-detect", 200)
	if out, err := s.command("call", "blob-detect", "-d", "{}").CombinedOutput(); err == nil || !strings.Contains(string(out), "input_data must be") {
		t.Errorf("a call without an image: %v\n%s", err, out)
	}
	s.expectRecord("blob-detect", 422)
}

// expectRecord waits until the newest record of a service has the status: records are written in batches.
func (s *server) expectRecord(service string, status int) {
	s.t.Helper()
	var list struct {
		Records []struct {
			Service, Path string
			Status        int
		}
	}
	s.until("the call is recorded", func() bool {
		s.runJSON(&list, "records", "list", "--service", service, "-o", "json")
		return len(list.Records) > 0 && list.Records[0].Status == status && list.Records[0].Path == "/predict"
	})
}
