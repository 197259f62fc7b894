package envs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var py311 = interpreter{path: "/usr/bin/python3", version: "3.11.7"}

// sum256 is a hash as lock files write it.
var sum256 = "sha256:" + strings.Repeat("ab", 32)

// settled are the packages that a checkout's files settle for an interpreter, as name==version or name@place.
func settled(t *testing.T, files map[string]string, py interpreter) ([]string, requirements, error) {
	t.Helper()
	req := request(t, tree(t, files), &output{})
	r, err := readRequirements(req)
	if err == nil {
		err = r.settle(py)
	}
	if err != nil || r.locked == nil {
		return nil, r, err
	}
	var out []string
	for _, p := range r.locked.pins {
		what := p.name + "==" + p.version
		if p.direct != "" {
			what = p.name + "@" + strings.ReplaceAll(p.direct, req.Root, "")
		}
		out = append(out, what)
	}
	return out, r, nil
}

const uvProject = "[project]\nname = 'demo'\ndependencies = ['web', 'tool']\n"

const uvLocked = `
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "demo"
source = { virtual = "." }
dependencies = [
    { name = "web", extra = ["fast"] },
    { name = "tool", version = "1.0", source = { registry = "https://pypi.org/simple" }, marker = "python_full_version < '3.11'" },
    { name = "tool", version = "2.0", source = { registry = "https://pypi.org/simple" }, marker = "python_full_version >= '3.11'" },
    { name = "windows", marker = "sys_platform == 'win32'" },
    { name = "patched" }, { name = "near" }, { name = "torch" },
]
[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "web"
version = "3.1"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "core" }]
sdist = { url = "https://f/web.tar.gz", hash = "SUM" }
wheels = [{ url = "https://f/web.whl", hash = "SUM" }]
[package.optional-dependencies]
fast = [{ name = "speed", marker = "platform_python_implementation == 'CPython'" }]
slow = [{ name = "snail" }]

[[package]]
name = "core"
version = "1"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "web" }]
[[package]]
name = "speed"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "snail"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "tool"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "tool"
version = "2.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "windows"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "pytest"
version = "8"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "patched"
version = "1"
source = { git = "https://git.example/a/patched?rev=main#0123456789012345678901234567890123456789" }
[[package]]
name = "near"
source = { directory = "libs/near" }
[[package]]
name = "torch"
version = "2.5.1+cpu"
source = { registry = "https://download.example/whl/cpu" }
`

func uvFiles(lock string) map[string]string {
	return map[string]string{
		"main.py": "", "pyproject.toml": uvProject, "uv.lock": strings.ReplaceAll(lock, "SUM", sum256), "libs/near/pyproject.toml": "",
	}
}

