package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/api"
)

// now is the time of every test.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// result is what a run of the program did.
type result struct {
	code     int
	out, err string
}

// program runs the command line with an environment of its own.
type program struct {
	env   map[string]string
	in    io.Reader
	width int // a terminal of so many columns; 0 is none
}

func (p program) run(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs safeBuffer
	in := p.in
	if in == nil {
		in = strings.NewReader("")
	}
	env := map[string]string{"HOME": t.TempDir()}
	if p.width > 0 {
		env["AICTL_FORCE_TTY"] = itoa(p.width)
	}
	for k, v := range p.env {
		env[k] = v
	}
	a := newApp(in, &out, &errs, func(k string) string { return env[k] })
	a.now = func() time.Time { return now }
	return result{a.main(args), out.String(), errs.String()}
}

func itoa(n int) string { return strconv.Itoa(n) }

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// safeBuffer may be written by spinners and commands at once.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// server is a daemon made of answers. What is asked of it is noted.
type server struct {
	*httptest.Server
	mux   *http.ServeMux
	mu    sync.Mutex
	asked []string // "POST /api/v1/actions {…}"
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{mux: http.NewServeMux()}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
		s.mu.Unlock()
		s.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// answer makes pattern ("GET /api/v1/services") answer v as JSON, or as a problem when it is one.
func (s *server) answer(pattern string, v any) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		if p, ok := v.(*api.Error); ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(p.Status)
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		io.WriteString(w, jsonOf(v))
	})
}

// stream makes pattern answer one line of JSON for each value.
func (s *server) stream(pattern string, values ...any) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		for _, v := range values {
			io.WriteString(w, jsonOf(v)+"\n")
		}
	})
}

func (s *server) run(t *testing.T, args ...string) result {
	t.Helper()
	return program{env: map[string]string{"AICTL_SERVER": s.URL}}.run(t, args...)
}

// runTTY runs it on a terminal of so many columns.
func (s *server) runTTY(t *testing.T, width int, args ...string) result {
	t.Helper()
	return program{env: map[string]string{"AICTL_SERVER": s.URL}, width: width}.run(t, args...)
}

func (s *server) sawRequest(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, got := range s.asked {
		if strings.Contains(got, want) {
			return
		}
	}
	t.Errorf("the server was not asked %q, but %q", want, s.asked)
}

func (r result) want(t *testing.T, code int, out, errs []string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, text := range out {
		if !strings.Contains(r.out, text) {
			t.Errorf("stdout lacks %q", text)
		}
	}
	for _, text := range errs {
		if !strings.Contains(r.err, text) {
			t.Errorf("stderr lacks %q", text)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", r.out, r.err)
	}
}

func problemOf(status int, code, detail string) *api.Error {
	return &api.Error{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// ocr is a running service with two instances, and 分类 one in trouble.
func fleet() api.ServiceList {
	return api.ServiceList{SchemaVersion: 1, Services: []api.Service{
		{Name: "ocr", State: "running", Health: "healthy", Replicas: 2, Ready: 2, Release: api.ReleaseRef{ID: "r3-1a2b3c4d", Commit: "1a2b3c4d5e6f"},
			URL: "http://127.0.0.1:7680/ai/ocr", Detail: &api.ServiceDetail{Wanted: "running", Groups: []string{"vision"}},
			Instances: []api.Instance{
				{ID: "ocr/1", PID: 11, Port: 8001, State: "running", Health: "healthy", UptimeSeconds: 3725, MemoryBytes: 50 << 20, CPUPercent: 1.5, Detail: &api.InstanceDetail{Release: "r3-1a2b3c4d", Live: true}},
				{ID: "ocr/2", PID: 12, Port: 8002, State: "running", Health: "healthy", UptimeSeconds: 60, Restarts: 2, MemoryBytes: 30 << 20, CPUPercent: 0.5, Detail: &api.InstanceDetail{Release: "r3-1a2b3c4d", Live: true}},
			}},
		{Name: "分类", State: "backoff", Health: "starting", Replicas: 1, Release: api.ReleaseRef{ID: "r1-ffff0000", Commit: "ffff00001111"},
			URL: "http://127.0.0.1:7680/ai/分类", Reason: "exited with code 1 twice; next start in 4s", Detail: &api.ServiceDetail{Wanted: "running", Reason: "exited with code 1 twice; next start in 4s"},
			Instances: []api.Instance{{ID: "分类/1", Port: 8003, State: "backoff", Restarts: 5, Detail: &api.InstanceDetail{Reason: "exited with code 1", Live: true}}}},
	}}
}
