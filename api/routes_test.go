package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aictl/deploy"
	"aictl/services"
	"aictl/store"
)

func TestEveryRoute(t *testing.T) {
	const deployBody = `{"source":{"kind":"dir","url":"/srv/ocr"},"name":"ocr","env":{"A":"1"},"replicas":2,"trigger":"cli"}`
	for _, c := range []struct {
		method, target, body string
		status               int
		contains             string
	}{
		{"GET", "/api/v1/services", "", 200, `"name":"ocr"`},
		{"GET", "/api/v1/services?pattern=trend", "", 200, `"state":"stopped"`},
		{"GET", "/api/v1/services?pattern=nope", "", 404, `"code":"not_found"`},
		{"GET", "/api/v1/services?pattrn=x", "", 422, `"path":"query.pattrn"`},
		{"GET", "/api/v1/services/ocr", "", 200, `"env_names":["KEY"]`},
		{"GET", "/api/v1/services/nope", "", 404, `"code":"not_found"`},
		{"GET", "/api/v1/services/o%2A", "", 422, `"path":"path.name"`},
		{"GET", "/api/v1/services/ocr/releases", "", 200, `"live":true`},
		{"GET", "/api/v1/services/nope/releases", "", 404, `"code":"not_found"`},
		{"POST", "/api/v1/services/ocr/rollback", `{"to":"r1-00000000"}`, 202, `"steps":[]`},
		{"GET", "/api/v1/services/ocr/runs?limit=5", "", 200, `"exit_code":3`},
		{"GET", "/api/v1/services/nope/runs", "", 404, `"code":"not_found"`},
		{"GET", "/api/v1/services/ocr/runs?limit=0", "", 422, `"path":"query.limit"`},
		{"GET", "/api/v1/services/ocr/runs/7?wait=1", "", 200, `"duration_seconds":1.5`},
		{"GET", "/api/v1/services/ocr/runs/8", "", 404, `run 8 is none of ocr`},
		{"GET", "/api/v1/services/ocr/runs/7?wait=999", "", 422, `"path":"query.wait"`},
		{"POST", "/api/v1/services/ocr/run", "", 202, `"state":"running"`},
		{"POST", "/api/v1/services/trend/run", "", 409, `it is no job`},
		{"GET", "/api/v1/services/ocr/canary", "", 200, `"p95_ms":1.5`},
		{"GET", "/api/v1/services/trend/canary", "", 404, `it has none`},
		{"POST", "/api/v1/services/ocr/canary", `{"to":"r2","weight":25,"header":"x-canary: on"}`, 200, `"header":"X-Canary: on"`},
		{"POST", "/api/v1/services/ocr/canary", `{"to":"r2","header":"nonsense"}`, 422, `"path":"body.header"`},
		{"POST", "/api/v1/services/ocr/canary", `{"to":"r2","weight":101}`, 422, `"path":"body.weight"`},
		{"POST", "/api/v1/services/ocr/canary", `{"weight":0}`, 422, `cannot be set up so`},
		{"POST", "/api/v1/services/ocr/canary/promote", "", 202, `"steps":[]`},
		{"POST", "/api/v1/services/trend/canary/promote", "", 404, `it has none`},
		{"POST", "/api/v1/services/ocr/canary/stop", "", 200, `"requests":63`},
		{"GET", "/api/v1/services/ocr/shadow", "", 200, `"queue_full":3`},
		{"GET", "/api/v1/services/trend/shadow", "", 404, `it has none`},
		{"POST", "/api/v1/services/ocr/shadow", `{"to":"next","percent":100}`, 200, `"target":"next"`},
		{"POST", "/api/v1/services/ocr/shadow", `{"to":"next","percent":0}`, 422, `"path":"body.percent"`},
		{"POST", "/api/v1/services/ocr/shadow", `{"to":"loop"}`, 409, `cannot run beside`},
		{"POST", "/api/v1/services/ocr/shadow/stop", "", 200, `"sent":5`},
		{"GET", "/api/v1/caches", "", 200, `"hit_ratio_double":0.9`},
		{"GET", "/api/v1/services/ocr/cache", "", 200, `"advice":"larger"`},
		{"GET", "/api/v1/services/nope/cache", "", 404, `service nope`},
		{"POST", "/api/v1/services/ocr/cache/clear", "", 200, `"entries":3`},
		{"GET", "/metrics", "", 200, `aictl_cache_hits_total{service="ocr"} 500`},
		{"GET", "/metrics", "", 200, `aictl_canary_requests_total{release="r2",service="ocr",side="live"} 63`},
		{"GET", "/metrics", "", 200, `aictl_shadow_dropped_total{reason="queue_full",service="ocr"} 3`},
		{"POST", "/api/v1/actions", `{"action":"start","patterns":["ocr"]}`, 200, `"ok":true`},
		{"POST", "/api/v1/actions", `{"action":"start","patterns":["nope"]}`, 404, `"code":"not_found"`},
		{"POST", "/api/v1/actions", `{"action":"dance","patterns":["ocr"]}`, 422, `"path":"body.action"`},
		{"POST", "/api/v1/actions", `{"action":"start","patterns":[]}`, 422, `"path":"body.patterns"`},
		{"POST", "/api/v1/actions", `{"action":"start","patterns":["ocr"],"x":1}`, 422, `"path":"body.x"`},
		{"POST", "/api/v1/actions", `{"action":"scale","patterns":["ocr"]}`, 422, `"path":"body.replicas"`},
		{"POST", "/api/v1/actions", `{"action":"signal","patterns":["ocr"]}`, 422, `"path":"body.signal"`},
		{"POST", "/api/v1/actions", `{"action":"stop","patterns":["ocr"],"signal":"HUP"}`, 422, `"path":"body.signal"`},
		{"POST", "/api/v1/actions", `{"action":`, 400, `"code":"invalid"`},
		{"POST", "/api/v1/actions", ``, 400, `"code":"invalid"`},
		{"POST", "/api/v1/deploys", deployBody, 202, `"id":2`},
		{"POST", "/api/v1/deploys", `{"source":{"kind":"svn","url":"x"}}`, 422, `"path":"body.source.kind"`},
		{"POST", "/api/v1/deploys", `{"source":{"kind":"git","url":""}}`, 422, `"path":"body.source.url"`},
		{"GET", "/api/v1/deploys?limit=1", "", 200, `"next":"2"`},
		{"GET", "/api/v1/deploys?limit=1&cursor=2", "", 200, `"next":""`},
		{"GET", "/api/v1/deploys?limit=0", "", 422, `"path":"query.limit"`},
		{"GET", "/api/v1/deploys?cursor=zzz", "", 422, `"path":"query.cursor"`},
		{"GET", "/api/v1/deploys/1", "", 200, `"tail":["last line"]`},
		{"GET", "/api/v1/deploys/9", "", 404, `deploy 9: not found`},
		{"GET", "/api/v1/deploys/x", "", 422, `"path":"path.id"`},
		{"POST", "/api/v1/deploys/2/cancel", "", 200, `"id":2`},
		{"GET", "/api/v1/deploys/1/events", "", 200, `"type":"end"`},
		{"GET", "/api/v1/deploys/9/events", "", 404, `"code":"not_found"`},
		{"GET", "/api/v1/logs?service=ocr", "", 200, `"text":"<ready> 好"`},
		{"GET", "/api/v1/logs", "", 422, `"path":"query.service"`},
		{"GET", "/api/v1/logs?service=ocr&grep=(", "", 422, `"path":"query.grep"`},
		{"GET", "/api/v1/logs?service=ocr&stream=both", "", 422, `"path":"query.stream"`},
		{"GET", "/api/v1/records?status=5xx&min_duration=2s&tag=a=b&source=ingest", "", 200, `"next":""`},
		{"GET", "/api/v1/records?status=oops", "", 422, `"path":"query.status"`},
		{"GET", "/api/v1/records?min_duration=fast", "", 422, `"path":"query.min_duration"`},
		{"GET", "/api/v1/records?since=yesterday", "", 422, `"path":"query.since"`},
		{"GET", "/api/v1/records?since=2026-11-21T00:00:00Z&until=2026-11-20T00:00:00Z", "", 422, `"path":"query.until"`},
		{"GET", "/api/v1/records/0193", "", 200, `"body":"//4=","body_encoding":"base64"`},
		{"GET", "/api/v1/records/nope", "", 404, `record nope: not found`},
		{"GET", "/api/v1/records/stats", "", 200, `"queue_full":1`},
		{"GET", "/api/v1/version", "", 200, `"keeper_protocol":1`},
		{"GET", "/api/v1/openapi.json", "", 200, `"openapi":"3.1.0"`},
		{"GET", "/healthz", "", 200, `"status":"ok"`},
		{"GET", "/metrics", "", 200, `aictl_services{state="running"} 1`},
		{"GET", "/api/v1/nope", "", 404, `"code":"no_route"`},
		{"GET", "/docs", "", 404, `"code":"no_route"`},
		{"GET", "/api/v1/services/", "", 404, `"code":"no_route"`},
		{"DELETE", "/api/v1/services", "", 405, `"code":"method_not_allowed"`},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			w := ask(newServer(t, newBackend()).Handler(true), c.method, c.target, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.contains) {
				t.Fatalf("got %d %s\nwant %d with %s", w.Code, w.Body, c.status, c.contains)
			}
			checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("security headers are missing")
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("other origins are let in")
			}
		})
	}
}