func TestUVLock(t *testing.T) {
	t.Parallel()
	got, r, err := settled(t, uvFiles(uvLocked), py311)
	want := []string{
		"core==1", "near@/libs/near", "patched@git+https://git.example/a/patched@0123456789012345678901234567890123456789",
		"speed==1", "tool==2.0", "torch==2.5.1+cpu", "web==3.1",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	if !slices.Equal(r.locked.registries, []string{"https://download.example/whl/cpu"}) {
		t.Errorf("registries %q", r.locked.registries)
	}
	env := t.TempDir()
	files, err := r.files(env)
	must(t, err)
	if len(files) != 2 || !slices.Contains(files[0].args, "--require-hashes") || !slices.Contains(files[1].args, "--no-deps") {
		t.Fatalf("files %+v", files)
	}
	hashed, err := os.ReadFile(files[0].path)
	must(t, err)
	if string(hashed) != "web==3.1 --hash="+sum256+" --hash="+sum256+"\n" {
		t.Errorf("hashed: %s", hashed)
	}
	older, _, err := settled(t, uvFiles(uvLocked), interpreter{version: "3.10.2"})
	if err != nil || !slices.Contains(older, "tool==1.0") || slices.Contains(older, "tool==2.0") {
		t.Errorf("Python 3.10 gets %q, %v", older, err)
	}
}

// A member of a workspace has the lock file above it.
func TestUVWorkspace(t *testing.T) {
	t.Parallel()
	lock := `
version = 1
[[package]]
name = "one"
source = { editable = "services/one" }
dependencies = [{ name = "a" }]
[[package]]
name = "two"
source = { editable = "services/two" }
dependencies = [{ name = "b" }]
[[package]]
name = "a"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "b"
version = "1"
source = { registry = "https://pypi.org/simple" }
`
	root := tree(t, map[string]string{"uv.lock": lock, "services/two/pyproject.toml": "[project]\nname = 'two'\ndependencies = ['b']\n"})
	req := request(t, root, &output{})
	req.Dir = filepath.Join(root, "services", "two")
	r, err := readRequirements(req)
	must(t, err)
	must(t, r.settle(py311))
	if len(r.locked.pins) != 1 || r.locked.pins[0].name != "b" {
		t.Errorf("%+v", r.locked.pins)
	}
}

const poetryProject = `
[tool.poetry.dependencies]
python = "^3.10"
Web_App = {version = "^3", extras = ["fast"]}
num = [{version = "<2", python = "<3.11"}, {version = ">=2", python = ">=3.11"}]
later = {version = "*", markers = "python_version >= '3.13'"}
maybe = {version = "*", optional = true}
near = {path = "libs/near"}
forked = {git = "https://git.example/f.git"}
[tool.poetry.group.dev.dependencies]
pytest = "*"
`

const poetryLocked = `
[[package]]
name = "web-app"
version = "3.4"
python-versions = ">=3.8"
files = [{file = "web.whl", hash = "SUM"}]
[package.dependencies]
core = ">=1"
speed = {version = "*", optional = true, markers = "extra == \"fast\""}
snail = {version = "*", optional = true, markers = "extra == \"slow\""}
zip = {version = "*", optional = true}
[package.extras]
fast = ["speed", "zip (>=1) ; python_version > '3'"]
[[package]]
name = "core"
version = "1.2"
[package.dependencies]
web-app = "*"
[[package]]
name = "speed"
version = "1"
[[package]]
name = "zip"
version = "1"
[[package]]
name = "snail"
version = "1"
[[package]]
name = "num"
version = "1.9"
python-versions = ">=3.8"
[[package]]
name = "num"
version = "2.4"
python-versions = ">=3.11"
markers = "python_version >= \"3.11\""
[[package]]
name = "core"
version = "1.1"
markers = {main = "python_version < \"3.11\"", dev = "python_version < \"4\""}
[[package]]
name = "later"
version = "1"
[[package]]
name = "maybe"
version = "1"
[[package]]
name = "pytest"
version = "8"
[[package]]
name = "near"
version = "0"
[package.source]
type = "directory"
url = "libs/near"
[[package]]
name = "forked"
version = "0"
[package.source]
type = "git"
url = "https://git.example/f.git"
reference = "HEAD"
resolved_reference = "0123456789012345678901234567890123456789"
subdirectory = "py"
[metadata]
lock-version = "2.0"
python-versions = "^3.10"
`

func TestPoetryLock(t *testing.T) {
	t.Parallel()
	files := map[string]string{"pyproject.toml": poetryProject, "poetry.lock": strings.ReplaceAll(poetryLocked, "SUM", sum256), "libs/near/setup.py": ""}
	got, r, err := settled(t, files, py311)
	want := []string{
		"core==1.2", "forked@git+https://git.example/f.git@0123456789012345678901234567890123456789#subdirectory=py",
		"near@/libs/near", "num==2.4", "speed==1", "web-app==3.4", "zip==1",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if hashed, _ := r.locked.text(); hashed != "web-app==3.4 --hash="+sum256+"\n" {
		t.Errorf("hashed: %s", hashed)
	}
	older, _, err := settled(t, files, interpreter{version: "3.10.2"})
	if err != nil || !slices.Contains(older, "num==1.9") || !slices.Contains(older, "core==1.2") {
		t.Errorf("Python 3.10 gets %q, %v", older, err)
	}
}

func TestPipfileLock(t *testing.T) {
	t.Parallel()
	got, r, err := settled(t, map[string]string{"main.py": "", "Pipfile.lock": `{
		"_meta": {"requires": {"python_version": "3.11"}, "sources": [{"name": "own", "url": "https://pkg.example/simple"}]},
		"default": {
			"Web_App": {"version": "==3.4", "hashes": ["` + sum256 + `"], "markers": "python_version >= '3.8'"},
			"windows": {"version": "==1", "markers": "os_name == 'nt'"},
			"forked": {"git": "https://git.example/f.git", "ref": "0123456789012345678901234567890123456789"}
		}, "develop": {"pytest": {"version": "==8"}}}`}, py311)
	want := []string{"forked@git+https://git.example/f.git@0123456789012345678901234567890123456789", "web-app==3.4"}
	if err != nil || !slices.Equal(got, want) || !slices.Equal(r.locked.registries, []string{"https://pkg.example/simple"}) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestLocksRefused(t *testing.T) {
	t.Parallel()
	pipfile := func(packages string) map[string]string {
		return map[string]string{"main.py": "", "Pipfile.lock": `{"default": {` + packages + `}}`}
	}
	with := func(more string) map[string]string {
		return uvFiles(strings.Replace(uvLocked, "version = 1\n", more, 1))
	}
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"another version":     {with("version = 2\n"), "aictl reads version 1"},
		"another Python":      {uvFiles(strings.Replace(uvLocked, ">=3.10", ">=3.12", 1)), "uv.lock is for Python >=3.12 and this is 3.11.7"},
		"not toml":            {uvFiles("["), "uv.lock"},
		"without the project": {uvFiles("version = 1\n"), "run `uv lock`"},
		"left behind": {func() map[string]string {
			f := uvFiles(uvLocked)
			f["pyproject.toml"] = "[project]\ndependencies = ['fresh>=1']\n"
			return f
		}(), "needs fresh and the lock does not hold it"},
		"a path that leads out":         {uvFiles(strings.Replace(uvLocked, "libs/near", "../near", 1)), "outside the repository"},
		"a bad marker":                  {uvFiles(strings.Replace(uvLocked, "sys_platform ==", "weather ==", 1)), `"weather" is no variable`},
		"an edge to nothing":            {uvFiles(strings.Replace(uvLocked, `{ name = "core" }`, `{ name = "gone" }`, 1)), "web needs gone"},
		"an option for a name":          {pipfile(`"--index-url": {"version": "==1"}`), "no name of a package"},
		"an option for a version":       {pipfile(`"a": {"version": "==1 --index-url https://evil.example"}`), "no version of a"},
		"an option for a place":         {pipfile(`"a": {"file": "https://evil.example/a.whl --no-index"}`), "no place to get a from"},
		"an option for a hash":          {pipfile(`"a": {"version": "==1", "hashes": ["sha256:00 --pre"]}`), "no hash of a"},
		"a weak hash":                   {pipfile(`"a": {"version": "==1", "hashes": ["md5:00"]}`), "no hash of a"},
		"a branch for a commit":         {pipfile(`"a": {"git": "https://git.example/a", "ref": "main"}`), "names no commit"},
		"Poetry without its lock":       {map[string]string{"pyproject.toml": poetryProject}, "run `poetry lock`"},
		"Poetry's lock left behind":     {map[string]string{"pyproject.toml": poetryProject, "poetry.lock": "[metadata]\npython-versions = '*'\n"}, "run `poetry lock`"},
		"conda alone":                   {map[string]string{"main.py": "", "environment.yml": "dependencies:\n  - python=3.10\n  - conda-forge::numpy=1.26.4=py310\n  - pandas>=2\n  - pip:\n    - fastapi==0.110\n"}, `requirements.txt with numpy==1.26.4, pandas>=2, fastapi==0.110, and python.version: "3.10"`},
		"conda beside an empty project": {map[string]string{"pyproject.toml": "[project]\nname = 'x'\n", "environment.yml": "name: x\n"}, "is conda's, which aictl does not use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := settled(t, c.files, py311)
			if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want it to say %q", err, c.says)
			}
		})
	}
}

