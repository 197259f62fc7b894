//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDigitsWithUV builds the environment with a real uv, which is told of the index as pip is.
func TestDigitsWithUV(t *testing.T) {
	tools := filepath.Join(t.TempDir(), "tools")
	for _, argv := range [][]string{
		{"python3", "-m", "venv", tools},
		{filepath.Join(tools, "bin", "python"), "-m", "pip", "install", "-q", "uv==0.13.8"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
		}
	}
	s := startServer(t, "PATH="+filepath.Join(tools, "bin")+":"+os.Getenv("PATH"))
	dir := filepath.Join(examples, "digits")
	s.run("deploy", dir, "--timeout", patience.String())
	var answer predictions
	s.runJSON(&answer, "call", "digits", "-d", "@"+filepath.Join(dir, "samples", "row.json"))
	if len(answer.Predictions) != 10 {
		t.Errorf("digits answers %+v", answer)
	}
	if log := s.run("deploys", "show", "1"); !strings.Contains(log, "uv,") {
		t.Errorf("the environment was not built with uv:\n%s", log)
	}
}