// checkProblem asserts that an error is a whole problem document and that nothing else is one.
func checkProblem(t *testing.T, status int, header http.Header, body []byte) {
	t.Helper()
	isProblem := header.Get("Content-Type") == "application/problem+json"
	if isProblem != (status >= 400) {
		t.Fatalf("status %d with content type %s", status, header.Get("Content-Type"))
	}
	if !isProblem {
		return
	}
	var p Error
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Type != "about:blank" || p.Title == "" || p.Status != status || p.Code == "" || p.Detail == "" {
		t.Errorf("not a whole problem document: %s", body)
	}
}

func TestErrorTable(t *testing.T) {
	errPorts := errors.New("no free port")
	s := newServer(t, newBackend())
	s.deps.Kinds = []Kind{{errPorts, 503, CodePortsExhausted, "widen --ports"}}
	for _, c := range []struct {
		err    error
		status int
		code   string
		detail string
	}{
		{fmt.Errorf("service x: %w", store.ErrNotFound), 404, CodeNotFound, "service x: not found"},
		{fmt.Errorf("rename x: %w", store.ErrConflict), 409, CodeConflict, "rename x: conflict"},
		{fmt.Errorf("x: %w", services.ErrNoRelease), 409, CodeConflict, "no release to run"},
		{fmt.Errorf("x: %w", services.ErrNotHealthy), 409, CodeConflict, "aictl logs"},
		{fmt.Errorf("%w: r9", deploy.ErrNoSuchRelease), 404, CodeNotFound, "releases"},
		{fmt.Errorf("%w: r9", deploy.ErrSource), 422, CodeInvalid, "bad source"},
		{deploy.ErrCancelled, 409, CodeConflict, "cancelled"},
		{fmt.Errorf("start x: %w", errPorts), 503, CodePortsExhausted, "start x: no free port; widen --ports"},
		{fmt.Errorf("x: %w", store.ErrDisk), 507, CodeDiskFull, "free some space"},
		{fmt.Errorf("x: %w", store.ErrBusy), 503, CodeUnavailable, "try again"},
		{invalid("body.a", "wrong"), 422, CodeInvalid, "body.a: wrong"},
		{fmt.Errorf("wrapped: %w", invalid("body.a", "wrong")), 422, CodeInvalid, "body.a: wrong"},
		{errors.New("odd"), 500, CodeInternal, "odd; the daemon's log has it under id"},
	} {
		p := s.problemOf(c.err)
		if p.Status != c.status || p.Code != c.code || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%v: got %d %s %q, want %d %s %q", c.err, p.Status, p.Code, p.Detail, c.status, c.code, c.detail)
		}
		if (p.Status == 500) != (p.Instance != "") {
			t.Errorf("%v: instance %q", c.err, p.Instance)
		}
	}
}

