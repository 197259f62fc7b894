package procs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExitsAtOnceUntilFatal(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "exit", "7")
	spec.Restart.GiveUpAfter, spec.Restart.Stable = 3, time.Minute
	if _, err := k.client.Apply(t.Context(), spec, ApplyOptions{Start: true}); err != nil {
		t.Fatal(err)
	}
	status := k.waitStatus(t, "ocr/1", "fatal", inState(StateFatal))
	if status.LastExit.Code != 7 || status.PID != 0 || !strings.Contains(status.Reason, "gave up after 4 failures") {
		t.Errorf("%+v", status)
	}
	if again, err := k.client.Apply(t.Context(), spec, ApplyOptions{Start: true}); err != nil || again.State != StateFatal {
		t.Errorf("applying again starts what gave up: %+v %v", again, err)
	}
	if got := strings.Count(readFile(spec.Log.Path), "ready and gone, no newline\n"); got != 4 {
		t.Errorf("%d unfinished last lines in the log, want 4:\n%s", got, readFile(spec.Log.Path))
	}
}

func TestWhatCannotStart(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	script := filepath.Join(k.dir, "script")
	text := filepath.Join(k.dir, "text")
	notes := filepath.Join(k.dir, "notes")
	for path, body := range map[string]string{script: "#!/no/such/python -u\n", text: "hello\n", notes: "notes\n"} {
		if err := os.WriteFile(path, []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(notes, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		argv []string
		dir  string
		want string
	}{
		"unknown":     {[]string{"no-such-command"}, k.dir, "no such command in PATH=/usr/bin:/bin"},
		"missing":     {[]string{"venv/bin/python"}, k.dir, "venv/bin/python: no such file"},
		"directory":   {[]string{"sh"}, "/no/such/dir", "its directory /no/such/dir does not exist"},
		"interpreter": {[]string{script}, k.dir, "the interpreter in its first line, /no/such/python, does not exist"},
		"text":        {[]string{text}, k.dir, "neither a program for this machine nor a script"},
		"mode":        {[]string{notes}, k.dir, "not executable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spec := Spec{ID: name, Argv: test.argv, Dir: test.dir, Env: []string{"PATH=/usr/bin:/bin"},
				Restart: RestartPolicy{Policy: PolicyNever}}
			status, err := k.client.Apply(t.Context(), spec, ApplyOptions{Start: true})
			if err != nil || status.State != StateFatal || !strings.Contains(status.Reason, test.want) {
				t.Errorf("%+v %v", status, err)
			}
		})
	}
}

func TestApplyRestartsOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "wait")
	first := k.up(t, spec)
	same := spec
	same.Env = append([]string(nil), spec.Env...)
	slices.Reverse(same.Env)
	same.Restart.Backoff = time.Minute
	same.Labels = map[string]string{"release": "r2"}
	second, err := k.client.Apply(t.Context(), same, ApplyOptions{Start: true, Restart: true})
	if err != nil || second.PID != first.PID || second.Labels["release"] != "r2" {
		t.Fatalf("policies and labels restarted it: %+v %v", second, err)
	}
	other := spec
	other.Env = append(spec.Env[:len(spec.Env):len(spec.Env)], "MODEL=large")
	third, err := k.client.Apply(t.Context(), other, ApplyOptions{Start: true})
	if err != nil || third.PID != first.PID || third.Digest != first.Digest {
		t.Fatalf("restarted without being asked to: %+v %v", third, err)
	}
	if _, err := k.client.Apply(t.Context(), other, ApplyOptions{Restart: true}); err != nil {
		t.Fatal(err)
	}
	last := k.waitStatus(t, "ocr/1", "restarted", func(s Status) bool { return s.State == StateRunning && s.PID != first.PID })
	if last.Digest != other.Digest() {
		t.Errorf("digest %s, want that of the new spec", last.Digest)
	}
}

