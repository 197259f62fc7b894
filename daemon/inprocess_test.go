package daemon_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"aictl/configs"
	"aictl/daemon"
	"aictl/procs"
)

// TestInProcess runs keeper and daemon inside the test, on ports the kernel chooses, and wants nothing left of them.
func TestInProcess(t *testing.T) {
	before := goleak.IgnoreCurrent()
	fds := openFiles(t)
	dir, err := os.MkdirTemp("", "aictl-in-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	quiet := slog.New(slog.DiscardHandler)

	keeper, err := procs.NewKeeper(procs.KeeperConfig{RunDir: filepath.Join(dir, "run"), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	keeping, stopKeeper := context.WithCancel(context.Background())
	kept := make(chan error, 1)
	go func() { kept <- keeper.Run(keeping) }()

	settings := configs.DefaultSettings()
	settings.DataDir = dir
	listeners := map[string]net.Listener{"api": listen(t), "gateway": listen(t)}
	api, gate := "http://"+listeners["api"].Addr().String(), "http://"+listeners["gateway"].Addr().String()
	d, err := daemon.New(t.Context(), daemon.Config{Settings: settings, Listeners: listeners, Version: "test", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	running, stopDaemon := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(running) }()

	token, err := os.ReadFile(filepath.Join(dir, "api.token"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		url, token string
		want       int
	}{
		{api + "/healthz", "", 200},
		{api + "/api/v1/openapi.json", "", 200},
		{api + "/api/v1/services", "", 401},
		{api + "/api/v1/services", "wrong", 401},
		{api + "/api/v1/services", strings.TrimSpace(string(token)), 200},
		{gate + "/ai/nobody/predict", "", 404},
	} {
		if got := ask(t, tc.url, tc.token); got != tc.want {
			t.Errorf("GET %s with token %.8q: %d, want %d", tc.url, tc.token, got, tc.want)
		}
	}
	stopDaemon()
	if err := <-ran; err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	stopKeeper()
	if err := <-kept; err != nil {
		t.Errorf("the keeper ended with %v", err)
	}
	plain.CloseIdleConnections()
	goleak.VerifyNone(t, before)
	if now := openFiles(t); now > fds {
		t.Errorf("%d open files, %d before", now, fds)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// ask waits for an answer: the daemon may only be about to serve.
func ask(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	res, err := plain.Do(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