// What a lock says of other systems, and where the checkout lies, is not in the key; what is installed is.
func TestLockedKey(t *testing.T) {
	t.Parallel()
	key := func(change func(files map[string]string)) string {
		t.Helper()
		files := uvFiles(uvLocked)
		if change != nil {
			change(files)
		}
		b := New(Config{Root: t.TempDir(), UV: "none", Python: stub(t, "3.11.7", "")})
		r, err := b.python(t.Context(), request(t, tree(t, files), &output{}))
		must(t, err)
		return r.key
	}
	replace := func(old, new string) func(map[string]string) {
		return func(files map[string]string) { files["uv.lock"] = strings.Replace(files["uv.lock"], old, new, 1) }
	}
	first := key(nil)
	for name, change := range map[string]func(map[string]string){
		"another checkout": nil,
		"another system":   replace(`"windows"`+"\nversion = \"1\"", `"windows"`+"\nversion = \"2\""),
		"development":      replace(`version = "8"`, `version = "9"`),
		"code":             func(f map[string]string) { f["main.py"] = "x" },
	} {
		if key(change) != first {
			t.Errorf("%s changes the key", name)
		}
	}
	for name, change := range map[string]func(map[string]string){
		"version":       replace(`version = "3.1"`, `version = "3.2"`),
		"hash":          replace("abab", "cdcd"),
		"commit":        replace("#0123", "#9999"),
		"registry":      replace("whl/cpu", "whl/cu124"),
		"local package": func(f map[string]string) { f["libs/near/pyproject.toml"] = "[project]" },
	} {
		if key(change) == first {
			t.Errorf("%s does not change the key", name)
		}
	}
}

