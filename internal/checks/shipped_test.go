package checks

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aictl/configs"
)

func sampleServices(t *testing.T) []string {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(root, "examples", "*", configs.ManifestFile))
	if err != nil || len(manifests) < 4 {
		t.Fatalf("found the manifests %v (%v)", manifests, err)
	}
	return manifests
}

func TestExamplesHaveGoodManifests(t *testing.T) {
	for _, path := range sampleServices(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := configs.ParseManifest(data, path)
		if err != nil {
			t.Error(err)
		} else if want := filepath.Base(filepath.Dir(path)); m.Name != want {
			t.Errorf("%s: the name is %q, want %q", path, m.Name, want)
		}
	}
}

func TestExamplesHaveSampleInputs(t *testing.T) {
	for _, path := range sampleServices(t) {
		samples, err := filepath.Glob(filepath.Join(filepath.Dir(path), "samples", "*.json"))
		if err != nil || len(samples) == 0 {
			t.Errorf("%s has no samples/*.json (%v)", filepath.Dir(path), err)
		}
		for _, s := range samples {
			data, err := os.ReadFile(s)
			if err != nil {
				t.Fatal(err)
			}
			var body struct {
				InputData json.RawMessage `json:"input_data"`
			}
			if err := json.Unmarshal(data, &body); err != nil || len(body.InputData) == 0 {
				t.Errorf("%s is not a request body with input_data: %v", s, err)
			}
		}
	}
}

// Each sample is a repository of its own, so the two Python servers are copies. They are to stay the same.
func TestExamplesShareOneServer(t *testing.T) {
	a, b := read(t, "examples/text-classify/server.py"), read(t, "examples/blob-detect/server.py")
	if !bytes.Equal(a, b) {
		t.Error("examples/text-classify/server.py and examples/blob-detect/server.py differ; copy the one that was changed over the other")
	}
}

// The unit names the installed program; here another one stands in for it.
func TestUnitIsValid(t *testing.T) {
	const program = "/usr/local/bin/aictl"
	unit := string(read(t, "configs/aictl.service"))
	if !strings.Contains(unit, "ExecStart="+program+" daemon ") {
		t.Fatalf("the unit does not start %s", program)
	}
	path := filepath.Join(t.TempDir(), "aictl.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(unit, program, "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(filepath.Dir(path), "aictl.socket")
	if err := os.WriteFile(socket, read(t, "configs/aictl.socket"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path, socket).CombinedOutput()
	// Without a running systemd other units may be missing, which is nothing that these could mend.
	mine := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return !strings.Contains(line, "aictl.s") })
	if err != nil || len(mine) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestScriptsParse(t *testing.T) {
	for _, script := range []string{"scripts/setup.sh", ".ci/run"} {
		if out, err := exec.Command("bash", "-n", filepath.Join(root, script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}
