package main

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"

	"aictl/configs"
)

// finding is what a service's files say of it.
type finding struct {
	runtime configs.Runtime
	command string
	by      []string // the files that told
	ignore  []string // what .gitignore lacks
}

// inspect looks at the files of a service the way a deploy does: a Procfile's web line first, then what is usual.
func inspect(files fs.FS) finding {
	has := func(name string) bool {
		info, err := fs.Stat(files, name)
		return err == nil && info.Mode().IsRegular()
	}
	var f finding
	take := func(names ...string) (first string) {
		for _, name := range names {
			if has(name) {
				f.by = append(f.by, name)
				if first == "" {
					first = name
				}
			}
		}
		return first
	}
	python := take("requirements.txt", "pyproject.toml", "setup.py")
	main := take("main.py", "app.py")
	node := take("package.json")
	switch {
	case python != "" || main != "":
		f.runtime = configs.RuntimePython
		if main != "" {
			f.command = "python " + main
		}
		f.ignore = missingIgnores(files, "__pycache__/", ".venv/")
	case node != "":
		f.runtime = configs.RuntimeNode
		if hasStartScript(files) {
			f.command = "npm start"
		} else if entry := take("server.js", "index.js", "main.js"); entry != "" {
			f.command = "node " + entry
		}
		f.ignore = missingIgnores(files, "node_modules/")
	}
	if web := procfileWeb(files); web != "" {
		f.command = web
		f.by = append(f.by, "Procfile")
		if f.runtime == "" {
			f.runtime = configs.RuntimeCommand
		}
	}
	return f
}

func hasStartScript(files fs.FS) bool {
	content, err := fs.ReadFile(files, "package.json")
	if err != nil {
		return false
	}
	var p struct {
		Scripts map[string]string `json:"scripts"`
	}
	return json.Unmarshal(content, &p) == nil && p.Scripts["start"] != ""
}

// procfileWeb is the command of a Procfile's web line, "" without one.
func procfileWeb(files fs.FS) string {
	content, err := fs.ReadFile(files, "Procfile")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "web:"); ok {
			return strings.TrimSpace(command)
		}
	}
	return ""
}

// missingIgnores are the patterns that no line of .gitignore names.
func missingIgnores(files fs.FS, patterns ...string) []string {
	var lines []string
	if content, err := fs.ReadFile(files, ".gitignore"); err == nil {
		for line := range strings.Lines(string(content)) {
			lines = append(lines, strings.Trim(strings.TrimSpace(line), "/"))
		}
	}
	return slices.DeleteFunc(patterns, func(p string) bool { return slices.Contains(lines, strings.Trim(p, "/")) })
}
