package services

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aictl/configs"
	"aictl/procs"
)

func testHooks() *hooks {
	h := newHooks(slog.New(slog.DiscardHandler))
	h.pauses = []time.Duration{time.Millisecond, time.Millisecond}
	return h
}

func testJob(t *testing.T, command string) hookJob {
	return hookJob{
		hook: configs.StateHook{Command: command}, dir: t.TempDir(), env: []string{"PATH=/usr/bin:/bin", "MODEL=base"},
		event: Event{Seq: 7, Kind: EventInstanceFatal, Service: "ocr", Instance: "ocr/1", Reason: "gave up", Fields: map[string]string{"a": "b"}},
	}
}

func TestHookCommand(t *testing.T) {
	job := testJob(t, `sh -c 'echo "$AICTL_EVENT_KIND $AICTL_EVENT_INSTANCE $MODEL"; cat'`)
	job.hook.Command = strings.Replace(job.hook.Command, "; cat", "> out; cat > in", 1)
	if err := testHooks().do(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(filepath.Join(job.dir, "out"))
	if err != nil || string(out) != "instance.fatal ocr/1 base\n" {
		t.Errorf("%q, %v", out, err)
	}
	in, err := os.ReadFile(filepath.Join(job.dir, "in"))
	var ev Event
	if err != nil || json.Unmarshal(in, &ev) != nil || ev.Seq != 7 || ev.Reason != "gave up" || ev.Fields["a"] != "b" {
		t.Errorf("%q, %v", in, err)
	}
}

func TestHookCommandThatFails(t *testing.T) {
	for command, want := range map[string]string{
		`sh -c 'echo no such channel >&2; exit 3'`: "exit status 3; it wrote: no such channel",
		"no-such-program":                          "executable file not found",
		"./missing.sh":                             "no such file",
	} {
		if err := testHooks().do(t.Context(), testJob(t, command)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", command, err, want)
		}
	}
}

// TestHookCommandLeavesNothing: neither one that takes too long nor what one has started in the background goes on.
func TestHookCommandLeavesNothing(t *testing.T) {
	for name, command := range map[string]string{
		"too slow":   `sh -c 'sleep 600 & echo $! > pid; wait'`,
		"background": `sh -c 'sleep 600 > /dev/null 2>&1 & echo $! > pid'`,
	} {
		t.Run(name, func(t *testing.T) {
			h, job := testHooks(), testJob(t, command)
			if name == "too slow" {
				h.limit = 300 * time.Millisecond
			}
			err := h.do(t.Context(), job)
			if late := err != nil && strings.Contains(err.Error(), "took longer than 300ms"); late != (name == "too slow") {
				t.Errorf("error %v", err)
			}
			text, err := os.ReadFile(filepath.Join(job.dir, "pid"))
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the background process ends", func() bool {
				stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
				return err != nil || strings.Contains(string(stat), ") Z ") || syscall.Kill(pid, 0) != nil
			})
		})
	}
}

func TestHookPost(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []int
		calls   int
		ok      bool
	}{
		{"at once", []int{204}, 1, true},
		{"at the third try", []int{500, 503, 200}, 3, true},
		{"never", []int{500, 500, 404, 200}, 3, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || !strings.Contains(string(body), `"kind":"instance.fatal"`) || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %q %v", r.Method, body, err)
				}
				w.WriteHeader(tc.answers[calls])
				calls++
			}))
			defer srv.Close()
			job := testJob(t, "")
			job.hook.URL = srv.URL
			if err := testHooks().do(t.Context(), job); (err == nil) != tc.ok || calls != tc.calls {
				t.Errorf("%d calls, %v", calls, err)
			}
		})
	}
}

