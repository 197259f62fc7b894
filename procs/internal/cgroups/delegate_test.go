package cgroups

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kernel plays the part of a version 2 hierarchy in a folder: what is written to subtree_control shows up in the controllers of the
// groups below, and a group with processes cannot pass controllers on.
type kernel struct {
	t       *testing.T
	crowded bool // processes that are not ours are in every group
	written []string
}

// onHierarchy replaces the kernel for one test. root has the controllers given and this process in it.
func onHierarchy(t *testing.T, controllers string) (*kernel, string) {
	t.Helper()
	k := &kernel{t: t}
	control = k.write
	t.Cleanup(func() { control = writeControl })
	root := filepath.Join(t.TempDir(), "unit")
	fake(t, root, map[string]string{"cgroup.controllers": controllers, "cgroup.subtree_control": "", "cgroup.procs": "1"})
	return k, root
}

func (k *kernel) write(path, value string) error {
	dir, file := filepath.Split(path)
	k.written = append(k.written, filepath.Base(dir)+"/"+file+"="+value)
	switch file {
	case "cgroup.procs":
		// A leaf that was just made has this file on the real file system.
		fake(k.t, dir, map[string]string{"cgroup.procs": "1"})
		return os.WriteFile(filepath.Join(filepath.Dir(filepath.Clean(dir)), "cgroup.procs"), nil, 0o644)
	case "cgroup.subtree_control":
		procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(procs) > 0 || k.crowded {
			return &os.PathError{Op: "write", Path: path, Err: unix.EBUSY}
		}
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.TrimSpace(string(old)+" "+strings.TrimPrefix(value, "+"))), 0o644)
	}
	k.t.Errorf("an unexpected write to %s", path)
	return nil
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDelegateStepsAside(t *testing.T) {
	k, root := onHierarchy(t, "cpuset cpu io memory pids\n")
	if err := delegate(root); err != nil {
		t.Fatalf("%v\n%q", err, k.written)
	}
	if got := content(t, filepath.Join(root, "cgroup.subtree_control")); got != "memory cpu pids" {
		t.Errorf("%q", got)
	}
	if got := content(t, filepath.Join(root, keeperLeaf, "cgroup.procs")); got != "1" {
		t.Errorf("the keeper is not in its leaf: %q", got)
	}
	before := len(k.written)
	if err := delegate(root); err != nil || len(k.written) != before {
		t.Errorf("a second time changes something: %v %q", err, k.written[before:])
	}
}

func TestDelegateAmongOthers(t *testing.T) {
	k, root := onHierarchy(t, "memory")
	k.crowded = true
	if err := delegate(root); err == nil || !strings.Contains(err.Error(), "other processes live in the cgroup "+root) {
		t.Errorf("%v", err)
	}
}

func TestEnable(t *testing.T) {
	for name, test := range map[string]struct{ has, passed, want string }{
		"all":          {"memory cpu pids", "", "memory cpu pids"},
		"some":         {"cpu io", "", "cpu"},
		"the rest":     {"memory cpu pids", "cpu", "cpu memory pids"},
		"nothing here": {"", "", ""},
		"all done":     {"memory pids", "pids memory", "pids memory"},
	} {
		k, root := onHierarchy(t, test.has)
		fake(t, root, map[string]string{"cgroup.subtree_control": test.passed, "cgroup.procs": ""})
		if err := enable(root); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := content(t, filepath.Join(root, "cgroup.subtree_control")); got != test.want {
			t.Errorf("%s: %q, written %q", name, got, k.written)
		}
	}
	if err := enable(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A unit with Delegate=yes whose parent is not ours: the tree is made below, and the limits can be written in it.
func TestTreeOfADelegatedUnit(t *testing.T) {
	_, root := onHierarchy(t, "memory cpu pids")
	m := Mount{root: "/", point: filepath.Dir(root), own: "/unit"}
	// The sibling cannot be opened, for no fake directory has cgroup.kill; below, it was made ready.
	fake(t, filepath.Join(root, "aictl-x"), map[string]string{"cgroup.kill": "", "cgroup.controllers": "memory cpu pids", "cgroup.subtree_control": ""})
	tree, err := m.Tree("aictl-x")
	if err != nil || tree.Lacking != nil || tree.Dir() != filepath.Join(root, "aictl-x") {
		t.Fatalf("%+v %v", tree, err)
	}
	for _, dir := range []string{root, tree.Dir()} {
		if got := content(t, filepath.Join(dir, "cgroup.subtree_control")); got != "memory cpu pids" {
			t.Errorf("%s: %q", dir, got)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(root)); err != nil || len(entries) != 1 {
		t.Errorf("left beside the unit: %v %v", entries, err)
	}
	// What the daemon in its own group, and a program beside the keeper, would find.
	for own, want := range map[string][]string{"/unit/aictl-x/svc-.daemon": {"memory", "cpu", "pids"}, "/unit/aictl-keeper": {"memory", "cpu", "pids"}} {
		got, err := Mount{root: "/", point: m.point, own: own}.available()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v", own, got, err)
		}
	}
}

func TestSurvey(t *testing.T) {
	writable, readonly := t.TempDir(), "/proc/1/nothing-here"
	how, faults := survey([]string{"memory", "io"}, nil, map[string]string{"memory": readonly, "cpu": writable, "pids": readonly})
	if how["memory"] != "cgroup v2" || how["cpu"] != "cgroup v1" || how["pids"] != "" {
		t.Errorf("%v", how)
	}
	if len(faults) != 1 || !strings.Contains(faults["pids"].Error(), "no permission to make cgroups in "+readonly) {
		t.Errorf("%v", faults)
	}
	_, faults = survey(nil, ErrUnavailable, nil)
	for _, c := range Controllers {
		if !errors.Is(faults[c], ErrUnavailable) || !strings.Contains(faults[c].Error(), "no "+c+" controller") {
			t.Errorf("%v", faults[c])
		}
	}
	if how, faults := Survey(); len(how)+len(faults) != len(Controllers) {
		t.Errorf("of this machine: %v %v", how, faults)
	}
}

func TestLimiterOf(t *testing.T) {
	l, err := LimiterOf(os.Getpid(), Group{}, "svc-not-there")
	if err != nil || len(l.v1) != 0 {
		t.Errorf("%+v %v", l, err)
	}
	if _, err := LimiterOf(-1, Group{}, "x"); err == nil {
		t.Error("groups of no process")
	}
	if n := l.OOMKills(); n != 0 {
		t.Errorf("%d kills in no group", n)
	}
}
