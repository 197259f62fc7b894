package envs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Lock files of npm, the preferred one first.
var locks = []string{"npm-shrinkwrap.json", "package-lock.json"}

// localPackage matches a lock entry that lies in the repository instead of a registry.
var localPackage = regexp.MustCompile(`"(?:resolved|version)"\s*:\s*"(?:file:|link:)|"link"\s*:\s*true`)

// node decides how node_modules of a checkout is made: by `npm ci` in the environment's folder; Link then puts a
// link to it into the checkout. A checkout without dependencies, or with its own node_modules, needs nothing.
func (b *Builder) node(ctx context.Context, req Request) (recipe, error) {
	if _, err := os.Stat(filepath.Join(req.Dir, "node_modules")); err == nil {
		return recipe{what: "node_modules of the repository"}, nil
	}
	p, err := readPackage(req.Dir)
	if err != nil {
		return recipe{}, err
	}
	if len(p.Dependencies)+len(p.OptionalDependencies) == 0 {
		return recipe{what: "none needed"}, nil
	}
	lock := ""
	for _, f := range locks {
		if lock == "" && isFile(req.Dir, f) {
			lock = f
		}
	}
	if lock == "" {
		return recipe{}, fmt.Errorf("%w: package.json has dependencies but there is no package-lock.json; run `npm install --package-lock-only` and commit it", ErrBad)
	}
	node, npm, err := b.nodeTools()
	if err != nil {
		return recipe{}, err
	}
	version, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return recipe{}, fmt.Errorf("ask %s for its version: %w", node, err)
	}
	files, err := nodeFiles(req.Dir, lock)
	if err != nil {
		return recipe{}, err
	}
	if localPackage.Match(files[lock]) {
		return recipe{}, fmt.Errorf("%w: %s names packages by path (file: or link:), which cannot be shared between releases; publish them, or commit node_modules", ErrBad, lock)
	}
	v := strings.TrimSpace(string(version))
	h := newHash("node", v, runtime.GOOS, runtime.GOARCH, os.Getenv("NPM_CONFIG_REGISTRY"), os.Getenv("npm_config_registry"))
	for _, name := range []string{"package.json", lock, ".npmrc"} {
		h.add(name, string(files[name]))
	}
	return recipe{
		key: "node" + strings.TrimPrefix(strings.SplitN(v, ".", 2)[0], "v") + "-" + h.sum(), what: "Node " + v + ", npm ci",
		build: func(ctx context.Context, dir string) error { return b.npm(ctx, req, node, npm, dir, files) },
	}, nil
}

// nodeFiles are the files that decide what npm installs.
func nodeFiles(dir, lock string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, name := range []string{"package.json", lock, ".npmrc"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == ".npmrc":
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", name, err)
		default:
			out[name] = text
		}
	}
	return out, nil
}

func (b *Builder) nodeTools() (node, npm string, err error) {
	if node, err = tool(b.cfg.Node, "node"); err == nil {
		npm = b.cfg.NPM
		if npm == "" && isFile(filepath.Dir(node), "npm") { // the two belong together
			npm = filepath.Join(filepath.Dir(node), "npm")
		}
		npm, err = tool(npm, "npm")
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %v; install Node.js (Debian, Ubuntu: apt install nodejs npm), or set `runtime: command`", ErrNoTool, err)
	}
	return node, npm, nil
}

func tool(configured, name string) (string, error) {
	if configured != "" {
		name = configured
	}
	p, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(p)
}

func (b *Builder) npm(ctx context.Context, req Request, node, npm, dir string, files map[string][]byte) error {
	for name, text := range files {
		mode := fs.FileMode(0o644)
		if name == ".npmrc" {
			mode = 0o600 // it may hold a token
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, mode); err != nil {
			return err
		}
	}
	// npm is a script that looks for node itself.
	path := filepath.Dir(node) + ":" + os.Getenv("PATH")
	env := buildEnv(map[string]string{"PATH": path, "npm_config_update_notifier": "false", "npm_config_progress": "false"})
	if b.cfg.Offline {
		env = append(env, "npm_config_offline=true")
	}
	return Run(ctx, Command{
		Name: "npm ci", Argv: []string{npm, "ci", "--omit=dev", "--no-audit", "--no-fund"}, Dir: dir, Env: env, Mark: req.Mark, Log: req.Log,
	})
}

// Link puts the environment into a checkout where the runtime looks for it there: Node finds packages in
// node_modules beside the code. Virtualenvs need no link.
func (r Result) Link(dir string) error {
	if r.Dir == "" {
		return nil
	}
	modules := filepath.Join(r.Dir, "node_modules")
	if _, err := os.Stat(modules); err != nil {
		return nil // a virtualenv, or nothing was installed
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		return fmt.Errorf("link node_modules: %w", err)
	}
	return nil
}