// TestKindsAreComplete: every row of the table is what an error of its own becomes, so none is hidden by one above.
func TestKindsAreComplete(t *testing.T) {
	s := newServer(t, newBackend())
	for _, k := range kinds {
		p := s.problemOf(fmt.Errorf("x: %w", k.Err))
		if p.Status != k.Status || p.Code != k.Code {
			t.Errorf("%v: got %d %s, want %d %s", k.Err, p.Status, p.Code, k.Status, k.Code)
		}
	}
}

func TestActions(t *testing.T) {
	for action, want := range map[string]string{
		`"action":"start"`:                    "start ocr",
		`"action":"stop"`:                     "stop ocr",
		`"action":"restart"`:                  "restart ocr",
		`"action":"remove"`:                   "remove ocr",
		`"action":"signal","signal":"sighup"`: "signal ocr HUP",
		`"action":"scale","replicas":0`:       "scale ocr 0",
	} {
		b := newBackend()
		w := ask(newServer(t, b).Handler(true), "POST", "/api/v1/actions", `{"patterns":["ocr"],`+action+`}`)
		if w.Code != 200 || !b.called(want) {
			t.Errorf("%s: %d, calls %q, want %q", action, w.Code, b.calls, want)
		}
	}
}

func TestActionResultsAreOnePerService(t *testing.T) {
	b := newBackend()
	b.fault["restart ocr"] = fmt.Errorf("restart: %w", store.ErrConflict)
	b.fault["panic"] = errPanic
	w := ask(newServer(t, b).Handler(true), "POST", "/api/v1/actions", `{"action":"restart","patterns":["ocr","trend"]}`)
	var got ActionResults
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != 200 || len(got.Results) != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	first, second := got.Results[0], got.Results[1]
	if first.OK || first.Code != CodeConflict || first.Message != "restart: conflict" {
		t.Errorf("failure: %+v", first)
	}
	if second.OK || second.Code != CodeInternal || !strings.Contains(second.Message, "id ") {
		t.Errorf("panic: %+v", second)
	}
}

