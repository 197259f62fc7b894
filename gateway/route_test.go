package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

// What follows the service's name reaches the instance byte for byte.
func TestPathsPassExactly(t *testing.T) {
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Method, " ", r.RequestURI, " ", r.Header.Get("X-Forwarded-Prefix"))
	})
	g := newRig(t, Options{})
	g.route(t, addr)
	for target, want := range map[string]string{
		"/ai/svc":                       "/",
		"/ai/svc/":                      "/",
		"/ai/svc?q=1":                   "/?q=1",
		"/ai/svc/predict":               "/predict",
		"/ai/svc/a%2Fb%20c":             "/a%2Fb%20c",
		"/ai/svc/a%2fb":                 "/a%2fb",
		"/ai/svc//a//b/":                "//a//b/",
		"/ai/svc///":                    "///",
		"/ai/svc/../x/./y":              "/../x/./y",
		"/ai/svc/%7Euser/~user":         "/%7Euser/~user",
		"/ai/svc/a\"<>|[]^`{}":          "/a\"<>|[]^`{}",
		"/ai/svc/文":                     "/文",
		"/ai/svc/%E6%96%87":             "/%E6%96%87",
		"/ai/svc/a:b;c=1,d":             "/a:b;c=1,d",
		"/ai/svc/p?":                    "/p?",
		"/ai/svc/p?a=1;b=%zz&c&&d=%2F?": "/p?a=1;b=%zz&c&&d=%2F?",
		"/ai/svc/p?url=http://x/ai/y":   "/p?url=http://x/ai/y",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w := g.dial(t)
			w.send(method+" "+target+" HTTP/1.1", "Host: h", "Content-Length: 0", "Connection: close", "", "")
			res := w.answer(method)
			if got := readAll(t, res); got != method+" "+want+" /ai/svc" {
				t.Errorf("%s %s: %d %q, want %q", method, target, res.StatusCode, got, want)
			}
		}
	}
	w := g.dial(t)
	w.send("GET http://example.org/ai/svc/a%2Fb?x HTTP/1.1", "Host: h", "Connection: close", "", "")
	if got := readAll(t, w.answer("GET")); got != "GET /a%2Fb?x /ai/svc" {
		t.Errorf("absolute form: %q", got)
	}
}

func TestProblems(t *testing.T) {
	g := newRig(t, Options{})
	g.set(t, Route{Service: "stopped", Reason: "stopped"})
	g.set(t, Route{Service: "mute"})
	g.set(t, Route{Service: "report", Reason: "is a cron service: it serves no requests", Never: true})
	g.route(t, refused(t))
	tests := []struct {
		method, path string
		want         Problem
		retry        string
		end          records.End // "" = not recorded
	}{
		{"GET", "/", Problem{Status: 404, Code: "not_found"}, "", ""},
		{"GET", "/ai/", Problem{Status: 404, Code: "not_found"}, "", ""},
		{"GET", "/ai", Problem{Status: 404, Code: "not_found"}, "", ""},
		{"GET", "/aix/svc/", Problem{Status: 404, Code: "not_found"}, "", ""},
		{"POST", "/ai/nosuch/predict", Problem{Status: 404, Code: "unknown_service", Service: "nosuch"}, "", ""},
		{"POST", "/ai/stopped/predict", Problem{Status: 503, Code: "service_unavailable", Service: "stopped", Reason: "stopped"}, "1", records.EndUnavailable},
		{"POST", "/ai/report/predict", Problem{Status: 404, Code: "serves_no_requests", Service: "report", Reason: "is a cron service: it serves no requests"}, "", records.EndUnavailable},
		{"HEAD", "/ai/stopped/", Problem{Status: 503, Code: "service_unavailable"}, "1", records.EndUnavailable},
		{"GET", "/ai/mute", Problem{Status: 503, Code: "service_unavailable", Service: "mute", Reason: "no healthy instance"}, "1", records.EndUnavailable},
		{"POST", "/ai/svc/predict", Problem{Status: 502, Code: "instance_unreachable", Service: "svc", Reason: "no connection to svc/1"}, "1", records.EndUpstreamError},
	}
	for _, tt := range tests {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			_, before := g.rec.counts()
			res, body := do(t, tt.method, g.url+tt.path, nil)
			if res.StatusCode != tt.want.Status || res.Header.Get("Content-Type") != "application/problem+json" ||
				res.Header.Get("Retry-After") != tt.retry {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
			if tt.end != "" {
				waitFor(t, "the record", func() bool { _, n := g.rec.counts(); return n == before+1 })
				checkProblemRecord(t, g.rec.ended[before], res, body, tt.end)
			} else if _, n := g.rec.counts(); n != before {
				t.Error("recorded")
			}
			if tt.method == "HEAD" {
				return
			}
			var got Problem
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			if got.Code != tt.want.Code || got.Service != tt.want.Service || got.Reason != tt.want.Reason ||
				got.Status != tt.want.Status || got.Type != "about:blank" || got.Title == "" {
				t.Errorf("problem %+v, want %+v", got, tt.want)
			}
		})
	}
}

