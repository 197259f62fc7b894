package envs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// interpreter is a python program and its version.
type interpreter struct {
	path    string // "" when only uv can get it
	version string
	impl    string // cpython when it is ""
}

// python decides how the virtualenv of a checkout is made.
func (b *Builder) python(ctx context.Context, req Request) (recipe, error) {
	reqs, err := readRequirements(req)
	if err != nil {
		return recipe{}, err
	}
	uv := b.uv()
	py, hint, err := b.choose(ctx, req, uv)
	if err != nil {
		return recipe{}, err
	}
	if err := reqs.settle(py); err != nil {
		return recipe{}, err
	}
	ix, err := indexesOf(req, b.cfg.Index)
	if err != nil {
		return recipe{}, err
	}
	if reqs.locked != nil {
		ix.add(*reqs.locked)
	}
	h := newHash("python", py.version, runtime.GOOS, runtime.GOARCH)
	if reqs.needed() {
		h.add(reqs.sum...)
		h.add(ix.sum()...)
	}
	p := &pyBuild{b: b, req: req, reqs: reqs, ix: ix, py: py, uv: uv}
	return recipe{key: "py" + short(py.version) + "-" + h.sum(), what: p.what(), warn: append(reqs.warnings, hint...), prepare: p.prepare, build: p.build}, nil
}

// choose finds the interpreter: the one of the manifest, else the one of .python-version where it can be had, else the machine's.
func (b *Builder) choose(ctx context.Context, req Request, uv string) (py interpreter, warnings []string, err error) {
	if want := req.Manifest.Python.Version; want != "" {
		py, err = b.interpreter(ctx, req, want, uv)
		return py, nil, err
	}
	wish := pythonVersionFile(req.Root, req.Dir)
	if wish == "" {
		py, err = b.interpreter(ctx, req, "", uv)
		return py, nil, err
	}
	local := req
	local.dry = true // a wish is no reason to download a Python
	if py, err = b.interpreter(ctx, local, wish, uv); err == nil && py.path != "" || ctx.Err() != nil {
		return py, nil, err
	}
	if py, err = b.interpreter(ctx, req, "", uv); err != nil {
		return py, nil, err
	}
	return py, []string{fmt.Sprintf(".python-version asks for Python %s, which this machine does not have; %s is used. Write python.version into aictl.yaml to insist on it", wish, py.version)}, nil
}

var plainPython = regexp.MustCompile(`^(?:cpython[@-])?(3(?:\.\d{1,3}){1,2})$`)

// pythonVersionFile is what the .python-version of a checkout asks for, "" for nothing that aictl understands.
func pythonVersionFile(root, dir string) string {
	for _, folder := range []string{dir, root} {
		text, err := os.ReadFile(filepath.Join(folder, ".python-version"))
		if err != nil || len(text) > 1<<10 {
			continue
		}
		if m := plainPython.FindStringSubmatch(strings.TrimSpace(string(text))); m != nil {
			return m[1]
		}
	}
	return ""
}

// pyBuild is a virtualenv to be made.
type pyBuild struct {
	b    *Builder
	req  Request
	reqs requirements
	ix   indexes
	py   interpreter
	uv   string
}

// what names the build in one line for people.
func (p *pyBuild) what() string {
	tool := "pip"
	if p.uv != "" {
		tool = "uv"
	}
	if !p.reqs.needed() {
		return "Python " + p.py.version + ", no requirements"
	}
	return "Python " + p.py.version + ", " + tool + ", " + p.reqs.name
}

// prepare gets uv when there is something to install, it is missing, and it may be fetched.
func (p *pyBuild) prepare(ctx context.Context) (what string, err error) {
	if p.uv == "" && p.reqs.needed() && p.b.mayFetchUV() {
		p.uv, err = p.b.fetchUV(ctx, p.req, p.py)
	}
	return p.what(), err
}

