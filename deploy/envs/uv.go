package envs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// How long fetching uv may take, and how long it is not tried again after it failed: a machine without network is not to wait
// for one at every build.
const (
	uvPatience = 2 * time.Minute
	uvAgain    = time.Hour
)

// uvFetch is what is known of fetching uv. The zero value is ready.
type uvFetch struct {
	mu     sync.Mutex
	failed time.Time // the last time, zero for never
}

// uv finds the uv program: the one of the settings, of the PATH, or the one that aictl fetched. "" means that there is none.
func (b *Builder) uv() string {
	switch b.cfg.UV {
	case "none":
		return ""
	case "":
		if p, err := exec.LookPath("uv"); err == nil {
			return p
		}
		if p := b.ownUV(); p != "" && isFile(filepath.Dir(p), filepath.Base(p)) {
			return p
		}
		return ""
	}
	return b.cfg.UV
}

// ownUV is where a fetched uv lies; "" without a folder for tools.
func (b *Builder) ownUV() string {
	if b.cfg.Tools == "" {
		return ""
	}
	return filepath.Join(b.cfg.Tools, "uv")
}

// mayFetchUV reports whether a missing uv may be fetched.
func (b *Builder) mayFetchUV() bool {
	return b.cfg.FetchUV && b.cfg.UV == "" && b.cfg.Tools != "" && (!b.cfg.Offline || b.wheelhouse().has("uv"))
}

// fetchUV gets uv with pip into aictl's own folder. "" means that it could not be had: then pip builds the environment, and the log says why.
func (b *Builder) fetchUV(ctx context.Context, req Request, py interpreter) (string, error) {
	b.fetched.mu.Lock()
	defer b.fetched.mu.Unlock()
	if p := b.uv(); p != "" {
		return p, nil // another build was faster
	}
	if now := time.Now(); now.Sub(b.fetched.failed) < uvAgain {
		req.log("uv could not be fetched at " + b.fetched.failed.Format(time.TimeOnly) + " and is not tried again for an hour: pip is used")
		return "", nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, uvPatience, fmt.Errorf("uv was not there within %s", uvPatience))
	defer cancel()
	err := b.getUV(limited, req, py)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		b.fetched.failed = time.Now()
		req.log("uv could not be fetched: pip is used (" + firstOf(err) + ")")
		b.log.Warn("uv not fetched", "err", err)
		return "", nil
	}
	req.log("uv is in " + b.ownUV())
	return b.ownUV(), nil
}

func firstOf(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// getUV installs uv into a virtualenv beside its place, takes the program out of it, and moves it there once it has answered.
func (b *Builder) getUV(ctx context.Context, req Request, py interpreter) (err error) {
	if py.path == "" {
		if py.path, err = exec.LookPath("python3"); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.cfg.Tools, 0o755); err != nil {
		return fmt.Errorf("make a folder for tools: %w", err)
	}
	dir, err := os.MkdirTemp(b.cfg.Tools, ".fetch-")
	if err != nil {
		return fmt.Errorf("make a folder for tools: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	req.log("uv is not there; it is fetched with pip (deploy.uv)")
	if err := b.venv(ctx, req, py, "", dir, false); err != nil {
		return err
	}
	argv := []string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--timeout", "5", "--retries", "1", "uv"}
	ix := indexes{index: b.cfg.Index}
	c := Command{Name: "pip install uv", Argv: append(argv, b.sources(ix)...), Dir: dir, Env: buildEnv(b.pipEnv(ix)), Mark: req.Mark, Log: req.log}
	if err := Run(ctx, c); err != nil {
		return err
	}
	program := filepath.Join(dir, "bin", "uv")
	if err := Run(ctx, Command{Name: "uv", Argv: []string{program, "--version"}, Dir: dir, Env: b.uvEnv(nil), Mark: req.Mark, Log: req.log}); err != nil {
		return err
	}
	return os.Rename(program, b.ownUV())
}

// pythonOfUV is an interpreter of a version that the machine's PATH lacks: one that uv knows, or gets where it may. In a plan nothing is
// fetched, and only the version that is asked for is known.
func (b *Builder) pythonOfUV(ctx context.Context, req Request, uv, want string) (interpreter, error) {
	py, err := b.findWithUV(ctx, uv, want)
	if err == nil || req.dry || ctx.Err() != nil {
		if err != nil {
			return interpreter{version: want}, context.Cause(ctx)
		}
		return py, nil
	}
	if b.cfg.Offline {
		return interpreter{}, fmt.Errorf("%w: python.version asks for Python %s, which this machine does not have, and deploy.offline forbids to fetch it; install it, or change python.version", ErrNoTool, want)
	}
	req.log("Python " + want + " is not on this machine; uv gets it")
	err = Run(ctx, Command{Name: "uv python install", Argv: []string{uv, "python", "install", "--no-bin", want}, Dir: os.TempDir(), Env: b.uvEnv(nil), Mark: req.Mark, Log: req.log})
	if err != nil {
		return interpreter{}, fmt.Errorf("%w: python.version asks for Python %s, which this machine does not have; install it, or change python.version: %w", ErrNoTool, want, err)
	}
	return b.findWithUV(ctx, uv, want)
}

// findWithUV asks uv for an interpreter that is there already.
func (b *Builder) findWithUV(ctx context.Context, uv, want string) (interpreter, error) {
	cmd := exec.CommandContext(ctx, uv, "python", "find", "--no-project", want)
	cmd.Env, cmd.Dir = b.uvEnv(map[string]string{"UV_PYTHON_DOWNLOADS": "never"}), os.TempDir()
	out, err := cmd.Output()
	if err != nil {
		return interpreter{}, fmt.Errorf("ask uv for Python %s: %w", want, err)
	}
	return b.asked.ask(ctx, strings.TrimSpace(string(out)), time.Now(), ask)
}