func checkProblemRecord(t *testing.T, x *records.Exchange, res *http.Response, body string, end records.End) {
	t.Helper()
	if x.End != end || x.Status != res.StatusCode || x.Instance != "" || string(x.Response.Body) != body {
		t.Errorf("record: end %s, status %d, instance %q, body %q", x.End, x.Status, x.Instance, x.Response.Body)
	}
	if res.Header.Get(HeaderRecord) != x.ID || (end == records.EndUpstreamError) != (x.Error != "") {
		t.Errorf("record %s, header %q, error %q", x.ID, res.Header.Get(HeaderRecord), x.Error)
	}
}

func TestRoundRobin(t *testing.T) {
	g := newRig(t, Options{})
	hits := make([]int, 3)
	var addrs []string
	for range hits {
		addrs = append(addrs, upstream(t, func(http.ResponseWriter, *http.Request) {}))
	}
	g.route(t, addrs...)
	for range 30 {
		res, _ := get(t, g.url+"/ai/svc/")
		var n int
		if _, err := fmt.Sscanf(res.Header.Get(HeaderInstance), "svc/%d", &n); err != nil {
			t.Fatal(err)
		}
		hits[n-1]++
	}
	if hits[0] != 10 || hits[1] != 10 || hits[2] != 10 {
		t.Errorf("30 requests were spread %v", hits)
	}
}

// A request whose instance refuses the connection goes to another, with its body; one that reached an instance does not.
func TestOnlyUnreachedRequestsAreRetried(t *testing.T) {
	body := strings.Repeat("x", 100<<10)
	got := make(chan string, 10)
	ok := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
	})
	g := newRig(t, Options{})
	g.route(t, refused(t), ok)
	for range 4 {
		res, _ := do(t, "POST", g.url+"/ai/svc/", strings.NewReader(body))
		if res.StatusCode != 200 || res.Header.Get(HeaderInstance) != "svc/2" {
			t.Fatalf("%d from %q", res.StatusCode, res.Header.Get(HeaderInstance))
		}
		if b := <-got; b != body {
			t.Fatalf("%d bytes arrived of %d", len(b), len(body))
		}
	}
	for _, x := range g.rec.ended {
		if x.Instance != "svc/2" || x.End != records.EndComplete || x.Request.Size != int64(len(body)) {
			t.Errorf("recorded %s on %s with %d bytes", x.End, x.Instance, x.Request.Size)
		}
	}
	if n := g.InFlight("svc/1") + g.InFlight("svc/2"); n != 0 {
		t.Errorf("%d still in flight", n)
	}

	hits := make(chan string, 10)
	dying := func(name string) string {
		return upstream(t, func(http.ResponseWriter, *http.Request) { hits <- name; panic(http.ErrAbortHandler) })
	}
	g.route(t, dying("a"), dying("b"))
	if res, _ := do(t, "POST", g.url+"/ai/svc/", strings.NewReader("x")); res.StatusCode != 502 || len(hits) != 1 {
		t.Errorf("%d after %d attempts", res.StatusCode, len(hits))
	}
}

func TestRemovedRouteIsUnknown(t *testing.T) {
	g := newRig(t, Options{})
	g.route(t, upstream(t, func(http.ResponseWriter, *http.Request) {}))
	g.RemoveRoute("svc")
	g.RemoveRoute("never-there")
	if res, body := get(t, g.url+"/ai/svc/"); res.StatusCode != 404 || !strings.Contains(body, "unknown_service") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestBadRecordSettingsAreReportedAndServed(t *testing.T) {
	g := newRig(t, Options{})
	g.rec.bad = errors.New("redact: not a path")
	addr := upstream(t, func(http.ResponseWriter, *http.Request) {})
	if err := g.SetRoute(Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Addr: addr}}}); !errors.Is(err, g.rec.bad) {
		t.Errorf("SetRoute: %v", err)
	}
	if res, _ := get(t, g.url+"/ai/svc/"); res.StatusCode != 200 {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestServerLimits(t *testing.T) {
	g := newRig(t, Options{ReadHeaderTimeout: 50 * time.Millisecond, MaxHeaderBytes: 4 << 10})
	g.route(t, upstream(t, func(http.ResponseWriter, *http.Request) {}))
	w := g.dial(t)
	w.send("GET /ai/svc/ HTTP/1.1", "Host: h", "X-Long: "+strings.Repeat("x", 32<<10), "", "")
	if got := w.line(); !strings.HasPrefix(got, "HTTP/1.1 431") {
		t.Errorf("long header: %s", got)
	}
	slow := g.dial(t)
	slow.send("GET /ai/svc/ HTTP/1.1", "Host: h", "X-Slow")
	if got, err := io.ReadAll(slow.br); err != nil || strings.Contains(string(got), " 200 ") {
		t.Errorf("a head that never ends: %q, %v; want the connection closed", got, err)
	}
}

func FuzzSplitPath(f *testing.F) {
	for _, s := range []string{"/ai/svc", "/ai/svc/a%2Fb", "/ai//x", "/ai/%zz/x", "*", "http://h/ai/x/y", "/ai/a?b/c", "//ai/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest("GET", "http://h/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI = target
		service, rest, ok := splitPath(r)
		if ok && (service == "" || !strings.HasPrefix(rest, "/")) {
			t.Errorf("%q: service %q, rest %q", target, service, rest)
		}
		if !ok {
			return
		}
		setPath(r.URL, rest)
		if r.URL.Opaque == "" && r.URL.EscapedPath() != rest && !strings.HasPrefix(rest, "//") {
			t.Errorf("%q: path %q became %q", target, rest, r.URL.EscapedPath())
		}
	})
}
