package checks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the prefix of this repository's own import paths.
const module = "aictl/"

// layers are the design's, the lowest first: an import may only point to a lower one, or stay within the first
// element of a path. docs/architecture.md draws them.
var layers = [][]string{
	{"procs", "ports", "gitea", "configs", "web", "examples"},
	{"store"},
	{"deploy", "gateway", "services", "health", "recorder", "doctor", "replay", "interchange", "sinks", "autodeploy", "forges", "registry", "disk", "hosting", "reports", "previews"},
	{"api"},
	{"daemon"},
	{"cmd"},
	{"internal", "bench"},
}

// level are the imports within a layer that are wanted, with the reason.
var level = map[string]string{
	"services → health":  "services turns the probes' verdicts into wishes and routes",
	"services → gateway": "services sets the gateway's routes and speaks in their type",
}

// owners says which parts may use a module that shapes what imports it.
var owners = map[string][]string{
	"github.com/mattn/go-sqlite3":         {"store"},
	"github.com/pressly/goose":            {"store"},
	"github.com/gin-gonic/gin":            {"api"},
	"github.com/danielgtaylor/huma":       {"api"},
	"github.com/go-git/go-git":            {"gitea", "cmd"}, // cmd: the demo puts its samples into repositories
	"code.gitea.io/sdk/gitea":             {"gitea"},
	"github.com/spf13/cobra":              {"cmd"},
	"github.com/prometheus/client_golang": {"api", "daemon"},
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func TestLayers(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, fault := range faultsOf(p) {
			t.Error(fault)
		}
	}
}

// TestLayersFindFaults shows that the rules can be broken, and what they say then.
func TestLayersFindFaults(t *testing.T) {
	for _, c := range []struct {
		from, to, want string
	}{
		{"aictl/deploy", "aictl/configs", ""},
		{"aictl/store/records", "aictl/store", ""},
		{"aictl/services", "aictl/gateway", ""},
		{"aictl/deploy", "fmt", ""},
		{"aictl/store", "github.com/mattn/go-sqlite3", ""},
		{"aictl/procs", "aictl/configs", "aictl/procs imports aictl/configs of its own layer"},
		{"aictl/gateway", "aictl/services", "aictl/gateway imports aictl/services of its own layer"},
		{"aictl/store", "aictl/deploy", "aictl/store imports aictl/deploy of a higher layer"},
		{"aictl/api", "aictl/daemon", "aictl/api imports aictl/daemon of a higher layer"},
		{"aictl/newcomer", "fmt", "aictl/newcomer is in no layer"},
		{"aictl/procs", "github.com/gin-gonic/gin/binding", "aictl/procs imports github.com/gin-gonic/gin/binding, which is for api only"},
	} {
		faults := strings.Join(faultsOf(listedPackage{c.from, []string{c.to}}), "\n")
		if c.want == "" && faults != "" || !strings.Contains(faults, c.want) {
			t.Errorf("%s → %s: got %q, want %q", c.from, c.to, faults, c.want)
		}
	}
}

func faultsOf(p listedPackage) []string {
	from := family(p.ImportPath)
	if layerOf(from) < 0 {
		return []string{fmt.Sprintf("%s is in no layer: add it to the table in internal/checks and to docs/architecture.md", p.ImportPath)}
	}
	var faults []string
	for _, path := range p.Imports {
		if fault := faultOfImport(from, path); fault != "" {
			faults = append(faults, p.ImportPath+" imports "+path+fault)
		}
	}
	return faults
}

func faultOfImport(from, path string) string {
	for mod, allowed := range owners {
		if (path == mod || strings.HasPrefix(path, mod+"/")) && !slices.Contains(allowed, from) {
			return ", which is for " + strings.Join(allowed, " and ") + " only"
		}
	}
	to := family(path)
	if !strings.HasPrefix(path, module) || to == from || level[from+" → "+to] != "" {
		return ""
	}
	switch have, want := layerOf(from), layerOf(to); {
	case want == have:
		return " of its own layer: declare a small interface where it is used, and let the daemon join the two"
	case want > have:
		return " of a higher layer: an arrow only ever points down"
	}
	return ""
}

// family is the first element of a path within the module.
func family(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, module), "/")
	return first
}

func layerOf(family string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, family) })
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages only", len(packages))
	}
	return packages
}