func (p *pyBuild) build(ctx context.Context, dir string) error {
	if err := p.b.venv(ctx, p.req, p.py, p.uv, dir, p.uv != "" || !p.reqs.needed()); err != nil || !p.reqs.needed() {
		return err
	}
	imported := p.b.wheelhouse()
	if p.b.cfg.Offline && p.reqs.locked != nil {
		*p.reqs.locked = imported.replace(*p.reqs.locked)
	}
	files, err := p.reqs.files(dir)
	if err == nil {
		files, err = imported.allow(files, dir)
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		if p.uv != "" {
			err = p.b.uvInstall(ctx, p.req, f, p.ix, p.uv, dir)
		} else {
			err = p.b.pipInstall(ctx, p.req, f, p.ix, dir)
		}
		if err != nil {
			return unreachable(err)
		}
	}
	return nil
}

// unreachable adds what to do when the index could not be asked.
func unreachable(err error) error {
	var failed *Failed
	if errors.As(err, &failed) && failed.says("Failed to establish a new connection", "Temporary failure in name resolution", "Name or service not known",
		"dns error", "error sending request", "client error (Connect)", "Connection refused", "Network is unreachable", "ConnectTimeoutError") {
		return fmt.Errorf("%w; where the package index cannot be reached, name a mirror with deploy.pip_index, or bring the packages from another machine with `aictl env export` and `aictl env import`", err)
	}
	return err
}