// lockedText is a log that several goroutines write.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestHooksNeverBlock: with a receiver that does not answer, more events than there is room for are dropped and told.
func TestHooksNeverBlock(t *testing.T) {
	answer, asked := make(chan struct{}), make(chan struct{}, waitingHooks+hooksAtOnce)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-answer
	}))
	defer srv.Close()
	var text lockedText
	h := newHooks(slog.New(slog.NewTextHandler(&text, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	wait := h.start(ctx)
	i := &instance{man: configs.Manifest{Hooks: configs.Hooks{On: []configs.StateHook{{Events: []string{"fatal"}, URL: srv.URL}}}}}
	for range hooksAtOnce { // everyone who runs hooks is busy
		h.offer(Event{Kind: EventInstanceFatal}, i)
		<-asked
	}
	begun := time.Now()
	for range waitingHooks + 50 {
		h.offer(Event{Kind: EventInstanceFatal}, i)
		h.offer(Event{Kind: EventInstanceStarted}, i) // not wanted
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("offering took %s", took)
	}
	if n := h.dropped.Load(); n != 50 {
		t.Errorf("%d dropped", n)
	}
	close(answer)
	eventually(t, "the drops are told", func() bool { return strings.Contains(text.String(), "state hooks dropped") })
	cancel()
	wait()
}

// TestHooksOfAService: an instance's own, and the live release's for the service.
func TestHooksOfAService(t *testing.T) {
	got := make(chan Event, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var ev Event
		if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
			t.Error(err)
		}
		got <- ev
	}))
	defer srv.Close()
	r := newRig(t)
	rel := r.release(t, "ocr", func(m *configs.Manifest) {
		m.Hooks.On = []configs.StateHook{{Events: []string{"exited", "deploy.failed", "service.stopped"}, URL: srv.URL}}
	})
	rows, err := r.Launch(t.Context(), "ocr", rel.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Switch(t.Context(), "ocr", rel.ID, idsOf(rows)); err != nil {
		t.Fatal(err)
	}
	seen := func(kind EventKind) Event {
		t.Helper()
		select {
		case ev := <-got:
			if ev.Kind != kind {
				t.Fatalf("told of %+v, want %s", ev, kind)
			}
			return ev
		case <-time.After(30 * time.Second):
			t.Fatalf("not told of %s", kind)
		}
		return Event{}
	}
	r.Tell(Event{Kind: EventDeploy + "failed", Service: "ocr", Reason: "pip failed"})
	if ev := seen("deploy.failed"); ev.Reason != "pip failed" || ev.Release != rel.ID {
		t.Errorf("told %+v", ev)
	}
	r.keeper.mu.Lock()
	r.keeper.servers["ocr/1"].Close()
	r.keeper.set("ocr/1", func(s *procs.Status) {
		s.State, s.PID, s.LastExit = procs.StateBackoff, 0, &procs.Exit{At: time.Now(), Code: 3}
	})
	r.keeper.mu.Unlock()
	if ev := seen(EventInstanceExited); ev.Fields["code"] != "3" || ev.Instance != "ocr/1" {
		t.Errorf("told %+v", ev)
	}
	if err := r.Stop(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	seen(EventServiceStopped)
}

// TestHookEventsExist: every event that a manifest may name is one that is published.
func TestHookEventsExist(t *testing.T) {
	kinds := map[string]bool{}
	for _, k := range []EventKind{
		EventInstanceStarted, EventInstanceHealthy, EventInstanceUnhealthy, EventInstanceExited, EventInstanceBackoff,
		EventInstanceFatal, EventInstanceStopped, EventServiceStarted, EventServiceStopped, EventServiceScaled,
		EventJobStarted, EventJobSucceeded, EventJobFailed, EventJobSkipped, EventJobStopped,
		EventCanaryStarted, EventCanaryChanged, EventCanaryUnhealthy, EventCanaryHealthy, EventCanaryPromoted, EventCanaryEnded,
		EventShadowStarted, EventShadowChanged, EventShadowEnded,
	} {
		kinds[strings.TrimPrefix(string(k), "instance.")] = true
	}
	for _, name := range configs.HookEvents {
		if !kinds[name] && !strings.HasPrefix(name, string(EventDeploy)) {
			t.Errorf("nothing publishes %s", name)
		}
		delete(kinds, name)
	}
	if len(kinds) > 0 {
		t.Errorf("no hook can have %v", kinds)
	}
}
