package daemon_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs under test: the real one, and a service that can misbehave.
var aictl, faultsvc string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "aictl-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	aictl, faultsvc = filepath.Join(dir, "aictl"), filepath.Join(dir, "faultsvc")
	for target, source := range map[string]string{aictl: "../cmd/aictl", faultsvc: "./testdata/faultsvc"} {
		if out, err := exec.Command("go", "build", "-o", target, source).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", source, err, out)
			return 1
		}
	}
	return m.Run()
}
