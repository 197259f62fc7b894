package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestOpenAPINamesEveryRoute compares the document with what the router really serves.
func TestOpenAPINamesEveryRoute(t *testing.T) {
	s := newServer(t, newBackend())
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Responses   map[string]struct {
				Content map[string]any
			}
			Security []any
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(ask(s.Handler(true), "GET", "/api/v1/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Version != "1.2.3" {
		t.Errorf("openapi %s, version %s", doc.OpenAPI, doc.Info.Version)
	}
	var documented, served []string
	for path, ops := range doc.Paths {
		for method, op := range ops {
			name := strings.ToUpper(method) + " " + path
			documented = append(documented, name)
			if op.OperationID == "" {
				t.Errorf("%s has no operationId", name)
			}
			if (len(op.Security) == 0) != open[path] {
				t.Errorf("%s: security %v", name, op.Security)
			}
			if _, ok := op.Responses["default"].Content["application/problem+json"]; !ok {
				t.Errorf("%s does not say what its errors look like", name)
			}
		}
	}
	for _, r := range s.engine.Routes() {
		path := r.Path
		for _, name := range []string{"name", "id"} {
			path = strings.ReplaceAll(path, ":"+name, "{"+name+"}")
		}
		served = append(served, r.Method+" "+path)
	}
	slices.Sort(documented)
	slices.Sort(served)
	want := strings.Fields(`
		GET:/api/v1/autodeploy POST:/api/v1/autodeploy POST:/api/v1/webhooks POST:/api/v1/webhooks/test GET:/api/v1/webhooks/deliveries
		GET:/api/v1/config GET:/api/v1/deploys GET:/api/v1/deploys/{id} GET:/api/v1/deploys/{id}/events GET:/api/v1/deploys/diff GET:/api/v1/deploys/{id}/log GET:/api/v1/events GET:/api/v1/logs
		GET:/api/v1/openapi.json GET:/api/v1/records GET:/api/v1/records/export GET:/api/v1/records/sessions GET:/api/v1/records/sessions/{id} GET:/api/v1/records/stats GET:/api/v1/records/{id}
		GET:/api/v1/services GET:/api/v1/services/{name} GET:/api/v1/services/{name}/releases
		GET:/api/v1/services/{name}/runs GET:/api/v1/services/{name}/runs/{id} GET:/api/v1/version
		GET:/api/v1/records/verify GET:/api/v1/records/seals POST:/api/v1/records/seal DELETE:/api/v1/records
		GET:/api/v1/sinks POST:/api/v1/sinks/test POST:/api/v1/sinks/retry POST:/api/v1/sinks/rewind
		GET:/healthz GET:/metrics
		GET:/api/v1/keys POST:/api/v1/keys POST:/api/v1/keys/{name}/revoke
		POST:/api/v1/actions POST:/api/v1/config/diff POST:/api/v1/config/reload POST:/api/v1/deploys POST:/api/v1/deploys/preview POST:/api/v1/deploys/{id}/cancel POST:/api/v1/records POST:/api/v1/records/diff POST:/api/v1/records/replay POST:/api/v1/services/{name}/rollback POST:/api/v1/services/{name}/run`)
	for i := range want {
		want[i] = strings.Replace(want[i], ":", " ", 1)
	}
	want = append(want, trialRoutes...)
	want = append(want, findingRoutes...)
	want = append(want, giteaRoutes...)
	want = append(want, algorithmRoutes...)
	want = append(want, diskRoutes...)
	want = append(want, hostingCalls...)
	want = append(want, environmentRoutes...)
	slices.Sort(want)
	if !slices.Equal(documented, want) || !slices.Equal(served, want) {
		t.Errorf("documented %q\nserved %q\nwant %q", documented, served, want)
	}
	if _, ok := doc.Components.Schemas["Error"].Properties["code"]; !ok {
		t.Error("problem documents are described without their code")
	}
	if _, ok := doc.Components.Schemas["Service"].Properties["$schema"]; ok {
		t.Error("documents carry $schema")
	}
}
