package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

func TestClientCallsEveryRoute(t *testing.T) {
	s := serve(t, newBackend())
	two := 2
	for name, c := range map[string]*Client{"unix": s.unix, "tcp": s.tcp} {
		for _, call := range []struct {
			name string
			do   func(context.Context) (any, error)
			want string
		}{
			{"Services", func(ctx context.Context) (any, error) { return c.Services(ctx, []string{"ocr"}, true) }, "file:///srv/ocr"},
			{"ServicesInUse", func(ctx context.Context) (any, error) { return c.ServicesInUse(ctx, []string{"ocr"}) }, `"open_files":17`},
			{"Service", func(ctx context.Context) (any, error) { return c.Service(ctx, "ocr") }, "ocr/1"},
			{"Act", func(ctx context.Context) (any, error) {
				return c.Act(ctx, ActionRequest{Action: ActionScale, Patterns: []string{"ocr"}, Replicas: &two})
			}, `"ok":true`},
			{"Releases", func(ctx context.Context) (any, error) { return c.Releases(ctx, "ocr") }, "r2-1a2b3c4d"},
			{"Rollback", func(ctx context.Context) (any, error) { return c.Rollback(ctx, "ocr", RollbackRequest{}) }, `"service":"ocr"`},
			{"Deploy", func(ctx context.Context) (any, error) {
				return c.Deploy(ctx, DeployRequest{Source: Source{Kind: "dir", URL: "/x"}, Trigger: "cli"})
			}, `"service":"ocr"`},
			{"Deploys", func(ctx context.Context) (any, error) { return c.Deploys(ctx, DeploysQuery{Limit: 1, Service: "ocr"}) }, "running"},
			{"GetDeploy", func(ctx context.Context) (any, error) { return c.GetDeploy(ctx, 1) }, "pip failed"},
			{"DiffDeploys", func(ctx context.Context) (any, error) { return c.DiffDeploys(ctx, "", "1", "r2") }, `"name":"numpy"`},
			{"DeployLog", func(ctx context.Context) (any, error) { return c.DeployLog(ctx, 2, 10) }, `"lines":["last line"]`},
			{"CancelDeploy", func(ctx context.Context) (any, error) { return c.CancelDeploy(ctx, 2) }, `"service":"ocr"`},
			{"Records", func(ctx context.Context) (any, error) { return c.Records(ctx, RecordsQuery{Service: "ocr"}) }, "/predict"},
			{"Record", func(ctx context.Context) (any, error) { return c.Record(ctx, "0193") }, "héé"},
			{"RecordStats", func(ctx context.Context) (any, error) { return c.RecordStats(ctx) }, "queue_full"},
			{"Version", func(ctx context.Context) (any, error) { return c.Version(ctx) }, "1.2.3"},
			{"Health", func(ctx context.Context) (any, error) { return c.Health(ctx) }, "ok"},
			{"OpenAPI", func(ctx context.Context) (any, error) { b, err := c.OpenAPI(ctx); return string(b), err }, "3.1.0"},
			{"Metrics", func(ctx context.Context) (any, error) { return c.Metrics(ctx) }, "aictl_exchanges_dropped_total{reason"},
		} {
			got, err := call.do(t.Context())
			if text := asJSON(t, got); err != nil || !strings.Contains(text, call.want) {
				t.Errorf("%s over %s: %v\n%.300s\nlacks %s", call.name, name, err, text, call.want)
			}
		}
	}
	if !s.called("scale ocr 2") || s.request.Trigger != "cli" {
		t.Errorf("calls %q, request %+v", s.calls, s.request)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestClientSendsWholeQueries(t *testing.T) {
	s := serve(t, newBackend())
	q := RecordsQuery{
		Service: "a b", Release: "r1", Instance: "a/1", Session: "é&=", TraceID: "t", Method: "GET", Path: "/p*", Status: "5xx",
		End: "timeout", Since: testNow, Until: testNow.Add(time.Hour), MinDuration: 1500 * time.Millisecond, Limit: 7, Cursor: "c",
		User: "u", Model: "m", Tags: []string{"k=v", "w"}, Sources: []string{"gateway", "shadow"}, MaxDuration: time.Minute, BodyHash: strings.Repeat("0F", 32),
	}
	want := records.Filter{
		Services: []string{"a b"}, Release: "r1", Instance: "a/1", Session: "é&=", TraceID: "t", Method: "GET", PathPrefix: "/p",
		StatusMin: 500, StatusMax: 599, End: "timeout", Since: testNow, Until: testNow.Add(time.Hour), Limit: 7, Cursor: "c",
		ScanLimit: scanLimit, MinDuration: 1500 * time.Millisecond, MaxDuration: time.Minute, User: "u", Model: "m", Tags: map[string]string{"k": "v", "w": ""},
		Sources: []records.Source{records.SourceGateway, records.SourceShadow}, BodyHash: strings.Repeat("0f", 32),
	}
	if _, err := s.unix.Records(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.filter, want) {
		t.Errorf("got %+v\nwant %+v", s.filter, want)
	}
	for _, err := range s.unix.Logs(t.Context(), LogsQuery{
		Services: []string{"a", "b*"}, Instance: "a/1", Lines: -1, Since: testNow, Grep: "x+", Stream: "stderr", Follow: true,
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	sel := s.sel
	if len(sel.Services) != 2 || sel.Instance != "a/1" || sel.Lines != -1 || !sel.Since.Equal(testNow) || sel.Grep.String() != "x+" ||
		sel.Stream != "stderr" || !sel.Follow {
		t.Errorf("got %+v", sel)
	}
}

func TestClientErrors(t *testing.T) {
	s := serve(t, newBackend())
	_, err := s.unix.Service(t.Context(), "nope")
	var p *Error
	if !errors.As(err, &p) || p.Status != 404 || p.Code != CodeNotFound || !strings.Contains(err.Error(), "nope") {
		t.Errorf("got %v", err)
	}
	_, err = client(t, Target{URL: "http://" + s.addr, Token: "wrong"}).Version(t.Context())
	if !errors.As(err, &p) || p.Status != 401 || p.Code != CodeUnauthorized {
		t.Errorf("got %v", err)
	}
	s.fault["healthy"] = errors.New("database is gone")
	if _, err = s.tcp.Health(t.Context()); !errors.As(err, &p) || p.Status != 503 || strings.Contains(err.Error(), "database") {
		t.Errorf("got %v", err)
	}
	for _, err := range s.unix.Logs(t.Context(), LogsQuery{Services: []string{"a"}, Grep: "("}) {
		if !errors.As(err, &p) || p.Status != 422 || len(p.Errors) != 1 || p.Errors[0].Path != "query.grep" {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err = s.unix.Version(ctx); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestClientWithoutDaemon(t *testing.T) {
	dir := t.TempDir()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, target := range []Target{{Socket: filepath.Join(dir, "no.sock")}, {URL: "http://" + closed.Addr().String()}} {
		_, err := client(t, target).Version(t.Context())
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "start it with: aictl daemon") {
			t.Errorf("%+v: got %v", target, err)
		}
	}
	for _, target := range []Target{{}, {Socket: "a", URL: "http://b"}, {URL: "b:7600"}, {URL: "ftp://b"}, {URL: "http://"}} {
		if _, err := NewClient(target); err == nil {
			t.Errorf("%+v was taken", target)
		}
	}
}

func TestClientOfAnotherServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler()}
	go other.Serve(l)
	defer other.Close()
	_, err = client(t, Target{URL: "http://" + l.Addr().String()}).Version(t.Context())
	var p *Error
	if !errors.As(err, &p) || p.Code != CodeForeign || !strings.Contains(err.Error(), "check the server URL") {
		t.Errorf("got %v", err)
	}
}