func TestPythonVersionFile(t *testing.T) {
	t.Parallel()
	machine := stub(t, "3.11.7", "")
	for text, warned := range map[string]bool{"3.11\n": false, "3.11.7": false, "cpython@3.11": false, "3.99\n": true, "pypy3.10\n": false, "myenv\n": false} {
		b := New(Config{Root: t.TempDir(), UV: "none", Python: machine})
		r, err := b.python(t.Context(), request(t, tree(t, map[string]string{"main.py": "", ".python-version": text}), &output{}))
		if err != nil || !strings.HasPrefix(r.key, "py3.11-") || (len(r.warn) > 0) != warned {
			t.Errorf("%q: %s, %q, %v", text, r.key, r.warn, err)
		}
	}
}

// A lock file is installed as it says, checked by its hashes, from the folder of wheels that it names.
func TestLockIsInstalled(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"main.py": "", "pyproject.toml": "[project]\nname = 'x'\ndependencies = ['demo-pkg']\n"})
	wheel(t, filepath.Join(dir, "wheels"), "demo_pkg", "1.2")
	wheel(t, filepath.Join(dir, "wheels"), "demo_pkg", "1.3")
	sum, err := fileSum(filepath.Join(dir, "wheels", "demo_pkg-1.2-py3-none-any.whl"))
	must(t, err)
	lock := func(sum string) string {
		return "version = 1\n[[package]]\nname = 'x'\nsource = { virtual = '.' }\ndependencies = [{ name = 'demo-pkg' }]\n" +
			"[[package]]\nname = 'demo-pkg'\nversion = '1.2'\nsource = { registry = 'wheels' }\nwheels = [{ path = 'demo_pkg-1.2-py3-none-any.whl', hash = 'sha256:" + sum + "' }]\n"
	}
	write(t, filepath.Join(dir, "uv.lock"), lock(sum))
	b := New(Config{Root: filepath.Join(t.TempDir(), "envs"), UV: "none", Offline: true})
	out := &output{}
	res, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil || !strings.Contains(out.all(), "demo_pkg-1.2") && !strings.Contains(out.all(), "demo-pkg-1.2") {
		t.Fatalf("%v\n%s", err, out.all())
	}
	if !strings.Contains(res.Detail, "pip, uv.lock") {
		t.Errorf("detail %q", res.Detail)
	}
	write(t, filepath.Join(dir, "uv.lock"), lock(strings.Repeat("00", 32)))
	if _, err := b.Build(t.Context(), request(t, dir, out)); err == nil || !strings.Contains(out.all(), "HASHES") {
		t.Errorf("a wheel with another hash: %v\n%s", err, out.all())
	}
}

func FuzzLocks(f *testing.F) {
	f.Add(0, uvLocked)
	f.Add(1, poetryLocked)
	f.Add(2, `{"default": {"a": {"version": "==1", "markers": "os_name == 'nt' or (python_version > '3')"}}}`)
	f.Add(3, "dependencies: [python=3.10, {pip: [a]}]")
	names := []string{fileUVLock, filePoetryLock, filePipfileLock, "environment.yml"}
	f.Fuzz(func(t *testing.T, which int, text string) {
		dir := t.TempDir()
		project := uvProject
		if which%4 == 1 {
			project = poetryProject
		}
		for name, text := range map[string]string{names[uint(which)%4]: text, "pyproject.toml": project} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := readRequirements(Request{Root: dir, Dir: dir})
		if err != nil || r.settle(py311) != nil || r.locked == nil {
			return
		}
		hashed, rest := r.locked.text()
		if n := strings.Count(hashed+rest, "\n"); n != len(r.locked.pins) {
			t.Errorf("%d packages make %d lines:\n%s%s", len(r.locked.pins), n, hashed, rest)
		}
	})
}
