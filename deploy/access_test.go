package deploy

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
)

func perm(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Mode().Perm()
}

func TestOpenWayClosesTheRest(t *testing.T) {
	root := t.TempDir()
	must(t, os.Chmod(root, 0o700))
	for name, mode := range map[string]fs.FileMode{"releases": 0o700, "envs": 0o750, "logs": 0o755, "run": 0o700} {
		must(t, os.Mkdir(filepath.Join(root, name), 0o700))
		must(t, os.Chmod(filepath.Join(root, name), mode))
	}
	write(t, filepath.Join(root, "aictl.db"), "secret")
	must(t, os.Symlink("/etc", filepath.Join(root, "link")))
	dirs := Dirs{Releases: filepath.Join(root, "releases"), Envs: filepath.Join(root, "envs")}
	for range 2 {
		must(t, openWay(dirs))
	}
	for name, want := range map[string]fs.FileMode{"": 0o701, "releases": 0o701, "envs": 0o751, "logs": 0o750, "run": 0o700, "aictl.db": 0o640} {
		if got := perm(t, filepath.Join(root, name)); got != want {
			t.Errorf("%q is %o, want %o", name, got, want)
		}
	}
}

func TestGiveToAndOpenAll(t *testing.T) {
	tree := func() string {
		dir := filepath.Join(t.TempDir(), "tree")
		must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o700))
		write(t, filepath.Join(dir, "run.sh"), "#!/bin/sh\n")
		write(t, filepath.Join(dir, "sub", "data"), "x")
		must(t, os.Chmod(filepath.Join(dir, "sub", "data"), 0o666))
		must(t, os.Chmod(filepath.Join(dir, "run.sh"), 0o700))
		must(t, os.Symlink("/no/such/target", filepath.Join(dir, "dangling")))
		return dir
	}
	given, gid := tree(), os.Getgid()
	if os.Getuid() == 0 {
		gid = 12345
	}
	must(t, giveTo(given, gid))
	opened := tree()
	must(t, openAll(opened))
	for _, test := range []struct {
		path string
		want fs.FileMode
	}{
		{given, 0o750}, {given + "/sub", 0o750}, {given + "/run.sh", 0o750}, {given + "/sub/data", 0o640},
		{opened, 0o755}, {opened + "/sub", 0o755}, {opened + "/run.sh", 0o755}, {opened + "/sub/data", 0o666},
	} {
		if got := perm(t, test.path); got != test.want {
			t.Errorf("%s is %o, want %o", test.path, got, test.want)
		}
	}
	for _, name := range []string{"", "sub/data", "dangling"} {
		info, err := os.Lstat(filepath.Join(given, name))
		must(t, err)
		if got := info.Sys().(*syscall.Stat_t).Gid; int(got) != gid {
			t.Errorf("%q belongs to group %d, want %d", name, got, gid)
		}
	}
}

// What the machine cannot enforce is a warning of the deploy, what keeps a service from starting ends it before anything is
// built.
func TestLimitsOfTheMachine(t *testing.T) {
	t.Parallel()
	var asked configs.Manifest
	fault := error(nil)
	r := newRig(t, func(d *Deps) {
		d.Enforce = func(_ context.Context, m configs.Manifest) ([]string, error) {
			asked = m
			return []string{"resources.memory: 2GiB is not enforced"}, fault
		}
	}).run()
	o := newOrigin(t, plain("name: bounded\nresources: {memory: 2GiB}\n"))
	row := r.deploy(o)
	if len(row.Warnings) == 0 || row.Warnings[0] != "resources.memory: 2GiB is not enforced" || asked.Resource.Memory != 2<<30 {
		t.Errorf("%q; asked about %+v", row.Warnings, asked.Resource)
	}
	fault = errors.New("cannot run as user ocr: not permitted")
	o.commit(map[string]string{"more": "1"})
	row = r.ended(r.submit(Request{Source: o.source(), Actor: "ann", Trigger: "cli"}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepManifest || !strings.Contains(row.Error, fault.Error()) {
		t.Errorf("%+v", row)
	}
}

func TestReleaseOfAnotherUser(t *testing.T) {
	t.Parallel()
	r := newRig(t).run()
	row := r.deploy(newOrigin(t, plain("name: other\nprocess: {user: \"4242\", group: \"4243\"}\n")))
	dir := r.releaseDir("other", row.Release)
	info, err := os.Stat(filepath.Join(dir, "run.sh"))
	must(t, err)
	if !procs.MayChangeUser() {
		return // the keeper refuses such a service; nothing is opened for it
	}
	if gid := info.Sys().(*syscall.Stat_t).Gid; gid != 4243 || info.Mode().Perm() != 0o750 {
		t.Errorf("group %d, mode %o", gid, info.Mode().Perm())
	}
	if got := perm(t, filepath.Dir(dir)); got != 0o711 {
		t.Errorf("the service's folder is %o", got)
	}
}
