package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aictl/recorder"
	"aictl/store/records"
)

// recording is the API over a real recorder and archive.
type recording struct {
	archive  *records.Archive
	recorder *recorder.Recorder
	handler  http.Handler
}

func newRecording(t testing.TB) *recording {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	archive, err := records.Open(t.TempDir(), records.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	rec := recorder.New(archive, recorder.Options{Logger: quiet})
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- rec.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
	})
	s := newServer(t, newBackend())
	s.deps.Ingest, s.deps.Records, s.deps.Recorder, s.deps.Now = recorder.NewIntake(archive, rec), archive, rec, time.Now
	return &recording{archive, rec, s.Handler(false)}
}

// all are the stored records by path and request body.
func (r *recording) all(t *testing.T) (found []records.Exchange) {
	t.Helper()
	warnings, err := r.archive.Each(t.Context(), records.Filter{}, func(x *records.Exchange) error {
		found = append(found, *x)
		return nil
	})
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	return found
}

// python is a script of testdata/python, told where the server is.
func python(t *testing.T, script, url string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed: apt-get install python3")
	}
	client, err := filepath.Abs("../clients/python")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "-W", "error", filepath.Join("testdata/python", script))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+client, "PYTHONDONTWRITEBYTECODE=1", "AICTL_SERVER="+url, "AICTL_TOKEN="+testToken, "no_proxy=*")
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

type clientStats struct{ Queued, Stored, Rejected, Dropped, Waiting, Retries int }

// TestPythonDelivers: a server that is not ready, one that loses its answer, one that breaks off, and one that is
// restarted. Everything arrives, and nothing twice.
func TestPythonDelivers(t *testing.T) {
	r := newRecording(t)
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch calls.Add(1) {
		case 1, 8:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3, 9: // stored, and the answer is lost
			r.handler.ServeHTTP(httptest.NewRecorder(), req)
			panic(http.ErrAbortHandler)
		case 5:
			panic(http.ErrAbortHandler)
		case 6:
			w.WriteHeader(http.StatusBadGateway)
		default:
			r.handler.ServeHTTP(w, req)
		}
	}))
	defer srv.Close()
	var stderr bytes.Buffer
	cmd := python(t, "deliver.py", srv.URL)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var stats clientStats
	if err := json.Unmarshal(out, &stats); err != nil {
		t.Fatal(err)
	}
	if stats.Stored != 500 || stats.Dropped != 0 || stats.Rejected != 0 || stats.Retries != 6 {
		t.Errorf("%+v", stats)
	}
	seen := map[string]int{}
	for _, x := range r.all(t) {
		seen[string(x.Request.Body)]++
		if x.Service != "py" || x.Duration != 1500*time.Microsecond || !strings.HasPrefix(string(x.Response.Body), "answer ") || x.Session == "" {
			t.Fatalf("%+v", x)
		}
	}
	if len(seen) != 500 {
		t.Errorf("%d of 500 records arrived", len(seen))
	}
	for body, n := range seen {
		if n != 1 {
			t.Errorf("%s arrived %d times", body, n)
		}
	}
	if l := r.recorder.Ledger(); l.Accepted != 500 || l.Recorded != 500 {
		t.Errorf("the ledger has %+v", l)
	}
}

// TestPythonNeverBlocks: with a server that does not answer, what does not fit into the queue is dropped and counted, and
// what fitted arrives later.
func TestPythonNeverBlocks(t *testing.T) {
	r := newRecording(t)
	answer := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		<-answer
		r.handler.ServeHTTP(w, req)
	}))
	defer srv.Close()
	cmd := python(t, "bounded.py", srv.URL)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	var first struct {
		Queued int
		Stats  clientStats
	}
	if lines.Scan(); json.Unmarshal(lines.Bytes(), &first) != nil || first.Queued != 50 || first.Stats.Dropped != 150 || first.Stats.Waiting != 50 {
		t.Errorf("while nobody answers: %s", lines.Bytes())
	}
	close(answer)
	if _, err := io.WriteString(stdin, "go\n"); err != nil {
		t.Error(err)
	}
	var last clientStats
	if lines.Scan(); json.Unmarshal(lines.Bytes(), &last) != nil || last.Stored != 50 || last.Waiting != 0 {
		t.Errorf("at the end: %s", lines.Bytes())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if n := len(r.all(t)); n != 50 {
		t.Errorf("%d records arrived", n)
	}
}

func TestPythonKinds(t *testing.T) {
	r := newRecording(t)
	srv := httptest.NewServer(r.handler)
	defer srv.Close()
	if out, err := python(t, "kinds.py", srv.URL).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	} else if !strings.Contains(string(out), "status: 7 is none") {
		t.Errorf("a refused record is not told: %s", out)
	}
	found := map[string]records.Exchange{}
	all := r.all(t)
	for _, x := range all {
		found[x.Path+" "+string(x.Request.Body)] = x
	}
	for _, c := range []struct {
		at, response string
		status       int
	}{
		{"/double 21", `{"doubled":42}`, 200},
		{`/later {"args":[1],"kwargs":{"b":2}}`, "3", 200},
		{"/broken {}", "", 500},
		{"/ \xff\x00", "fine", 201},
		{`/odd {"nan":null,"(1, 2)":[3],"bytes":"YWI=","point":[1,2]}`, "", 200},
		{"/again again", "", 200},
		{"/child child", "", 200},
	} {
		x, ok := found[c.at]
		if !ok || x.Status != c.status || c.response != "" && string(x.Response.Body) != c.response {
			t.Errorf("%s: %v %+v", c.at, ok, x)
		}
	}
	if len(all) != 7 {
		t.Errorf("%d records: %v", len(all), found)
	}
	if x := found["/ \xff\x00"]; x.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("trace %q", x.TraceID)
	}
	if x := found["/broken {}"]; x.Error != "ValueError: no luck" {
		t.Errorf("error %q", x.Error)
	}
}
