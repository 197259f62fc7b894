package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aictl/sinks"
)

// fakeSinks has one sink, "pg", that cannot be reached.
type fakeSinks struct{ calls []string }

func (f *fakeSinks) Status() []sinks.Status {
	return []sinks.Status{{Name: "pg", URL: "postgres://aictl:********@db/x", State: sinks.StateRetrying, Sent: 5, Missed: 1, Behind: 7,
		OldestAt: testNow.Add(-90 * time.Second), Error: "connection refused", ErrorAt: testNow, RetryAt: testNow.Add(time.Second), Attempts: 2}}
}

func (f *fakeSinks) known(name, call string) error {
	if name != "pg" {
		return fmt.Errorf("sink %q: %w", name, sinks.ErrUnknown)
	}
	f.calls = append(f.calls, call)
	return nil
}

func (f *fakeSinks) Test(_ context.Context, name string) error {
	if err := f.known(name, "test"); err != nil {
		return err
	}
	return errors.New("sink pg: connection refused")
}

func (f *fakeSinks) Retry(name string) error { return f.known(name, "retry") }
func (f *fakeSinks) Rewind(_ context.Context, name, to string) error {
	return f.known(name, "rewind "+to)
}

func TestSinks(t *testing.T) {
	fake := &fakeSinks{}
	for _, c := range []struct {
		method, target string
		status         int
		contains       string
	}{
		{"GET", "/api/v1/sinks", 200, `"behind":7,"lag_seconds":90`},
		{"POST", "/api/v1/sinks/test?name=pg", 200, `"ok":false,"error":"sink pg: connection refused"`},
		{"POST", "/api/v1/sinks/test?name=x", 404, `aictl sinks`},
		{"POST", "/api/v1/sinks/test", 422, `"path":"query.name"`},
		{"POST", "/api/v1/sinks/retry?name=pg", 200, `"ok":true`},
		{"POST", "/api/v1/sinks/retry?name=x", 404, `"code":"not_found"`},
		{"POST", "/api/v1/sinks/rewind?name=pg", 200, `"ok":true`},
		{"POST", "/api/v1/sinks/rewind?name=pg&to=now", 200, `"ok":true`},
		{"POST", "/api/v1/sinks/rewind?name=pg&to=yesterday", 422, `"path":"query.to"`},
		{"POST", "/api/v1/sinks/rewind?name=x", 404, `"code":"not_found"`},
		{"GET", "/metrics", 200, `aictl_sink_up{sink="pg"} 0`},
		{"GET", "/metrics", 200, `aictl_sink_records_behind{sink="pg"} 7`},
	} {
		s := newServer(t, newBackend())
		s.deps.Sinks = fake
		w := ask(s.Handler(true), c.method, c.target, "")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s %s: %d %s\nwant %d with %s", c.method, c.target, w.Code, w.Body, c.status, c.contains)
		}
		checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
	}
	if got := strings.Join(fake.calls, ", "); got != "test, retry, rewind beginning, rewind now" {
		t.Errorf("calls: %s", got)
	}
	// Without sinks the list is empty and not null.
	if w := ask(newServer(t, newBackend()).Handler(true), "GET", "/api/v1/sinks", ""); !strings.Contains(w.Body.String(), `"sinks":[]`) {
		t.Errorf("no sinks: %s", w.Body)
	}
}
