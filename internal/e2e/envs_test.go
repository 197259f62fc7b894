//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	webProject = `[project]
name = "web"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["fastapi", "uvicorn", "tomli; python_version < '3.11'", "pywin32; sys_platform == 'win32'"]

[dependency-groups]
dev = ["pytest"]
`
	webProgram = `import os
import fastapi
import uvicorn

app = fastapi.FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/info")
def info():
    return {"name": "web", "version": fastapi.__version__}


@app.post("/predict")
def predict(body: dict):
    return {"got": body["value"]}


uvicorn.run(app, host=os.environ["HOST"], port=int(os.environ["PORT"]))
`
)

// TestLockedEnvironment deploys a FastAPI service from a uv.lock with a uv that aictl fetches itself, finds installed what uv itself would
// install, and moves the environment to a second daemon that may ask no network.
func TestLockedEnvironment(t *testing.T) {
	connected := startServer(t, "AICTL_DEPLOY_UV=fetch")
	dir := t.TempDir()
	for name, text := range map[string]string{"pyproject.toml": webProject, "main.py": webProgram} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bare := filepath.Join(t.TempDir(), "bare") // something that needs uv, so that it is fetched
	if err := os.MkdirAll(bare, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"requirements.txt": "itsdangerous\n", "main.py": "import itsdangerous\n", "aictl.yaml": "kind: oneshot\n"} {
		if err := os.WriteFile(filepath.Join(bare, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	connected.run("deploy", bare, "--timeout", patience.String())
	uv := filepath.Join(connected.data, "tools", "uv")
	output(t, dir, uv, "lock")

	began := time.Now()
	output(t, dir, uv, "sync", "--frozen", "--no-dev", "--no-install-project", "--no-cache")
	alone := time.Since(began)
	if err := os.RemoveAll(filepath.Join(dir, ".venv")); err != nil {
		t.Fatal(err)
	}
	connected.run("deploy", dir, "--name", "web", "--timeout", patience.String())
	var shown struct {
		Environment struct {
			What         string
			Bytes        int64
			BuildSeconds float64 `json:"build_seconds"`
		}
		Packages []struct{ Name, Version string }
	}
	connected.runJSON(&shown, "env", "show", "web", "-o", "json")
	t.Logf("uv sync alone took %s; the deploy built %q in %.2f s", alone, shown.Environment.What, shown.Environment.BuildSeconds)
	if !strings.Contains(shown.Environment.What, "uv, uv.lock") || shown.Environment.Bytes == 0 {
		t.Errorf("%+v", shown.Environment)
	}
	has := map[string]string{}
	for _, p := range shown.Packages {
		has[strings.ToLower(strings.ReplaceAll(p.Name, "_", "-"))] = p.Version
	}
	wanted := 0
	for line := range strings.Lines(output(t, dir, uv, "export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "--no-annotate", "--no-header")) {
		name, version, ok := strings.Cut(strings.TrimSpace(line), "==")
		if !ok || strings.Contains(line, ";") { // whether it is for this machine is uv's to say
			continue
		}
		if wanted++; has[name] != version {
			t.Errorf("uv installs %s %s, the environment has %q", name, version, has[name])
		}
	}
	if wanted == 0 || has["pytest"] != "" || has["pywin32"] != "" {
		t.Errorf("%d packages are wanted; the environment has %v", wanted, has)
	}

	archive := filepath.Join(t.TempDir(), "web.tar")
	connected.run("env", "export", "web", "-O", archive)
	apart := startServer(t, "AICTL_DEPLOY_OFFLINE=true", "AICTL_DEPLOY_UV=off", "PIP_INDEX_URL=http://127.0.0.1:9/simple", "PIP_FIND_LINKS=")
	apart.run("env", "import", archive)
	apart.run("deploy", dir, "--name", "web", "--timeout", patience.String())
	var answer struct{ Got int }
	apart.runJSON(&answer, "call", "web", "-d", `{"value": 7}`)
	if answer.Got != 7 {
		t.Errorf("the service without network answers %+v", answer)
	}
}

// output runs a program that must succeed.
func output(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "UV_PROJECT_ENVIRONMENT="+filepath.Join(dir, ".venv"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}
