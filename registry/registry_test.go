package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/registry/contract"
	"aictl/store"
)

const sha = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"

// bench is a registry over a real store, and a candidate that answers what a test puts into answers.
type bench struct {
	t       *testing.T
	store   *store.Store
	r       *Registry
	answers map[string]string
	addr    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "aictl.db"), Key: []byte("0123456789abcdef0123456789abcdef")})
	must(t, err)
	b := &bench{t: t, store: s, answers: map[string]string{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := b.answers[r.URL.Path]
		switch {
		case strings.HasPrefix(text, "to "):
			http.Redirect(w, r, strings.TrimPrefix(text, "to "), http.StatusFound)
		case !ok:
			http.NotFound(w, r)
		default:
			if _, err := w.Write([]byte(text)); err != nil {
				t.Log(err) // it hung up: too long
			}
		}
	}))
	t.Cleanup(func() { srv.Close(); must(t, s.Close()) })
	b.addr = strings.TrimPrefix(srv.URL, "http://")
	b.r = New(s, srv.Client(), nil)
	_, err = s.CreateService(t.Context(), store.Service{Name: "ocr", Source: store.Source{Kind: "dir", URL: "/src"}, Replicas: 1})
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// release makes a release and has it checked as a deploy would; live, it becomes the live one.
func (b *bench) release(mode, fields string, live bool) (store.Release, Verdict, error) {
	b.t.Helper()
	b.answers["/openapi.json"] = document(fields)
	return b.deployed(mode, live)
}

func (b *bench) deployed(mode string, live bool) (store.Release, Verdict, error) {
	b.t.Helper()
	ctx := b.t.Context()
	manifest, err := json.Marshal(configs.Manifest{Algorithm: configs.Algorithm{Title: "Reader", Task: "ocr", Owner: "ann", Tags: []string{"text"}, Interface: mode}})
	must(b.t, err)
	rel, err := b.store.CreateRelease(ctx, store.Release{Service: "ocr", Commit: sha, Manifest: manifest})
	must(b.t, err)
	svc, err := b.store.Service(ctx, "ocr")
	must(b.t, err)
	v, checkErr := b.r.Check(ctx, Candidate{Service: "ocr", Release: rel.ID, Base: svc.Release, Addr: b.addr, Mode: mode})
	if live {
		must(b.t, checkErr)
		must(b.t, b.store.SetRelease(ctx, "ocr", rel.ID, svc.Release))
	}
	return rel, v, checkErr
}

func document(required string) string {
	return fmt.Sprintf(`{"openapi":"3.1.0","info":{"title":"x","version":"0.3"},"paths":{"/predict":{"post":{"summary":"Read","requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"a":{},"b":{}},"required":[%s]}}}},"responses":{"200":{}}}}}}`, required)
}

func TestCheckAgainstTheLiveRelease(t *testing.T) {
	b := newBench(t)
	b.answers["/info"] = `{"name": "ocr", "version": "1.0"}`
	first, v, err := b.release("", `"a"`, true)
	must(t, err)
	if len(v.Warnings) != 0 || v.Detail != "1 operation described" {
		t.Errorf("the first: %+v", v)
	}
	// Warned of, not stopped.
	b.answers["/info"] = `{"name": "ocr", "version": "1.1"}`
	second, v, err := b.release("", `"a","b"`, true)
	must(t, err)
	want := "breaks callers of " + first.ID + ": POST /predict, request, $.b: is required now"
	if len(v.Warnings) != 1 || v.Warnings[0] != want || !strings.Contains(v.Detail, "1 change that break") {
		t.Errorf("the second: %+v", v)
	}
	// The gate stops the next, and lets through what is kind to callers.
	_, _, err = b.release(configs.InterfaceGate, `"a","b","c"`, false)
	if !errors.Is(err, ErrBreaks) || !strings.Contains(err.Error(), "$.c") || !strings.Contains(err.Error(), second.ID) {
		t.Errorf("gate: %v", err)
	}
	_, v, err = b.release(configs.InterfaceGate, `"a"`, false)
	if err != nil || len(v.Warnings) != 0 || !strings.Contains(v.Detail, "nothing breaks callers of "+second.ID) {
		t.Errorf("gate with a kind change: %+v, %v", v, err)
	}
	_, v, err = b.release(configs.InterfaceOff, `"a","b","c"`, false)
	if err != nil || len(v.Warnings) != 0 {
		t.Errorf("off: %+v, %v", v, err)
	}

	d, err := b.r.Show(t.Context(), "ocr", 2)
	must(t, err)
	if d.Title != "Reader" || d.Task != "ocr" || d.Versions != 5 || len(d.History) != 2 || d.Live == nil || d.Live.Release != second.ID || d.Live.Version != "1.1" || d.Live.Breaking != 1 {
		t.Errorf("%+v", d)
	}
	if fmt.Sprint(d.Operations) != "[{POST /predict Read}]" || string(d.Info) != `{"name":"ocr","version":"1.1"}` {
		t.Errorf("operations %v, info %s", d.Operations, d.Info)
	}
	if d.Live.Report == nil || d.Live.Report.Count(contract.Breaks) != 1 || d.Live.Base != first.ID {
		t.Errorf("report: %+v", d.Live)
	}
}

