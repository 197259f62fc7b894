package envs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/configs"
)

func TestPick(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files   map[string]string
		command string
		argv    string
		from    string
		runtime configs.Runtime
	}{
		"the manifest's":       {map[string]string{"main.py": "", "Procfile": "web: x"}, "python serve.py --port $PORT", "python serve.py --port {port}", "command", configs.RuntimePython},
		"a Procfile":           {map[string]string{"main.py": "", "Procfile": "worker: w\nweb:  gunicorn app:app -b ${HOST:-0.0.0.0}:${PORT:-8000}\r\n"}, "", "gunicorn app:app -b {host}:{port}", "Procfile", configs.RuntimePython},
		"no web line":          {map[string]string{"app.py": "", "Procfile": "worker: w\n"}, "", "python app.py", "app.py", configs.RuntimePython},
		"main before app":      {map[string]string{"main.py": "", "app.py": ""}, "", "python main.py", "main.py", configs.RuntimePython},
		"a plain start script": {map[string]string{"package.json": `{"scripts":{"start":"node src/x.js --a 1"}}`}, "", "node src/x.js --a 1", "package.json", configs.RuntimeNode},
		"one for a shell":      {map[string]string{"package.json": `{"scripts":{"start":"tsc && node x.js"}}`}, "", "npm start", "package.json", configs.RuntimeNode},
		"a node file":          {map[string]string{"package.json": `{}`, "server.js": ""}, "", "node server.js", "server.js", configs.RuntimeNode},
		"a shell":              {map[string]string{}, `sh -c 'cd x && ./serve "$MODEL" $PORT'`, `sh -c cd x && ./serve "$MODEL" {port}`, "command", configs.RuntimeCommand},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, c.files)
			m := *configs.DefaultManifest()
			m.Command = c.command
			argv, from, err := Pick(m, dir)
			if got := strings.Join(argv, " "); err != nil || got != c.argv || from != c.from || Runtime(m, dir) != c.runtime {
				t.Errorf("%q from %s, %s, %v; want %q from %s, %s", got, from, Runtime(m, dir), err, c.argv, c.from, c.runtime)
			}
		})
	}
}

func TestPickRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files   map[string]string
		command string
		says    string
	}{
		"nothing to start": {map[string]string{"README.md": ""}, "", "there is nothing to start: write `command:` into aictl.yaml"},
		"an operator":      {nil, "python a.py && python b.py", `holds "&&", which needs a shell`},
		"a variable":       {nil, "python a.py --model $MODEL", "holds $M…, which only a shell fills in"},
		"an assignment":    {nil, "A=1 python a.py", "put variables under `env:`"},
		"an open quote":    {nil, `python "a.py`, "EOF found when expecting closing quote"},
		"a Procfile's":     {map[string]string{"Procfile": "web: a | b\n"}, "", `Procfile: cannot be built: the command holds "|"`},
		"bad package.json": {map[string]string{"package.json": "{"}, "", "package.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := *configs.DefaultManifest()
			m.Command = c.command
			_, _, err := Pick(m, tree(t, c.files))
			if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want it to say %q", err, c.says)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"run.sh": "#!/bin/sh\n", "plain": "x", "main.py": "", "env/bin/python.sh": "", "env/bin/tool.sh": ""})
	env := filepath.Join(dir, "env")
	must(t, os.Rename(filepath.Join(env, "bin/python.sh"), filepath.Join(env, "bin/python")))
	r := Result{Dir: env}
	for _, c := range [][2]string{
		{"python3.11 main.py", env + "/bin/python main.py"},
		{"tool.sh a b", env + "/bin/tool.sh a b"},
		{"./run.sh", dir + "/run.sh"},
		{"/bin/sh x", "/bin/sh x"},
	} {
		if got, err := r.Resolve(strings.Fields(c[0]), dir); err != nil || strings.Join(got, " ") != c[1] {
			t.Errorf("%s: %q, %v; want %s", c[0], got, err, c[1])
		}
	}
	if got, err := (Result{}).Resolve([]string{"sh", "-c", "x"}, dir); err != nil || !filepath.IsAbs(got[0]) {
		t.Errorf("%q, %v", got, err)
	}
	for command, says := range map[string]string{
		"no-such-program-at-all": `program "no-such-program-at-all" is neither in the environment nor on the PATH; add it to the requirements`,
		"./gone.sh":              "./gone.sh does not exist",
		"./plain":                "git update-index --chmod=+x ./plain",
		"./env":                  "not executable",
		"python serve.py":        "runs serve.py, which does not exist in the repository",
	} {
		if _, err := r.Resolve(strings.Fields(command), dir); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want it to say %q", command, err, says)
		}
	}
	set := Result{tools: map[string]string{"node": dir + "/run.sh"}}
	if got, err := set.Resolve([]string{"node", "-v"}, dir); err != nil || got[0] != dir+"/run.sh" {
		t.Errorf("the configured node is not used: %q, %v", got, err)
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("AICTL_TOKEN", "secret")
	t.Setenv("PYTHONPATH", "/elsewhere")
	dir := tree(t, map[string]string{"pyvenv.cfg": ""})
	text := "\n" + strings.Join(Result{Dir: dir}.Environ(map[string]string{"MODEL": "base"}), "\n") + "\n"
	for _, want := range []string{"\nMODEL=base\n", "\nVIRTUAL_ENV=" + dir + "\n", "\nPATH=" + dir + "/bin:"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	for _, no := range []string{"secret", "/elsewhere"} {
		if strings.Contains(text, no) {
			t.Errorf("holds %q", no)
		}
	}
}
