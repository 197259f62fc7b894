package deploy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxDependsFile bounds a file that is read for the names of dependencies.
const maxDependsFile = 32 << 20

// DependencyChange is a package that is not what it was. Old or New is "" for one that is new or gone.
type DependencyChange struct {
	File string // that names it
	Name string
	Old  string // its version, or what is asked of it
	New  string
}

// dependencyFiles are what name a service's dependencies, by language; of each language the first that is there counts.
var dependencyFiles = [][]struct {
	name string
	read func([]byte) (map[string]string, error)
}{
	{{"uv.lock", lockedTOML}, {"poetry.lock", lockedTOML}, {"Pipfile.lock", lockedPipfile}, {"requirements.txt", required}, {"pyproject.toml", projectNeeds}},
	{{"package-lock.json", lockedNode}, {"package.json", nodeNeeds}},
}

// depends is what one commit asks for.
type depends struct {
	file     string
	packages map[string]string
}

// dependencies reads what a commit's service needs, by language. requirements is the manifest's file, "" for the usual name. A file
// that cannot be understood is told in notes.
func dependencies(read func(name string) ([]byte, error), dir, requirements string) (all []depends, notes []string, err error) {
	for _, files := range dependencyFiles {
		found := depends{}
		for _, f := range files {
			name := f.name
			if name == "requirements.txt" {
				name = cmp.Or(requirements, name)
			}
			data, err := read(path.Join(dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, notes, err
			}
			if found.packages, err = f.read(data); err != nil {
				notes = append(notes, fmt.Sprintf("%s is not understood: %s", name, firstLine(err.Error())))
				continue
			}
			found.file = name
			break
		}
		all = append(all, found)
	}
	return all, notes, nil
}

// diffDependencies lists what differs, by file and name.
func diffDependencies(old, next []depends) (changes []DependencyChange) {
	for k := range next {
		file := cmp.Or(next[k].file, old[k].file)
		for name, was := range old[k].packages {
			if is, ok := next[k].packages[name]; !ok || is != was {
				changes = append(changes, DependencyChange{File: file, Name: name, Old: was, New: is})
			}
		}
		for name, is := range next[k].packages {
			if _, ok := old[k].packages[name]; !ok {
				changes = append(changes, DependencyChange{File: file, Name: name, New: is})
			}
		}
	}
	slices.SortFunc(changes, func(a, b DependencyChange) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Name, b.Name))
	})
	return changes
}

var (
	requirementRE = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*(.*)$`)
	separatorRE   = regexp.MustCompile(`[-_.]+`)
)

// pypiName is the one spelling of a Python package's name.
func pypiName(name string) string {
	return strings.ToLower(separatorRE.ReplaceAllString(name, "-"))
}

// required reads a requirements file; options and paths are no packages. What is asked of one without a version is "any".
func required(data []byte) (map[string]string, error) {
	found := map[string]string{}
	text := strings.ReplaceAll(string(data), "\\\n", " ")
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(" "+line, " #")
		line, _, _ = strings.Cut(strings.TrimSpace(line), " --") // hashes
		if addRequirement(found, line); len(found) > 100_000 {
			return nil, errors.New("it names more than 100000 packages")
		}
	}
	return found, nil
}

func addRequirement(found map[string]string, line string) {
	m := requirementRE.FindStringSubmatch(line)
	if m == nil || strings.Contains(m[1], "/") {
		return
	}
	spec := strings.TrimSpace(m[3])
	if spec != "" && strings.ContainsAny(spec[:1], "/:+") { // a path or an address
		return
	}
	name := pypiName(m[1])
	if old, ok := found[name]; ok { // one line per platform
		found[name] = old + "; " + cmp.Or(spec, "any")
		return
	}
	found[name] = cmp.Or(spec, "any")
}

func lockedTOML(data []byte) (map[string]string, error) {
	var lock struct {
		Package []struct {
			Name    string `toml:"name"`
			Version string `toml:"version"`
		} `toml:"package"`
	}
	if err := toml.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, p := range lock.Package {
		name, version := pypiName(p.Name), cmp.Or(p.Version, "any")
		if old, ok := found[name]; ok && old != version { // one per platform
			version = old + ", " + version
		}
		found[name] = version
	}
	return found, nil
}

func lockedPipfile(data []byte) (map[string]string, error) {
	var lock struct {
		Default map[string]struct {
			Version string `json:"version"`
			Ref     string `json:"ref"`
		} `json:"default"`
	}
	err := json.Unmarshal(data, &lock)
	found := map[string]string{}
	for name, p := range lock.Default {
		found[pypiName(name)] = cmp.Or(p.Version, p.Ref, "any")
	}
	return found, err
}

func projectNeeds(data []byte) (map[string]string, error) {
	var project struct {
		Project struct {
			Dependencies []string `toml:"dependencies"`
		} `toml:"project"`
	}
	err := toml.Unmarshal(data, &project)
	found := map[string]string{}
	for _, line := range project.Project.Dependencies {
		addRequirement(found, line)
	}
	return found, err
}

func lockedNode(data []byte) (map[string]string, error) {
	var lock struct {
		Packages map[string]struct {
			Version string `json:"version"`
			Dev     bool   `json:"dev"`
		} `json:"packages"`
	}
	err := json.Unmarshal(data, &lock)
	found := map[string]string{}
	for at, p := range lock.Packages {
		if name, ok := strings.CutPrefix(at, "node_modules/"); ok && !p.Dev {
			found[name] = cmp.Or(p.Version, "any")
		}
	}
	return found, err
}

func nodeNeeds(data []byte) (map[string]string, error) {
	var pkg struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	err := json.Unmarshal(data, &pkg)
	return pkg.Dependencies, err
}
