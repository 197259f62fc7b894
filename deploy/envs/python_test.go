package envs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestVirtualenvIsBuiltOnceFromWheels(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"main.py": "", "requirements.txt": "--no-index\n--find-links wheels\ndemo-pkg\n"})
	wheel(t, filepath.Join(dir, "wheels"), "demo_pkg", "1.2", "helper_pkg")
	wheel(t, filepath.Join(dir, "wheels"), "helper_pkg", "3.0")
	b, out := builder(t), &output{}
	res, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil {
		t.Fatalf("%v\n%s", err, out.all())
	}
	if res.Reused || !strings.Contains(res.Detail, "built "+res.Key) || !strings.Contains(out.all(), "Successfully installed") {
		t.Errorf("%+v\n%s", res, out.all())
	}
	argv, err := res.Resolve([]string{"python3", "main.py"}, dir)
	must(t, err)
	said, err := exec.Command(argv[0], "-c", "import demo_pkg, helper_pkg; print(demo_pkg.VERSION, helper_pkg.VERSION)").CombinedOutput()
	if err != nil || strings.TrimSpace(string(said)) != "1.2 3.0" || filepath.Dir(argv[0]) != filepath.Join(res.Dir, "bin") {
		t.Errorf("%s said %q, %v", argv[0], said, err)
	}
	again, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil || !again.Reused || again.Key != res.Key || !strings.HasPrefix(again.Detail, "reused "+res.Key) {
		t.Errorf("unchanged requirements gave %+v, %v", again, err)
	}
	wheel(t, filepath.Join(dir, "wheels"), "demo_pkg", "1.3")
	changed, err := b.python(t.Context(), request(t, dir, out))
	if err != nil || changed.key == res.Key {
		t.Errorf("another wheel in the folder of --find-links keeps the key %s, %v", changed.key, err)
	}
}

func TestIncompleteEnvironmentIsRebuilt(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"main.py": ""})
	b, out := builder(t), &output{}
	req := request(t, dir, out)
	res, err := b.Build(t.Context(), req)
	must(t, err)
	for name, damage := range map[string]func() error{
		"the build was cut off": func() error { return os.Remove(filepath.Join(res.Dir, marker)) },
		"its Python was uninstalled": func() error {
			python := filepath.Join(res.Dir, "bin", "python")
			return errors.Join(os.Remove(python), os.Symlink("/nowhere/python3", python))
		},
	} {
		junk := filepath.Join(res.Dir, "junk")
		write(t, junk, "")
		must(t, damage())
		again, err := b.Build(t.Context(), req)
		if err != nil || again.Reused || again.Key != res.Key {
			t.Errorf("%s: %+v, %v", name, again, err)
		}
		if _, err := os.Stat(junk); err == nil {
			t.Errorf("%s: it was mended instead of rebuilt", name)
		}
		if again, err = b.Build(t.Context(), req); err != nil || !again.Reused {
			t.Errorf("%s: after the rebuild: %+v, %v", name, again, err)
		}
	}
}

func TestRequirementsThatDoNotResolve(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"main.py": "", "requirements.txt": "--no-index\nno-such-package==9\n"})
	b, out := builder(t), &output{}
	_, err := b.Build(t.Context(), request(t, dir, out))
	var failed *Failed
	if !errors.As(err, &failed) || failed.Code == 0 || !strings.Contains(err.Error(), "pip install exited with code 1: ERROR: ") ||
		!strings.Contains(err.Error(), "No matching distribution found for no-such-package==9") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.all(), "No matching distribution") {
		t.Errorf("the log lacks pip's words:\n%s", out.all())
	}
	left, err := os.ReadDir(b.cfg.Root)
	if err != nil || len(left) > 0 {
		t.Errorf("half an environment was left: %v, %v", left, err)
	}
}

func TestNoPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := builder(t).Build(t.Context(), request(t, tree(t, map[string]string{"main.py": ""}), &output{}))
	if !errors.Is(err, ErrNoTool) || !strings.Contains(err.Error(), "python3 is not on the PATH") || !strings.Contains(err.Error(), "apt install python3") {
		t.Errorf("got %v", err)
	}
}

// stub is a program that takes the place of python: it answers for its version and does the rest as written.
func stub(t *testing.T, version, rest string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "python.sh")
	write(t, p, "#!/bin/sh\nif [ \"$1\" = -c ]; then echo "+version+"; echo \"$0\"; exit; fi\n"+rest+"\n")
	return p
}

func TestPythonFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program, want string // the manifest's version
		kind          error
		says          []string
	}{
		"another version":  {stub(t, "3.9.1", ""), "3.99", ErrNoTool, []string{"asks for Python 3.99", "has 3.9.1"}},
		"an ancient one":   {stub(t, "2.7.18", ""), "", ErrNoTool, []string{"is Python 2.7.18 and a Python 3 is needed"}},
		"no venv package":  {stub(t, "3.11.7", "echo 'No module named venv' >&2; exit 1"), "", ErrNoTool, []string{"apt install python3-venv"}},
		"the disk is full": {stub(t, "3.11.7", "cat \"$0\" > /dev/full"), "", ErrNoSpace, []string{"free some", "No space left on device"}},
		"killed":           {stub(t, "3.11.7", "kill -9 $$"), "", nil, []string{"python -m venv was ended by SIGKILL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := New(Config{Root: t.TempDir(), UV: "none", Python: c.program})
			req := request(t, tree(t, map[string]string{"main.py": ""}), &output{})
			req.Manifest.Python.Version = c.want
			_, err := b.Build(t.Context(), req)
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Fatalf("got %v; want %v", err, c.kind)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("got %v; want it to say %q", err, s)
				}
			}
			if left, err := os.ReadDir(b.cfg.Root); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestPythonKey(t *testing.T) {
	t.Setenv("PIP_INDEX_URL", "")
	key := func(cfg Config, files map[string]string, change func(*Request)) string {
		t.Helper()
		if cfg.Python == "" {
			cfg.Python = stub(t, "3.11.7", "")
		}
		cfg.UV = "none"
		req := request(t, tree(t, files), &output{})
		if change != nil {
			change(&req)
		}
		r, err := New(cfg).python(t.Context(), req)
		must(t, err)
		return r.key
	}
	base := map[string]string{"main.py": "", "requirements.txt": "a==1\n"}
	first := key(Config{}, base, nil)
	if again := key(Config{}, map[string]string{"main.py": "other", "requirements.txt": "a==1\n"}, nil); again != first {
		t.Errorf("other code changed the key: %s, %s", first, again)
	}
	if !strings.HasPrefix(first, "py3.11-") {
		t.Errorf("key %s", first)
	}
	for name, k := range map[string]string{
		"requirements":  key(Config{}, map[string]string{"main.py": "", "requirements.txt": "a==2\n"}, nil),
		"included file": key(Config{}, map[string]string{"requirements.txt": "-r more.txt\na==1\n", "more.txt": "b"}, nil),
		"python":        key(Config{Python: stub(t, "3.11.8", "")}, base, nil),
		"index":         key(Config{}, base, func(r *Request) { r.Manifest.Python.Index = "https://mirror.example/simple" }),
		"setting":       key(Config{Index: "https://other.example/simple"}, base, nil),
		"local package": key(Config{}, map[string]string{"requirements.txt": "./pkg\n", "pkg/setup.py": ""}, nil),
	} {
		if k == first {
			t.Errorf("%s does not change the key", name)
		}
	}
}

func TestRequirementsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		given string
		says  string
	}{
		"no such file":     {map[string]string{"main.py": ""}, "prod.txt", "prod.txt does not exist"},
		"leaves the tree":  {map[string]string{"requirements.txt": "-r ../../etc/passwd\n"}, "", "outside the repository"},
		"missing include":  {map[string]string{"requirements.txt": "x\n-r gone.txt\n"}, "", "requirements.txt:2: cannot be built: it names a file that does not exist"},
		"missing package":  {map[string]string{"requirements.txt": "./pkg\n"}, "", "requirements.txt:1"},
		"missing wheels":   {map[string]string{"requirements.txt": "-f gone\n"}, "", "requirements.txt:1"},
		"editable":         {map[string]string{"requirements.txt": "-e .\n"}, "", "editable"},
		"endless includes": {map[string]string{"requirements.txt": "-r requirements.txt\n"}, "", "include each other"},
		"bad toml":         {map[string]string{"pyproject.toml": "[project\n"}, "", "pyproject.toml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := request(t, tree(t, c.files), &output{})
			req.Manifest.Python.Requirements = c.given
			_, err := readRequirements(req)
			if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want it to say %q", err, c.says)
			}
		})
	}
	req := request(t, tree(t, map[string]string{"main.py": ""}), &output{})
	req.Manifest.Python.Wheelhouse = "../wheels"
	if _, err := indexesOf(req, ""); !errors.Is(err, ErrBad) {
		t.Errorf("a wheelhouse outside: %v", err)
	}
}

func TestProjectFile(t *testing.T) {
	t.Parallel()
	req := request(t, tree(t, map[string]string{"pyproject.toml": "[project]\nname = 'x'\ndependencies = ['a>=1', 'b']\n"}), &output{})
	r, err := readRequirements(req)
	if err != nil || r.lines != 2 || r.text != "a>=1\nb\n" || len(r.warnings) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Two deploys with the same requirements at a time make one environment.
func TestBuildsOfOneKeyTakeTurns(t *testing.T) {
	t.Parallel()
	b, out := builder(t), &output{}
	dir := tree(t, map[string]string{"main.py": ""})
	results := make(chan Result, 2)
	for range 2 {
		go func() {
			res, err := b.Build(context.WithoutCancel(t.Context()), request(t, dir, out))
			if err != nil {
				t.Error(err)
			}
			results <- res
		}()
	}
	if one, two := <-results, <-results; one.Key != two.Key || one.Reused == two.Reused {
		t.Errorf("%+v and %+v", one, two)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	b := builder(t)
	outside := tree(t, map[string]string{"precious": "x"})
	for _, key := range []string{"kept", "pinned", "old", ".uv-cache"} {
		write(t, filepath.Join(b.cfg.Root, key, "file"), "x")
	}
	must(t, os.Symlink(outside, filepath.Join(b.cfg.Root, "link")))
	must(t, os.Symlink(outside, filepath.Join(b.cfg.Root, "old", "inside")))
	b.pin("pinned", 1)
	gone, err := b.Collect(t.Context(), map[string]bool{"kept": true})
	if err != nil || strings.Join(gone, " ") != "old" {
		t.Errorf("removed %q, %v", gone, err)
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Errorf("a link was followed: %v", err)
	}
	b.Unpin("pinned")
	if gone, err = b.Collect(t.Context(), map[string]bool{"kept": true}); err != nil || strings.Join(gone, " ") != "pinned" {
		t.Errorf("removed %q, %v", gone, err)
	}
	write(t, filepath.Join(b.cfg.Root, ".removed-x", "file"), "x")
	must(t, b.Sweep())
	if _, err := os.Stat(filepath.Join(b.cfg.Root, ".removed-x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Sweep left it: %v", err)
	}
}