// short is a version's first two numbers.
func short(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// askVersion prints what a python is; a virtualenv's or a wrapper's answer is the real program behind it.
const askVersion = `import sys; print('%d.%d.%d' % sys.version_info[:3]); print(getattr(sys, '_base_executable', None) or sys.executable); print(sys.implementation.name)`

// interpreter finds a python of the wanted version ("3.11", "3.11.4", or "" for any 3).
func (b *Builder) interpreter(ctx context.Context, req Request, want, uv string) (interpreter, error) {
	names := []string{"python3", "python"}
	if b.cfg.Python != "" {
		names = []string{b.cfg.Python}
	}
	if want != "" {
		names = append(names, "python"+want, "python"+short(want))
	}
	var found []string
	for _, name := range names {
		p, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		py, err := b.asked.ask(ctx, p, time.Now(), ask)
		if err != nil {
			if ctx.Err() != nil {
				return py, context.Cause(ctx)
			}
			continue // a shim without a version behind it
		}
		if strings.HasPrefix(py.version, "3.") && (want == "" || py.version == want || strings.HasPrefix(py.version, want+".")) {
			return py, nil
		}
		found = append(found, py.version)
	}
	switch {
	case uv != "" && want != "":
		return b.pythonOfUV(ctx, req, uv, want)
	case want != "" && b.mayFetchUV() && !req.dry:
		uv, err := b.fetchUV(ctx, req, interpreter{})
		if err != nil {
			return interpreter{}, err
		}
		if uv != "" {
			return b.pythonOfUV(ctx, req, uv, want)
		}
	}
	switch {
	case len(found) > 0 && want != "":
		return interpreter{}, fmt.Errorf("%w: python.version asks for Python %s and this machine has %s; install it, install uv, or change python.version",
			ErrNoTool, want, found[0])
	}
	if len(found) > 0 {
		return interpreter{}, fmt.Errorf("%w: %s is Python %s and a Python 3 is needed; install it (Debian, Ubuntu: apt install python3 python3-venv)", ErrNoTool, names[0], found[0])
	}
	return interpreter{}, fmt.Errorf("%w: %s is not on the PATH; install it (Debian, Ubuntu: apt install python3 python3-venv), or set `runtime: command` when this is no Python service", ErrNoTool, names[0])
}

func ask(ctx context.Context, path string) (interpreter, error) {
	cmd := exec.CommandContext(ctx, path, "-c", askVersion)
	cmd.Env, cmd.Dir = buildEnv(nil), os.TempDir()
	out, err := cmd.Output()
	if err != nil {
		return interpreter{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(said) < 2 {
		return interpreter{}, fmt.Errorf("ask %s for its version: it answered %q", path, out)
	}
	py := interpreter{path: strings.TrimSpace(said[1]), version: strings.TrimSpace(said[0])}
	if len(said) > 2 {
		py.impl = strings.TrimSpace(said[2])
	}
	return py, nil
}

// venv makes the virtualenv itself.
func (b *Builder) venv(ctx context.Context, req Request, py interpreter, uv, dir string, bare bool) error {
	c := Command{Name: "python -m venv", Argv: []string{py.path, "-m", "venv", dir}, Dir: req.Dir, Env: buildEnv(nil), Mark: req.Mark, Log: req.log}
	switch {
	case py.path == "" || uv != "":
		want := py.path
		if want == "" {
			want = py.version
		}
		c.Name, c.Argv, c.Env = "uv venv", []string{uv, "venv", "--allow-existing", "--no-project", "--python", want, dir}, b.uvEnv(nil)
	case bare:
		c.Argv = []string{py.path, "-m", "venv", "--without-pip", dir}
	}
	err := Run(ctx, c)
	var failed *Failed
	if errors.As(err, &failed) && failed.says("ensurepip is not available", "No module named ensurepip", "No module named venv") {
		return fmt.Errorf("%w: this Python cannot make virtualenvs; install its venv package (Debian, Ubuntu: apt install python3-venv): %w", ErrNoTool, err)
	}
	return err
}

func (b *Builder) pipInstall(ctx context.Context, req Request, f reqFile, ix indexes, dir string) error {
	argv := append([]string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "-r", f.path}, f.args...)
	return Run(ctx, Command{Name: "pip install", Argv: append(argv, b.sources(ix)...), Dir: req.Dir, Env: buildEnv(b.pipEnv(ix)), Mark: req.Mark, Log: req.log})
}

// pipEnv are pip's settings. The addresses of indexes are among them: they may hold a password, and arguments are for all to see.
func (b *Builder) pipEnv(ix indexes) map[string]string {
	env := map[string]string{
		"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "PIP_REQUIRE_VIRTUALENV": "0",
		"PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore",
	}
	if ix.index != "" && !b.cfg.Offline {
		env["PIP_INDEX_URL"] = ix.index
	}
	if len(ix.extra) > 0 && !b.cfg.Offline {
		env["PIP_EXTRA_INDEX_URL"] = strings.Join(ix.extra, " ")
	}
	return env
}

// sources are the options, for pip and uv alike, that say where packages come from besides the index.
func (b *Builder) sources(ix indexes) []string {
	args := ix.args()
	if b.cfg.Offline && !slices.Contains(args, "--no-index") {
		args = append([]string{"--no-index"}, args...)
	}
	if b.wheelhouse().any() {
		args = append(args, "--find-links", b.cfg.Wheels)
	}
	return args
}

func (b *Builder) uvInstall(ctx context.Context, req Request, f reqFile, ix indexes, uv, dir string) error {
	argv := append([]string{uv, "pip", "install", "--python", filepath.Join(dir, "bin", "python"), "-r", f.path}, f.args...)
	env := readPipSettings("/etc", os.Getenv).forUV(os.Getenv)
	if b.cfg.Offline {
		env = map[string]string{}
	} else {
		if ix.index != "" {
			env["UV_DEFAULT_INDEX"] = ix.index
		}
		if len(ix.extra) > 0 {
			env["UV_INDEX"] = strings.Join(ix.extra, " ")
		}
	}
	if ix.spread && os.Getenv("UV_INDEX_STRATEGY") == "" {
		env["UV_INDEX_STRATEGY"] = "unsafe-best-match" // hashes and exact versions say which file it is
	}
	return Run(ctx, Command{Name: "uv pip install", Argv: append(argv, b.sources(ix)...), Dir: req.Dir, Env: b.uvEnv(env), Mark: req.Mark, Log: req.log})
}

// uvEnv puts uv's cache on the file system of the environments, and the Pythons it gets among aictl's tools, unless the user chose: only
// there it can link, and an environment lives no longer than its Python.
func (b *Builder) uvEnv(more map[string]string) []string {
	env := map[string]string{"UV_NO_PROGRESS": "1"}
	if os.Getenv("UV_CACHE_DIR") == "" {
		env["UV_CACHE_DIR"] = filepath.Join(b.cfg.Root, ".uv-cache")
	}
	if os.Getenv("UV_PYTHON_INSTALL_DIR") == "" && b.cfg.Tools != "" {
		env["UV_PYTHON_INSTALL_DIR"] = filepath.Join(b.cfg.Tools, "python")
	}
	if b.cfg.Offline {
		env["UV_OFFLINE"], env["UV_PYTHON_DOWNLOADS"] = "1", "never"
	}
	maps.Copy(env, more)
	return buildEnv(env)
}
