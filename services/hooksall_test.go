package services

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/configs"
)

// run starts the hooks' workers until the test ends.
func (h *hooks) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	wait := h.start(ctx)
	t.Cleanup(func() {
		cancel()
		wait()
	})
}

func awaitHooks(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

func TestHooksForEveryService(t *testing.T) {
	t.Setenv("AICTL_GITEA_TOKEN", "hunter2")
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(body))
		if err != nil {
			got = append(got, err.Error())
		}
	}))
	defer server.Close()
	out := filepath.Join(t.TempDir(), "out")
	h := testHooks()
	h.run(t)
	list := []configs.DaemonHook{
		{Events: []string{"fatal", "config.refused"}, URL: server.URL + "/x"},
		{Events: []string{"*"}, Services: []string{"ocr*"}, Command: `sh -c 'env > "$0.part"; mv "$0.part" "$0"' ` + out},
	}
	h.all.Store(&list)
	h.offer(Event{Kind: EventInstanceFatal, Service: "text", Instance: "text/1"}, nil)
	h.offer(Event{Kind: EventInstanceStarted, Service: "text", Instance: "text/1"}, nil) // nobody's
	h.offer(Event{Kind: EventConfigRefused, Reason: "line 3"}, nil)
	h.offer(Event{Kind: EventInstanceStarted, Service: "ocr-2", Instance: "ocr-2/1"}, nil)
	awaitHooks(t, "all hooks", func() bool { return h.counts.ok.Load() == 3 })
	mu.Lock()
	all := strings.Join(got, "\n")
	mu.Unlock()
	if len(got) != 2 || !strings.Contains(all, `"service":"text"`) || !strings.Contains(all, `"reason":"line 3"`) {
		t.Errorf("posted %q", got)
	}
	env, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(env), "AICTL_EVENT_SERVICE=ocr-2\n") || !strings.Contains(string(env), "PATH=") {
		t.Errorf("%s, %v", env, err)
	}
	if strings.Contains(string(env), "hunter2") {
		t.Error("a command of the settings got a secret of aictl's")
	}
	h.all.Store(new([]configs.DaemonHook))
	h.offer(Event{Kind: EventInstanceFatal, Service: "text"}, nil)
	if len(h.queue) > 0 {
		t.Error("a hook that is gone was queued")
	}
}

// Addresses of hooks often are the secret themselves.
func TestHookFailuresKeepSecrets(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	answers := server.URL
	defer server.Close()
	var log bytes.Buffer
	var mu sync.Mutex
	h := newHooks(slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), nil)))
	h.pauses = nil
	h.run(t)
	list := []configs.DaemonHook{
		{Events: []string{"*"}, URL: answers + "/T0/hunter2"},
		{Events: []string{"*"}, URL: "http://u:hunter2@127.0.0.1:1/hunter2?token=hunter2"},
		{Events: []string{"*"}, Command: "false --token hunter2"},
	}
	h.all.Store(&list)
	h.offer(Event{Kind: EventInstanceFatal, Service: "ocr"}, nil)
	awaitHooks(t, "three failures", func() bool { return h.counts.failed.Load() == 3 })
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log tells a secret:\n%s", &log)
	}
	for _, want := range []string{"404", "connection refused", "exit status 1", answers} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, &log)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestEventCounts(t *testing.T) {
	var e Events
	for _, ev := range []Event{
		{Kind: EventInstanceStarted, Service: "a", Fields: map[string]string{"restarts": "0"}},
		{Kind: EventInstanceExited, Service: "a"},
		{Kind: EventInstanceStarted, Service: "a", Fields: map[string]string{"restarts": "1"}},
		{Kind: EventInstanceStarted, Service: "b", Fields: map[string]string{"restarts": "2"}},
		{Kind: EventConfigRefused},
		{Kind: EventServiceRemoved, Service: "b"},
	} {
		e.Publish(ev)
	}
	got := e.Counts()
	for k, want := range map[EventCount]int64{
		{EventInstanceStarted, "a"}: 2, {EventInstanceExited, "a"}: 1, {EventConfigRefused, ""}: 1,
		{EventServiceRemoved, "b"}: 1, {EventInstanceStarted, "b"}: 0,
	} {
		if got.Events[k] != want {
			t.Errorf("%v: %d, want %d", k, got.Events[k], want)
		}
	}
	if got.Restarts["a"] != 1 || got.Restarts["b"] != 0 {
		t.Errorf("restarts %v", got.Restarts)
	}
	var h hookCounts
	h.done(nil)
	h.done(errors.New("x"))
	if h.ok.Load() != 1 || h.failed.Load() != 1 {
		t.Error("hooks are miscounted")
	}
}