func TestDeployRequestReachesTheBackend(t *testing.T) {
	b := newBackend()
	h := newServer(t, b).Handler(true)
	ask(h, "POST", "/api/v1/deploys", `{"source":{"kind":"gitea","url":"a/b","ref":"main","subdir":"x"},"name":"n","env":{"A":"1"},"replicas":2}`)
	r := b.request
	if r.Source != (store.Source{Kind: "gitea", URL: "a/b", Ref: "main", Subdir: "x"}) || r.Name != "n" || r.Env["A"] != "1" ||
		*r.Replicas != 2 || r.Trigger != "api" || r.Actor != "token" {
		t.Errorf("%+v", r)
	}
}

// TestSecretsStayInside: values of environment overrides are in no answer.
func TestSecretsStayInside(t *testing.T) {
	h := newServer(t, newBackend()).Handler(true)
	for _, target := range []string{"/api/v1/services?detail=true", "/api/v1/services/ocr"} {
		if w := ask(h, "GET", target, ""); strings.Contains(w.Body.String(), "hidden") {
			t.Errorf("%s tells a secret: %s", target, w.Body)
		}
	}
}

// TestDocumentedShapes holds the JSON shapes that the outside contract names, key for key.
func TestDocumentedShapes(t *testing.T) {
	h := newServer(t, newBackend()).Handler(true)
	const message = "sha256 size truncated"
	for _, c := range []struct{ target, path, keys string }{
		{"/api/v1/services", "", "schemaVersion services"},
		{"/api/v1/services", "services.0", "health instances kind name ready release replicas state url"},
		{"/api/v1/services", "services.1", "health instances kind name ready reason release replicas state url"},
		{"/api/v1/services", "services.0.release", "commit id"},
		{"/api/v1/services", "services.0.instances.0", "cpu_percent health id memory_bytes pid port restarts state uptime_seconds"},
		{"/api/v1/records", "", "next records schemaVersion"},
		{"/api/v1/records", "records.0", "duration_ms end id instance method path release request response service session started_at status trace_id"},
		{"/api/v1/records", "records.0.request", message},
		{"/api/v1/records", "records.0.response", message},
		{"/api/v1/services/ocr", "", "schemaVersion service"},
		{"/api/v1/services/ocr", "service", "detail health instances kind name ready release replicas state url"},
		{"/api/v1/services/ocr/runs", "", "runs schemaVersion service"},
		{"/api/v1/services/ocr/runs/7", "run", "attempts duration_seconds ended_at exit_code id instance reason release service started_at state trigger"},
		{"/api/v1/deploys", "", "deploys next schemaVersion"},
		{"/api/v1/deploys/1", "", "deploy schemaVersion steps tail"},
		{"/api/v1/services/ocr/releases", "", "releases schemaVersion service"},
		{"/api/v1/records/0193", "", "record schemaVersion"},
		{"/api/v1/records/stats", "", "bytes days duration_ms ends errors first_byte_ms groups ledger records request_bytes response_bytes schemaVersion services statuses warnings"},
		{"/api/v1/version", "", "api commit data_dir gateway go keeper_protocol pid schemaVersion started_at version"},
		{"/healthz", "", "schemaVersion status"},
	} {
		w := ask(h, "GET", c.target, "")
		var doc any
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if v := doc.(map[string]any)["schemaVersion"]; v != float64(1) {
			t.Errorf("%s: schemaVersion %v", c.target, v)
		}
		got := strings.Join(slices.Sorted(maps.Keys(dig(t, doc, c.path).(map[string]any))), " ")
		if got != c.keys {
			t.Errorf("%s %s:\n got %s\nwant %s", c.target, c.path, got, c.keys)
		}
	}
}

// dig follows a path such as services.0.release.
func dig(t *testing.T, doc any, path string) any {
	t.Helper()
	for key := range strings.SplitSeq(path, ".") {
		switch v := doc.(type) {
		case map[string]any:
			if key != "" {
				doc = v[key]
			}
		case []any:
			if len(v) <= int(key[0]-'0') {
				t.Fatalf("%s: too short", path)
			}
			doc = v[key[0]-'0']
		default:
			t.Fatalf("%s: nothing there", path)
		}
	}
	return doc
}

// TestReasonWithoutDetail: a list without details, which is what a table of many services is made from, says why one does
// not serve.
func TestReasonWithoutDetail(t *testing.T) {
	w := ask(newServer(t, newBackend()).Handler(true), "GET", "/api/v1/services", "")
	var list ServiceList
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if list.Services[0].Reason != "" || list.Services[1].Reason == "" || list.Services[1].Detail != nil {
		t.Errorf("%+v", list.Services)
	}
}
