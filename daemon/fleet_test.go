package daemon_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"aictl/api"
)

// quick are health checks that do not keep a test waiting.
const quick = "health: {path: /health, interval: 100ms, timeout: 1s, start_period: 3s, failures: 2}\n"

// source writes the manifest of a service that runs faultsvc with flags, and returns its folder.
func (r *rig) source(name, flags string, more ...string) string {
	r.t.Helper()
	return r.manifest(name, "command: "+faultsvc+" "+flags+"\n"+quick+strings.Join(more, "\n"))
}

func (r *rig) manifest(name, text string) string {
	r.t.Helper()
	dir := filepath.Join(r.dir, "src", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	text = "name: " + name + "\nruntime: command\n" + text
	if err := os.WriteFile(filepath.Join(dir, "aictl.yaml"), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// deploy deploys a service of faultsvc, which has to succeed.
func (r *rig) deploy(name, flags string, more ...string) {
	r.t.Helper()
	r.must("deploy", r.source(name, flags, more...))
}

// service is one service as the API tells.
func (r *rig) service(name string) api.Service {
	r.t.Helper()
	doc, err := r.client.Service(r.t.Context(), name)
	if err != nil {
		r.t.Fatalf("service %s: %v", name, err)
	}
	return doc.Service
}

// instance is the only instance of a service.
func (r *rig) instance(name string) api.Instance {
	r.t.Helper()
	svc := r.service(name)
	if len(svc.Instances) != 1 {
		r.t.Fatalf("%s has %d instances, want 1: %+v", name, len(svc.Instances), svc.Instances)
	}
	return svc.Instances[0]
}

// worker is the pid of the daemon process.
func (r *rig) worker() int {
	r.t.Helper()
	v, err := r.client.Version(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return v.PID
}

// deploys are the deploys of a service, newest first.
func (r *rig) deploys(service string) []api.Deploy {
	r.t.Helper()
	list, err := r.client.Deploys(r.t.Context(), api.DeploysQuery{Service: service, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	return list.Deploys
}

// prediction is what faultsvc answers to POST /predict.
type prediction struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	Bytes   int    `json:"bytes"`
}

var plain = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// post sends one request through the gateway.
func (r *rig) post(service, path string, body []byte) (int, []byte, error) {
	res, err := plain.Post(r.gateway+"/ai/"+service+path, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// predict asks a service through the gateway; it has to answer.
func (r *rig) predict(service string) prediction {
	r.t.Helper()
	status, answer, err := r.post(service, "/predict", []byte("{}"))
	if err != nil || status != http.StatusOK {
		r.t.Fatalf("predict: %d %s %v", status, answer, err)
	}
	var p prediction
	if err := json.Unmarshal(answer, &p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// serves checks that a service answers with a version.
func (r *rig) serves(service, version string) {
	r.t.Helper()
	if got := r.predict(service).Version; got != version {
		r.t.Errorf("%s answers with version %s, want %s", service, got, version)
	}
}

// complete checks the numbered lines of a service in mode count: none is lost, none twice, none out of order. It
// returns how many there are.
func (r *rig) complete(service string, pid int) int {
	r.t.Helper()
	want := 0
	for entry, err := range r.client.Logs(r.t.Context(), api.LogsQuery{Services: []string{service}, Lines: -1}) {
		if err != nil {
			r.t.Fatal(err)
		}
		var n, by int
		if _, err := fmt.Sscanf(entry.Text, "line %d of %d", &n, &by); err != nil || by != pid {
			continue
		}
		if want++; n != want {
			r.t.Fatalf("line %d follows line %d in the log of %s", n, want-1, service)
		}
	}
	if want == 0 {
		r.t.Fatalf("no numbered line in the log of %s", service)
	}
	return want
}

// detail is what is known of the only instance of a service beyond its state.
func (r *rig) detail(name string) api.InstanceDetail {
	r.t.Helper()
	i := r.instance(name)
	if i.Detail == nil {
		r.t.Fatalf("%s has no detail", i.ID)
	}
	return *i.Detail
}
