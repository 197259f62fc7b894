package envs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// poetryLock is a poetry.lock of Poetry 1 or 2, with the dependencies of the project that it was made for.
type poetryLock struct {
	Packages []poetryPackage `toml:"package"`
	Metadata struct {
		Pythons string                  `toml:"python-versions"`
		Files   map[string][]poetryFile `toml:"files"` // of Poetry before 1.5
	} `toml:"metadata"`

	root, base string
	project    project
}

type poetryPackage struct {
	Name    string              `toml:"name"`
	Version string              `toml:"version"`
	Pythons string              `toml:"python-versions"`
	Files   []poetryFile        `toml:"files"`
	Markers any                 `toml:"markers"` // where it is installed: a marker, or one for each group (Poetry 2)
	Needs   map[string]any      `toml:"dependencies"`
	Extras  map[string][]string `toml:"extras"`
	Source  struct {
		Type     string `toml:"type"`
		URL      string `toml:"url"`
		Resolved string `toml:"resolved_reference"`
		Sub      string `toml:"subdirectory"`
	} `toml:"source"`
}

type poetryFile struct {
	Hash string `toml:"hash"`
}

// readPoetryLock reads the poetry.lock beside a pyproject.toml; fs.ErrNotExist when there is none.
func readPoetryLock(root, dir string) (*poetryLock, error) {
	text, err := readLock(root, filepath.Join(dir, "poetry.lock"))
	if err != nil {
		return nil, err
	}
	l := &poetryLock{root: root, base: dir}
	if err := toml.Unmarshal(text, l); err != nil {
		return nil, fmt.Errorf("%w: poetry.lock: %v", ErrBad, err)
	}
	l.project, err = readProject(dir)
	return l, err
}

func (l *poetryLock) pythons() string { return l.Metadata.Pythons }

// need is a package that something needs, where its marker holds.
type need struct {
	name, constraint, marker, pythons string
	extras                            []string
	optional                          bool
}

// resolve walks from the project's dependencies along those of packages. Groups, as for development, are not followed.
func (l *poetryLock) resolve(t target) (locked, error) {
	w := poetryWalk{lock: l, target: t, byName: map[string][]*poetryPackage{}, seen: map[*poetryPackage]map[string]bool{}}
	for k := range l.Packages {
		p := &l.Packages[k]
		w.byName[normal(p.Name)] = append(w.byName[normal(p.Name)], p)
	}
	roots, err := l.roots()
	if err != nil {
		return locked{}, err
	}
	for _, n := range roots {
		if n.optional {
			continue
		}
		if err := w.follow("the project", n, nil); err != nil {
			return locked{}, err
		}
	}
	var out locked
	for p := range w.seen {
		if err := l.add(&out, p); err != nil {
			return out, err
		}
	}
	return out, nil
}

// roots are what the project itself needs.
func (l *poetryLock) roots() ([]need, error) {
	var out []need
	for _, line := range l.project.Project.Dependencies {
		d, ok := parseDependency(line)
		if !ok {
			return nil, fmt.Errorf("%w: pyproject.toml: %q is no dependency", ErrBad, line)
		}
		out = append(out, need{name: d.name, extras: d.extras, marker: d.marker})
	}
	if len(out) > 0 {
		return out, nil
	}
	for name, what := range l.project.Tool.Poetry.Dependencies {
		if normal(name) != "python" {
			out = append(out, needsOf(name, what)...)
		}
	}
	return out, nil
}