func TestHealthVerdicts(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "wait")
	spec.Checked = true
	status := k.up(t, spec)
	if status.State != StateStarting {
		t.Fatalf("before a verdict: %+v", status)
	}
	verdict := Verdict{ID: "ocr/1", PID: status.PID, StartedAt: status.StartedAt, Healthy: true}
	if err := k.client.Verdict(t.Context(), verdict); err != nil {
		t.Fatal(err)
	}
	k.waitStatus(t, "ocr/1", "running", inState(StateRunning))
	verdict.Healthy, verdict.Reason = false, "GET /health answered 500"
	if err := k.client.Verdict(t.Context(), verdict); err != nil {
		t.Fatal(err)
	}
	status = k.waitStatus(t, "ocr/1", "unhealthy", inState(StateUnhealthy))
	if status.Reason != verdict.Reason {
		t.Errorf("reason %q", status.Reason)
	}
	if _, err := k.client.RestartUnhealthy(t.Context(), "ocr/1", "unhealthy for 30s"); err != nil {
		t.Fatal(err)
	}
	next := k.waitStatus(t, "ocr/1", "restarted", func(s Status) bool { return s.State == StateStarting && s.PID != status.PID })
	if next.Restarts != 1 {
		t.Errorf("%d restarts", next.Restarts)
	}
	verdict.Healthy = true
	if err := k.client.Verdict(t.Context(), verdict); !errors.Is(err, ErrStale) {
		t.Errorf("a verdict on the old process: %v", err)
	}
}

// Ten stubborn services need their whole grace; together they need it once.
func TestManyStopAtTheSameTime(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	var ids []string
	for n := range 10 {
		spec := k.spec(t, fmt.Sprintf("ocr/%d", n), "stubborn")
		spec.Stop.Grace = 2 * time.Second
		k.up(t, spec)
		ids = append(ids, spec.ID)
	}
	began := time.Now()
	results, err := k.client.StopAll(t.Context(), ids, true)
	took := time.Since(began)
	if err != nil || len(results) != 10 {
		t.Fatal(results, err)
	}
	for _, r := range results {
		if r.Err != nil || r.Status.State != StateStopped {
			t.Errorf("%+v", r)
		}
	}
	if took > 15*time.Second {
		t.Errorf("ten stops took %s: one after the other", took)
	}
}

// A shell that dies of the stop signal at once must leave its child the rest of the grace.
func TestGraceIsForTheWholeGroup(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "wait")
		spec.Stop.Grace = time.Minute
		spec.Argv = []string{"/bin/sh", "-c", `trap 'sleep 0.1; echo child said goodbye; exit' TERM; (trap 'sleep 0.2; echo child is done; exit' TERM; echo ready; while :; do sleep 0.02; done) & trap - TERM; wait`}
		k.up(t, spec)
		began := time.Now()
		status, err := k.client.StopWait(t.Context(), "ocr/1")
		if err != nil || !strings.Contains(readFile(spec.Log.Path), "child is done") {
			t.Errorf("%+v %v\n%s", status, err, readFile(spec.Log.Path))
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("stop took %s though all ended by themselves", took)
		}
	})
}

func TestSignals(t *testing.T) {
	t.Parallel()
	k := startKeeper(t)
	spec := k.spec(t, "ocr/1", "wait")
	k.up(t, spec)
	if err := k.client.Signal(t.Context(), "ocr/1", "SIGHUP"); err != nil {
		t.Fatal(err)
	}
	k.waitLog(t, spec, "got hangup")
	if err := k.client.Signal(t.Context(), "ocr/1", "HARD"); !errors.Is(err, ErrInvalidSpec) {
		t.Errorf("unknown signal: %v", err)
	}
	if _, err := k.client.StopWait(t.Context(), "ocr/1"); err != nil {
		t.Fatal(err)
	}
	if err := k.client.Signal(t.Context(), "ocr/1", "HUP"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("signal to a stopped one: %v", err)
	}
	if err := k.client.Signal(t.Context(), "no/1", "HUP"); !errors.Is(err, ErrUnknownInstance) {
		t.Errorf("signal to none: %v", err)
	}
}

func TestUsage(t *testing.T) {
	bothTrees(t, func(t *testing.T, cgroups bool) {
		k := startKeeper(t, withCgroups(cgroups))
		spec := k.spec(t, "ocr/1", "forks")
		spec.Stop.Grace = time.Millisecond
		k.up(t, spec)
		waitFor(t, "three leaves", func() bool { return len(pidsIn(readFile(spec.Log.Path))) == 3 })
		list, err := k.client.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		usage := NewSampler().Sample(append(list, Status{ID: "stopped"}))
		if len(usage) != 1 || usage["ocr/1"].MemoryBytes < 1<<20 || usage["ocr/1"].CPUSeconds < 0 {
			t.Errorf("%+v", usage)
		}
		if files := NewSampler().OpenFiles(append(list, Status{ID: "stopped"})); len(files) != 1 || files["ocr/1"] < 9 {
			t.Errorf("open files %v, of processes with three at least", files)
		}
		if got := usage["ocr/1"].Processes; cgroups && got != 4 || got < 3 {
			t.Errorf("%d processes measured", got)
		}
	})
}
