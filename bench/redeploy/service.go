package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// beService is the service that is deployed: this program, asked to serve. It finishes what it has when it is to stop.
func beService(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/predict", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			return // the caller is gone
		}
	})
	for _, path := range []string{"/health", "/info"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	}
	srv := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		done <- srv.Shutdown(context.Background())
	}()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}

// source writes what is deployed; n makes it another version.
func source(dir, name, manifest string, n int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("name: %s\nruntime: command\ncommand: %s -serve\nreplicas: 2\nhealth: {path: /health, interval: 200ms, timeout: 1s, start_period: 10s, failures: 3}\nenv: {VERSION: \"%d\"}\n%s",
		name, self, n, manifest)
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "aictl.yaml"), []byte(text), 0o644))
}

// ownStart is how long the service takes from its start until it answers.
func ownStart(ctx context.Context) (took time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "-serve")
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+port)
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) }()
	for deadline := begun.Add(30 * time.Second); time.Now().Before(deadline); {
		res, err := http.Get("http://127.0.0.1:" + port + "/health")
		if err == nil {
			return time.Since(begun), res.Body.Close()
		}
		time.Sleep(time.Millisecond)
	}
	return 0, errors.New("the service does not start")
}

// load is clients that ask until stop, each on a connection of its own, as fast as they get answers.
type load struct {
	ok, failed atomic.Int64
	last       atomic.Value // of the failures, a string
	end        context.CancelFunc
	wg         sync.WaitGroup
}

func start(ctx context.Context, url string, clients int) *load {
	l := &load{}
	ctx, l.end = context.WithCancel(ctx)
	for range clients {
		l.wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				l.ask(client, url)
			}
		})
	}
	return l
}

func (l *load) ask(client *http.Client, url string) {
	res, err := client.Post(url, "application/json", http.NoBody)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		err = errors.Join(err, res.Body.Close())
		if err == nil && res.StatusCode != http.StatusOK {
			err = errors.New(res.Status)
		}
	}
	if err != nil {
		l.failed.Add(1)
		l.last.Store(err.Error())
		return
	}
	l.ok.Add(1)
}

// stop may be called again.
func (l *load) stop() {
	l.end()
	l.wg.Wait()
}
