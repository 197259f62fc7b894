package envs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// project is what a pyproject.toml says of dependencies.
type project struct {
	Project struct {
		Dependencies []string `toml:"dependencies"`
	} `toml:"project"`
	Tool struct {
		Poetry struct {
			Dependencies map[string]any `toml:"dependencies"`
		} `toml:"poetry"`
	} `toml:"tool"`
}

// readProject reads a folder's pyproject.toml; a missing one says nothing.
func readProject(dir string) (p project, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "pyproject.toml"))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = toml.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("%w: pyproject.toml: %v", ErrBad, err)
	}
	return p, nil
}

// dependency is one line of dependencies as PEP 508 writes it: name[extras] constraint ; marker.
type dependency struct {
	name   string
	extras []string
	marker string
}

var dependencyForm = regexp.MustCompile(`^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?([^;]*)(?:;(.*))?$`)

// parseDependency reads the name, the extras and the marker; ok is false for what is none.
func parseDependency(line string) (d dependency, ok bool) {
	m := dependencyForm.FindStringSubmatch(line)
	if m == nil {
		return d, false
	}
	d = dependency{name: normal(m[1]), marker: strings.TrimSpace(m[4])}
	for extra := range strings.SplitSeq(m[2], ",") {
		if extra = normal(extra); extra != "" {
			d.extras = append(d.extras, extra)
		}
	}
	return d, true
}

// names are the packages that the project asks for, without those that only Poetry's table names.
func (p project) names() []string {
	var out []string
	for _, line := range p.Project.Dependencies {
		if d, ok := parseDependency(line); ok && !slices.Contains(out, d.name) {
			out = append(out, d.name)
		}
	}
	return out
}
