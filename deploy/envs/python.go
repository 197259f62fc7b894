package envs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// interpreter is a python program and its version.
type interpreter struct {
	path    string // "" when only uv can get it
	version string
}

// python decides how the virtualenv of a checkout is made.
func (b *Builder) python(ctx context.Context, req Request) (recipe, error) {
	reqs, err := readRequirements(req)
	if err != nil {
		return recipe{}, err
	}
	uv := b.uv()
	py, err := b.interpreter(ctx, req.Manifest.Python.Version, uv)
	if err != nil {
		return recipe{}, err
	}
	ix, err := indexesOf(req, b.cfg.Index)
	if err != nil {
		return recipe{}, err
	}
	h := newHash("python", py.version, runtime.GOOS, runtime.GOARCH)
	if reqs.needed() {
		h.add(reqs.sum...)
		h.add(ix.sum()...)
	}
	r := recipe{key: "py" + short(py.version) + "-" + h.sum(), warn: reqs.warnings}
	switch {
	case !reqs.needed():
		r.what = "Python " + py.version + ", no requirements"
		r.build = func(ctx context.Context, dir string) error { return b.venv(ctx, req, py, uv, dir, true) }
	case uv != "":
		r.what = "Python " + py.version + ", uv, " + reqs.name
		r.build = func(ctx context.Context, dir string) error {
			if err := b.venv(ctx, req, py, uv, dir, true); err != nil {
				return err
			}
			return b.uvInstall(ctx, req, reqs, ix, uv, dir)
		}
	default:
		r.what = "Python " + py.version + ", pip, " + reqs.name
		r.build = func(ctx context.Context, dir string) error {
			if err := b.venv(ctx, req, py, "", dir, false); err != nil {
				return err
			}
			return b.pipInstall(ctx, req, reqs, ix, dir)
		}
	}
	return r, nil
}

// short is a version's first two numbers.
func short(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// uv finds the uv program; "" means that pip is used.
func (b *Builder) uv() string {
	switch b.cfg.UV {
	case "none":
		return ""
	case "":
		p, err := exec.LookPath("uv")
		if err != nil {
			return ""
		}
		return p
	}
	return b.cfg.UV
}

// askVersion prints what a python is; a virtualenv's or a wrapper's answer is the real program behind it.
const askVersion = `import sys; print('%d.%d.%d' % sys.version_info[:3]); print(getattr(sys, '_base_executable', None) or sys.executable)`

// interpreter finds a python of the wanted version ("3.11", "3.11.4", or "" for any 3).
func (b *Builder) interpreter(ctx context.Context, want, uv string) (interpreter, error) {
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
		return interpreter{version: want}, nil // uv finds it, or fetches it where it may
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
	version, real, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if !ok {
		return interpreter{}, fmt.Errorf("ask %s for its version: it answered %q", path, out)
	}
	return interpreter{path: strings.TrimSpace(real), version: strings.TrimSpace(version)}, nil
}

// venv makes the virtualenv itself.
func (b *Builder) venv(ctx context.Context, req Request, py interpreter, uv, dir string, bare bool) error {
	c := Command{Name: "python -m venv", Argv: []string{py.path, "-m", "venv", dir}, Dir: req.Dir, Env: buildEnv(nil), Mark: req.Mark, Log: req.Log}
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

func (b *Builder) pipInstall(ctx context.Context, req Request, reqs requirements, ix indexes, dir string) error {
	file, err := reqs.file(dir)
	if err != nil {
		return err
	}
	argv := []string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "-r", file}
	env := map[string]string{
		"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "PIP_REQUIRE_VIRTUALENV": "0",
		"PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore",
	}
	// Through the environment: an index URL may hold a password, and arguments are for all to see.
	if ix.index != "" {
		env["PIP_INDEX_URL"] = ix.index
	}
	if len(ix.extra) > 0 {
		env["PIP_EXTRA_INDEX_URL"] = strings.Join(ix.extra, " ")
	}
	return Run(ctx, Command{Name: "pip install", Argv: append(argv, ix.args()...), Dir: req.Dir, Env: buildEnv(env), Mark: req.Mark, Log: req.Log})
}

func (b *Builder) uvInstall(ctx context.Context, req Request, reqs requirements, ix indexes, uv, dir string) error {
	file, err := reqs.file(dir)
	if err != nil {
		return err
	}
	argv := []string{uv, "pip", "install", "--python", filepath.Join(dir, "bin", "python"), "-r", file}
	env := readPipSettings("/etc", os.Getenv).forUV(os.Getenv)
	if ix.index != "" {
		env["UV_DEFAULT_INDEX"] = ix.index
	}
	if len(ix.extra) > 0 {
		env["UV_INDEX"] = strings.Join(ix.extra, " ")
	}
	return Run(ctx, Command{Name: "uv pip install", Argv: append(argv, ix.args()...), Dir: req.Dir, Env: b.uvEnv(env), Mark: req.Mark, Log: req.Log})
}

// uvEnv puts uv's cache on the file system of the environments, unless the user chose: only there it can link.
func (b *Builder) uvEnv(more map[string]string) []string {
	env := map[string]string{"UV_NO_PROGRESS": "1"}
	if os.Getenv("UV_CACHE_DIR") == "" {
		env["UV_CACHE_DIR"] = filepath.Join(b.cfg.Root, ".uv-cache")
	}
	for k, v := range more {
		env[k] = v
	}
	return buildEnv(env)
}
