//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const workersApp = `import os
from fastapi import FastAPI

app = FastAPI()

@app.get("/health")
def health(): return {"status": "ok"}

@app.get("/info")
def info(): return {"pid": os.getpid()}

@app.post("/predict")
def predict(body: dict): return {"pid": os.getpid(), "n": len(body)}
`

// TestServersWithWorkers: the real uvicorn and gunicorn with several workers serve, are known as one instance, and leave
// neither a process nor a listener when they are stopped.
func TestServersWithWorkers(t *testing.T) {
	s := startServer(t)
	requirements := "fastapi==0.115.6\nuvicorn==0.34.0\ngunicorn==23.0.0\n"
	for name, command := range map[string]string{
		"uvi":  "uvicorn app:app --host {host} --port {port} --workers 2",
		"guni": "gunicorn app:app -k uvicorn.workers.UvicornWorker --workers 2 --bind {host}:{port}",
	} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{
			"app.py": workersApp, "requirements.txt": requirements,
			"aictl.yaml": fmt.Sprintf("name: %s\ncommand: %s\n", name, command),
		} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.run("deploy", dir, "--timeout", patience.String())
		s.expectWorkers(name)
		s.run("restart", name)
		port := s.expectWorkers(name)
		s.run("stop", name)
		if left := s.processesOf(name); len(left) > 0 {
			t.Errorf("%s: left after its stop: %v", name, left)
		}
		if conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second); err == nil {
			conn.Close()
			t.Errorf("%s: port %d still listens after its stop", name, port)
		}
	}
}

// expectWorkers looks at a service that runs, and returns its port.
func (s *server) expectWorkers(name string) (port int) {
	s.t.Helper()
	var status struct {
		Services []struct {
			Instances []struct {
				Port, PID, Processes int
				State                string
			}
		}
	}
	s.runJSON(&status, "status", name, "-o", "json")
	if len(status.Services) != 1 || len(status.Services[0].Instances) != 1 {
		s.t.Fatalf("%s: status %+v", name, status)
	}
	i := status.Services[0].Instances[0]
	if i.State != "running" || len(s.processesOf(name)) < 3 {
		s.t.Errorf("%s: %+v with processes %v, want a master and two workers", name, i, s.processesOf(name))
	}
	var answer struct{ N int }
	s.runJSON(&answer, "call", name, "-d", `{"a": 1, "b": 2}`)
	if answer.N != 2 {
		s.t.Errorf("%s answers %+v", name, answer)
	}
	return i.Port
}

// processesOf are the processes that have an instance of the service in their environment.
func (s *server) processesOf(name string) (pids []string) {
	s.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		if bytes.Contains(data, []byte("AICTL_INSTANCE="+name+"/")) && bytes.Contains(data, []byte(s.data)) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}
