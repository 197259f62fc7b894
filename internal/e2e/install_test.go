//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func makeTarget(t *testing.T, target, dest string) {
	t.Helper()
	cmd := exec.Command("make", "-C", "../..", target, "DESTDIR="+dest, "PREFIX=/opt/aictl")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", target, err, out)
	}
}

// TestInstall installs below a directory, with a prefix of its own, over settings that a user has changed, and removes it.
func TestInstall(t *testing.T) {
	dest := t.TempDir()
	path := func(p string) string { return filepath.Join(dest, p) }
	makeTarget(t, "install", dest)
	for file, mode := range map[string]os.FileMode{
		"opt/aictl/bin/aictl": 0o755, "etc/aictl/config.yaml": 0o644, "var/lib/aictl": os.ModeDir | 0o700,
		"etc/systemd/system/aictl.service": 0o644,
	} {
		if info, err := os.Stat(path(file)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v (%v), want mode %v", file, info, err, mode)
		}
	}
	unit, err := os.ReadFile(path("etc/systemd/system/aictl.service"))
	if err != nil || !strings.Contains(string(unit), "ExecStart=/opt/aictl/bin/aictl daemon") {
		t.Errorf("the unit does not start the installed program (%v):\n%s", err, unit)
	}
	if out, err := exec.Command(path("opt/aictl/bin/aictl"), "version").CombinedOutput(); err != nil {
		t.Errorf("the installed program: %v\n%s", err, out)
	}

	const changed = "log: {level: debug}\n"
	if err := os.WriteFile(path("etc/aictl/config.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	makeTarget(t, "install", dest)
	if data, err := os.ReadFile(path("etc/aictl/config.yaml")); err != nil || string(data) != changed {
		t.Errorf("a second install has replaced the user's settings: %q (%v)", data, err)
	}

	makeTarget(t, "uninstall", dest)
	for file, want := range map[string]bool{
		"opt/aictl/bin/aictl": false, "etc/systemd/system/aictl.service": false, "etc/aictl/config.yaml": true, "var/lib/aictl": true,
	} {
		if _, err := os.Stat(path(file)); (err == nil) != want {
			t.Errorf("after uninstall: %s there = %t, want %t", file, err == nil, want)
		}
	}
}
