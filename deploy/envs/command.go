package envs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"aictl/configs"

	"github.com/google/shlex"
)

// Files that a runtime or a command is found from, in this order.
var (
	pythonMains = []string{"main.py", "app.py"}
	nodeMains   = []string{"server.js", "index.js", "app.js", "main.js"}
	pythonSigns = append([]string{"requirements.txt", "pyproject.toml"}, pythonMains...)
)

// Runtime is the manifest's runtime, or what the files in dir look like.
func Runtime(m configs.Manifest, dir string) configs.Runtime {
	switch {
	case m.Runtime != "":
		return m.Runtime
	case slices.ContainsFunc(pythonSigns, func(f string) bool { return isFile(dir, f) }):
		return configs.RuntimePython
	case isFile(dir, "package.json"):
		return configs.RuntimeNode
	}
	return configs.RuntimeCommand
}

func isFile(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular()
}

// Pick chooses the command of a checkout and says where it comes from: the manifest, the Procfile's web line, or a
// file with a well-known name. $PORT and $HOST, which no shell will expand, become {port} and {host}.
func Pick(m configs.Manifest, dir string) (argv []string, from string, err error) {
	line, from, err := pickLine(m, dir)
	if err != nil {
		return nil, "", err
	}
	argv, err = Split(line)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", from, err)
	}
	return argv, from, nil
}

func pickLine(m configs.Manifest, dir string) (line, from string, err error) {
	if m.Command != "" {
		return m.Command, "command", nil
	}
	if line, err = procfile(dir); err != nil || line != "" {
		return line, "Procfile", err
	}
	rt := Runtime(m, dir)
	if rt == configs.RuntimeNode {
		if line, err = startScript(dir); err != nil || line != "" {
			return line, "package.json", err
		}
	}
	for _, c := range []struct {
		runtime configs.Runtime
		program string
		files   []string
	}{{configs.RuntimePython, "python ", pythonMains}, {configs.RuntimeNode, "node ", nodeMains}} {
		for _, f := range c.files {
			if rt == c.runtime && isFile(dir, f) {
				return c.program + f, f, nil
			}
		}
	}
	return "", "", fmt.Errorf("%w: there is nothing to start: write `command:` into %s, or add a Procfile with a web line, a main.py or app.py, or a start script in package.json",
		ErrBad, configs.ManifestFile)
}

var webLine = regexp.MustCompile(`(?m)^web[ \t]*:[ \t]*(.+?)[ \t\r]*$`)

func procfile(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "Procfile"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if m := webLine.FindSubmatch(text); m != nil {
		return string(m[1]), nil
	}
	return "", nil
}

// startScript is package.json's start script: run as it is when no shell is needed, so that signals reach the
// program itself, else through npm.
func startScript(dir string) (string, error) {
	p, err := readPackage(dir)
	if err != nil || p.Scripts["start"] == "" {
		return "", err
	}
	line := p.Scripts["start"]
	if argv, err := Split(line); err == nil && argv[0] == "node" && !strings.ContainsAny(line, "$*?~`") {
		return line, nil
	}
	return "npm start", nil
}

// packageJSON is the part of a package.json that matters here.
type packageJSON struct {
	Scripts              map[string]string `json:"scripts"`
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
}

func readPackage(dir string) (packageJSON, error) {
	var p packageJSON
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("%w: package.json: %v", ErrBad, err)
	}
	return p, nil
}

var (
	portVar    = regexp.MustCompile(`\$PORT\b|\$\{PORT(:-[^}]*)?\}`)
	hostVar    = regexp.MustCompile(`\$HOST\b|\$\{HOST(:-[^}]*)?\}`)
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	variable   = regexp.MustCompile(`\$[A-Za-z_{(]`)
	shells     = []string{"sh", "bash", "dash", "zsh", "ash", "busybox", "env"}
	operators  = []string{"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"}
)

// Split splits a command as a shell would. What needs a shell is refused with the way to have one.
func Split(line string) ([]string, error) {
	argv, err := shlex.Split(line)
	if err != nil {
		return nil, fmt.Errorf("%w: the command %q: %v", ErrBad, line, err)
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("%w: the command is empty", ErrBad)
	}
	if assignment.MatchString(argv[0]) {
		return nil, fmt.Errorf("%w: the command begins with %s; put variables under `env:` in %s", ErrBad, argv[0], configs.ManifestFile)
	}
	for i, a := range argv {
		a = hostVar.ReplaceAllString(portVar.ReplaceAllString(a, "{port}"), "{host}")
		argv[i] = a
		if slices.Contains(operators, a) {
			return nil, fmt.Errorf("%w: the command holds %q, which needs a shell; write `command: sh -c \"…\"` into %s", ErrBad, a, configs.ManifestFile)
		}
		if v := variable.FindString(a); v != "" && !slices.Contains(shells, filepath.Base(argv[0])) {
			return nil, fmt.Errorf("%w: the command holds %s…, which only a shell fills in; write `command: sh -c \"…\"` into %s", ErrBad, v, configs.ManifestFile)
		}
	}
	return argv, nil
}

var pythonName = regexp.MustCompile(`^python(3(\.\d+)?)?$`)

// Resolve makes a command's program absolute: the environment's python for any python, a program of the environment,
// a file of the checkout, or one on the PATH. A program or script that does not exist is an error that says so.
func (r Result) Resolve(argv []string, dir string) ([]string, error) {
	program, err := r.program(argv[0], dir)
	if err != nil {
		return nil, err
	}
	out := append([]string{program}, argv[1:]...)
	if len(argv) > 1 && (pythonName.MatchString(argv[0]) || argv[0] == "node") {
		script := argv[1]
		if ext := filepath.Ext(script); (ext == ".py" || ext == ".js" || ext == ".mjs") && !filepath.IsAbs(script) && !isFile(dir, script) {
			return nil, fmt.Errorf("%w: the command runs %s, which does not exist in the repository", ErrBad, script)
		}
	}
	return out, nil
}

func (r Result) program(name, dir string) (string, error) {
	if strings.Contains(name, "/") {
		return inCheckout(name, dir)
	}
	if r.Dir != "" {
		own := name
		if pythonName.MatchString(name) {
			own = "python"
		}
		for _, bin := range []string{"bin", "node_modules/.bin"} {
			p := filepath.Join(r.Dir, bin, own)
			if info, err := os.Stat(p); err == nil && info.Mode()&0o111 != 0 {
				return p, nil
			}
		}
	}
	if set := r.tools[name]; set != "" {
		name = set
	}
	p, err := exec.LookPath(name)
	if err == nil {
		return filepath.Abs(p)
	}
	advice := "install it, or write its path into the command"
	if r.Dir != "" {
		advice = "add it to the requirements, or install it"
	}
	return "", fmt.Errorf("%w: the command's program %q is neither in the environment nor on the PATH; %s", ErrBad, name, advice)
}

func inCheckout(name, dir string) (string, error) {
	p := name
	if !filepath.IsAbs(p) {
		p = filepath.Join(dir, name)
	}
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: the command's program %s does not exist", ErrBad, name)
	case err != nil:
		return "", fmt.Errorf("%w: the command's program %s: %w", ErrBad, name, err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return "", fmt.Errorf("%w: the command's program %s is not executable; run `git update-index --chmod=+x %s` and commit", ErrBad, name, name)
	}
	return p, nil
}