func TestServicesThatTellLittle(t *testing.T) {
	for name, c := range map[string]struct {
		info, openapi string
		log           string // in the deploy's log
	}{
		"nothing":     {"", "", "GET /openapi.json: it answers 404"},
		"html":        {"<html>", "<html>", "no OpenAPI document"},
		"long":        {`"` + strings.Repeat("x", maxInfo) + `"`, "", "GET /info: it is longer than"},
		"led away":    {"to http://127.0.0.1:1/info", "", "it leads to http://127.0.0.1:1/info"},
		"in a circle": {"to /info", "", "it leads to"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for path, text := range map[string]string{"/info": c.info, "/openapi.json": c.openapi} {
				if text != "" {
					b.answers[path] = text
				}
			}
			_, v, err := b.deployed(configs.InterfaceGate, true)
			if err != nil || !strings.Contains(strings.Join(v.Log, "\n"), c.log) {
				t.Errorf("%+v, %v", v, err)
			}
			d, err := b.r.Show(t.Context(), "ocr", 0)
			if err != nil || d.Operations != nil || len(d.History) != 1 {
				t.Errorf("%+v, %v", d, err)
			}
		})
	}
}

// TestDocumentGone: an interface that is described no more cannot be promised any more.
func TestDocumentGone(t *testing.T) {
	b := newBench(t)
	_, _, err := b.release("", `"a"`, true)
	must(t, err)
	delete(b.answers, "/openapi.json")
	if _, _, err := b.deployed(configs.InterfaceGate, false); !errors.Is(err, ErrBreaks) || !strings.Contains(err.Error(), "not described any more") {
		t.Error(err)
	}
	_, v, err := b.deployed("", false)
	if err != nil || len(v.Warnings) != 1 {
		t.Errorf("%+v %v", v, err)
	}
}

func TestManyChangesAreAFewWarnings(t *testing.T) {
	b := newBench(t)
	_, _, err := b.release("", "", true)
	must(t, err)
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf(`"n%d"`, i))
	}
	_, v, err := b.release("", strings.Join(names, ","), false)
	must(t, err)
	if len(v.Warnings) != maxTold+1 || !strings.HasPrefix(v.Warnings[maxTold], "30 more changes") || len(v.Log) != 41 {
		t.Errorf("%d warnings, %d lines: %v", len(v.Warnings), len(v.Log), v.Warnings)
	}
}

func TestDiff(t *testing.T) {
	b := newBench(t)
	_, err := b.r.Diff(t.Context(), "ocr", "", "")
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nothing to compare: %v", err)
	}
	first, _, err := b.release("", `"a"`, true)
	must(t, err)
	second, _, err := b.release("", `"a","b"`, true)
	must(t, err)
	third, _, err := b.release("", `"a","b","c"`, true)
	must(t, err)
	for name, c := range map[string]struct{ from, to, a, b, want string }{
		"live and before": {"", "", second.ID, third.ID, "$.c"},
		"by number":       {"1", "r2", first.ID, second.ID, "$.b"},
		"by id":           {first.ID, third.ID, first.ID, third.ID, "$.b"},
		"before another":  {"", second.ID, first.ID, second.ID, "$.b"},
		"backwards":       {third.ID, first.ID, third.ID, first.ID, ""},
		"by commit":       {first.ID, sha[:7], first.ID, third.ID, "$.b"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := b.r.Diff(t.Context(), "ocr", c.from, c.to)
			must(t, err)
			if d.From.Release != c.a || d.To.Release != c.b || (c.want == "") != (d.Report.Worst() == contract.Harmless) || !strings.Contains(fmt.Sprint(d.Report.Changes), c.want) {
				t.Errorf("%s → %s: %+v", d.From.Release, d.To.Release, d.Report)
			}
		})
	}
	must(t, b.store.DeleteRelease(t.Context(), "ocr", first.ID))
	if _, err := b.r.Diff(t.Context(), "ocr", "1", ""); !errors.Is(err, ErrNoInterface) || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("of a release that has gone: %v", err)
	}
	if _, err := b.r.Diff(t.Context(), "ocr", "r77", ""); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "algorithms show ocr") {
		t.Errorf("no such version: %v", err)
	}
}

func TestList(t *testing.T) {
	b := newBench(t)
	_, _, err := b.release("", `"a"`, true)
	must(t, err)
	_, err = b.store.CreateService(t.Context(), store.Service{Name: "new", Source: store.Source{Kind: "dir", URL: "/new"}, Replicas: 1})
	must(t, err)
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "new ocr"}, {Filter{Task: "OCR"}, "ocr"}, {Filter{Owner: "bob"}, ""}, {Filter{Tag: "text"}, "ocr"}, {Filter{Text: "read"}, "ocr"}, {Filter{Text: "new"}, "new"},
	} {
		all, err := b.r.List(t.Context(), c.f)
		must(t, err)
		var names []string
		for _, a := range all {
			names = append(names, a.Service)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
	all, err := b.r.List(t.Context(), Filter{Tag: "text"})
	must(t, err)
	if a := all[0]; a.Live == nil || a.Live.Version != "0.3" || a.Live.Operations != 1 || a.Versions != 1 {
		t.Errorf("%+v", a)
	}
}
