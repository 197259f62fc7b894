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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// source is the service: Python's own web server, which says its version.
const source = `import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = b"%s"

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(VERSION)))
        self.end_headers()
        self.wfile.write(VERSION)

    def log_message(self, *args):
        pass

ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
`

// poll is how often it is looked whether something is there.
const poll = 2 * time.Millisecond

// answer is what a URL answers, "" when it does not.
func answer(ctx context.Context, client *http.Client, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	res, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1000))
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// await returns how long it takes until a URL answers what is wanted.
func await(ctx context.Context, url, want string) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	begun := time.Now()
	for time.Since(begun) < 2*time.Minute {
		got := answer(ctx, client, url)
		if got == want {
			return time.Since(begun), nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		time.Sleep(poll)
	}
	return 0, fmt.Errorf("%s does not answer %q", url, want)
}

// startByHand measures the service's start without aictl.
func startByHand(ctx context.Context, dir string, rounds int) (times []time.Duration, err error) {
	if err := write(dir, "by-hand"); err != nil {
		return nil, err
	}
	for range rounds {
		took, err := startOnce(ctx, dir)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	return times, nil
}

func startOnce(ctx context.Context, dir string) (took time.Duration, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "python3", "main.py")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+strconv.Itoa(port))
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		killed := cmd.Process.Signal(syscall.SIGKILL)
		var exit *exec.ExitError
		if werr := cmd.Wait(); !errors.As(werr, &exit) {
			err = errors.Join(err, werr)
		}
		err = errors.Join(err, killed)
	}()
	if _, err := await(ctx, fmt.Sprintf("http://127.0.0.1:%d/", port), "by-hand"); err != nil {
		return 0, err
	}
	return time.Since(begun), nil
}

// write writes a version of the service.
func write(dir, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(source, strings.ReplaceAll(version, `"`, ""))
	return os.WriteFile(filepath.Join(dir, "main.py"), []byte(text), 0o644)
}
