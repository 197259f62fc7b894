package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aictl/registry"
	"aictl/registry/contract"
	"aictl/store"
)

var algorithmRoutes = []string{
	"GET /api/v1/algorithms", "GET /api/v1/algorithms/{name}", "GET /api/v1/algorithms/{name}/interface", "GET /api/v1/algorithms/{name}/diff",
}

// fakeAlgorithms has one algorithm and remembers what it was asked.
type fakeAlgorithms struct{ asked string }

var fakeVersion = registry.Version{
	Release: "r2-1a2b3c4d", Version: "1.1", CreatedAt: testNow, LiveAt: testNow.Add(time.Minute), Live: true, Kept: true, Operations: 1, Base: "r1-00000000", Breaking: 1,
	Report: &contract.Report{Changes: []contract.Change{{Level: contract.Breaks, Kind: contract.FieldRemoved, Operation: "POST /predict", Where: "response 200", Path: "$.label", Text: "gone"}}},
}

func (f *fakeAlgorithms) List(_ context.Context, q registry.Filter) ([]registry.Algorithm, error) {
	f.asked = fmt.Sprintf("%+v", q)
	return []registry.Algorithm{{Service: "ocr", Title: "Reader", Interface: "warn", Versions: 2, Live: &fakeVersion}}, nil
}

func (f *fakeAlgorithms) Show(_ context.Context, service string, n int) (registry.Detail, error) {
	f.asked = fmt.Sprint(service, n)
	if service != "ocr" {
		return registry.Detail{}, store.ErrNotFound
	}
	return registry.Detail{
		Algorithm: registry.Algorithm{Service: "ocr", Interface: "gate"}, History: []registry.Version{fakeVersion},
		Operations: []contract.Operation{{Name: "POST /predict"}}, Info: json.RawMessage(`{"a":1}`),
	}, nil
}

func (f *fakeAlgorithms) Documents(_ context.Context, service, release string) (store.Snapshot, error) {
	f.asked = service + " " + release
	return store.Snapshot{Service: service, Release: "r2-1a2b3c4d", OpenAPI: []byte(`{"openapi":"3.1.0"}`), TakenAt: testNow}, nil
}

func (f *fakeAlgorithms) Diff(_ context.Context, service, from, to string) (registry.Diff, error) {
	f.asked = service + " " + from + " " + to
	return registry.Diff{Service: service, From: registry.Version{Release: "r1-00000000"}, To: fakeVersion, Report: *fakeVersion.Report}, nil
}

// TestAlgorithms asks a server by the client.
func TestAlgorithms(t *testing.T) {
	f := &fakeAlgorithms{}
	s := newServer(t, newBackend())
	s.deps.Algorithms = f
	srv := httptest.NewServer(s.Handler(false))
	defer srv.Close()
	c, err := NewClient(Target{URL: srv.URL, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	check := func(err error, asked string, ok bool) {
		t.Helper()
		if err != nil || f.asked != asked || !ok {
			t.Errorf("%v, asked %q, want %q, as expected: %v", err, f.asked, asked, ok)
		}
	}
	list, err := c.Algorithms(ctx, AlgorithmsQuery{Task: "ocr", Text: "re ad"})
	check(err, "{Task:ocr Owner: Tag: Text:re ad}", len(list.Algorithms) == 1 && list.Algorithms[0].Live.Changes[0].Path == "$.label" && list.Algorithms[0].Tags != nil)
	doc, err := c.Algorithm(ctx, "ocr", 0)
	check(err, "ocr0", doc.Algorithm.Interface == "gate" && string(doc.Info) == `{"a":1}` && doc.Operations[0].Name == "POST /predict" && doc.History[0].ComparedTo == "r1-00000000")
	one, err := c.Interface(ctx, "ocr", "r2")
	check(err, "ocr r2", string(one.OpenAPI) == `{"openapi":"3.1.0"}` && one.Info == nil)
	diff, err := c.DiffAlgorithm(ctx, "ocr", "r1", "")
	check(err, "ocr r1 ", diff.Breaking == 1 && diff.Changes[0].Level == "breaks" && diff.From.Changes != nil)
	if _, err := c.Algorithm(ctx, "nope", 5); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an unknown one: %v", err)
	}
}