// needsOf reads what stands behind a name: a constraint, a table, or a list of them.
func needsOf(name string, what any) []need {
	n := need{name: normal(name)}
	switch v := what.(type) {
	case string:
		n.constraint = v
	case []any:
		var out []need
		for _, one := range v {
			out = append(out, needsOf(name, one)...)
		}
		return out
	case map[string]any:
		n.constraint, n.marker, n.pythons = textOf(v["version"]), textOf(v["markers"]), textOf(v["python"])
		n.optional = v["optional"] == true
		if system := textOf(v["platform"]); system != "" && n.marker == "" && !strings.ContainsAny(system, `"'\`) {
			n.marker = "sys_platform == '" + system + "'"
		}
		if extras, ok := v["extras"].([]any); ok {
			for _, e := range extras {
				n.extras = append(n.extras, normal(textOf(e)))
			}
		}
	}
	return []need{n}
}

func textOf(v any) string {
	s, ok := v.(string)
	if !ok {
		return ""
	}
	return s
}

// poetryWalk is a walk through a lock: which packages were reached, and with which extras.
type poetryWalk struct {
	lock   *poetryLock
	target target
	byName map[string][]*poetryPackage
	seen   map[*poetryPackage]map[string]bool
}

// follow goes to a package that by, with extras, needs.
func (w *poetryWalk) follow(by string, n need, extras []string) error {
	ok, err := w.target.holds(n.marker, extras)
	if err == nil && ok && n.pythons != "" {
		ok, err = satisfies(w.target["python_full_version"], n.pythons)
	}
	if err != nil {
		return fmt.Errorf("%w: %s needs %s: %w", ErrBad, by, n.name, err)
	}
	if !ok {
		return nil
	}
	p, err := w.find(n)
	if err != nil {
		return fmt.Errorf("%w: %s needs %s: %w", ErrBad, by, n.name, err)
	}
	return w.visit(p, n.extras)
}

// visit follows what a package needs: once without extras, and once more whenever it is wanted with an extra that is new.
func (w *poetryWalk) visit(p *poetryPackage, extras []string) error {
	old, known := w.seen[p]
	if !known {
		old = map[string]bool{}
		w.seen[p] = old
	}
	grown := !known
	for _, e := range extras {
		grown = grown || !old[e]
		old[e] = true
	}
	if !grown {
		return nil
	}
	for name, what := range p.Needs {
		for _, n := range needsOf(name, what) {
			if n.optional && !strings.Contains(n.marker, "extra") && !p.offers(n.name, extras) {
				continue
			}
			if err := w.follow(p.Name, n, extras); err != nil {
				return err
			}
		}
	}
	return nil
}

// offers tells whether one of the extras of a package brings another.
func (p *poetryPackage) offers(name string, extras []string) bool {
	for extra, lines := range p.Extras {
		if !slices.Contains(extras, normal(extra)) {
			continue
		}
		for _, line := range lines {
			if d, ok := parseDependency(line); ok && d.name == name {
				return true
			}
		}
	}
	return false
}

// find returns the package that a need means: of several, the newest one for this Python whose version is asked for.
func (w *poetryWalk) find(n need) (*poetryPackage, error) {
	all := w.byName[n.name]
	switch len(all) {
	case 0:
		return nil, fmt.Errorf("the lock does not hold it; run `poetry lock` and commit it")
	case 1:
		return all[0], nil
	}
	var best *poetryPackage
	for _, p := range all {
		ok, err := w.fits(p, n)
		if err != nil {
			return nil, err
		}
		if ok && (best == nil || newer(p.Version, best.Version)) {
			best = p
		}
	}
	if best == nil {
		return nil, fmt.Errorf("none of the %d versions in the lock fits %q", len(all), n.constraint)
	}
	return best, nil
}

func newer(a, b string) bool {
	v, ok := parseVersion(a)
	w, fine := parseVersion(b)
	return ok && fine && v.compare(w) > 0
}

// fits tells whether one of several packages of a name is for this machine, and of a version that is asked for.
func (w *poetryWalk) fits(p *poetryPackage, n need) (bool, error) {
	for _, c := range [][2]string{{w.target["python_full_version"], p.Pythons}, {p.Version, n.constraint}} {
		if c[1] == "" {
			continue
		}
		if ok, err := satisfies(c[0], c[1]); err != nil || !ok {
			return false, err
		}
	}
	return w.target.holds(p.marker(), nil)
}

// marker is where a package is installed for the service itself.
func (p *poetryPackage) marker() string {
	if groups, ok := p.Markers.(map[string]any); ok {
		return textOf(groups["main"])
	}
	return textOf(p.Markers)
}

// add turns a package into what is installed.
func (l *poetryLock) add(out *locked, p *poetryPackage) error {
	one := pin{name: normal(p.Name), version: p.Version}
	files := p.Files
	if len(files) == 0 {
		files = l.Metadata.Files[p.Name]
	}
	for _, f := range files {
		one.hashes = append(one.hashes, f.Hash)
	}
	switch s := p.Source; s.Type {
	case "", "pypi":
	case "legacy":
		if !isPyPI(s.URL) {
			out.registries = append(out.registries, s.URL)
		}
	case "git":
		one.direct = gitRequirement(s.URL, s.Resolved, s.Sub)
	case "url":
		one.direct = s.URL
	case "directory", "file":
		local, err := localPin(l.root, l.base, one.name, s.URL)
		if err != nil {
			return err
		}
		one = local
	default:
		return fmt.Errorf("%w: package %s comes from a source of the kind %q", ErrBad, p.Name, s.Type)
	}
	out.pins = append(out.pins, one)
	return nil
}
