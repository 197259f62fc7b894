package envs

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// uvLock is a uv.lock, version 1: https://docs.astral.sh/uv/concepts/resolution/.
type uvLock struct {
	Version  int         `toml:"version"`
	Requires string      `toml:"requires-python"`
	Packages []uvPackage `toml:"package"`

	root string // of the checkout
	base string // the folder that the lock file lies in
	self string // the service's folder, relative to base

	declared []string // names in the project's own file
}

type uvPackage struct {
	Name     string             `toml:"name"`
	Version  string             `toml:"version"`
	Source   uvSource           `toml:"source"`
	Needs    []uvEdge           `toml:"dependencies"`
	Optional map[string]uvEdges `toml:"optional-dependencies"`
	Sdist    uvFile             `toml:"sdist"`
	Wheels   []uvFile           `toml:"wheels"`
	Metadata struct {
		Requires []uvEdge `toml:"requires-dist"`
	} `toml:"metadata"`
}

type uvEdges []uvEdge

type uvEdge struct {
	Name    string   `toml:"name"`
	Version string   `toml:"version"`
	Source  uvSource `toml:"source"`
	Extra   []string `toml:"extra"`
	Marker  string   `toml:"marker"`
}

type uvSource struct {
	Registry  string `toml:"registry"`
	Git       string `toml:"git"`
	URL       string `toml:"url"`
	Path      string `toml:"path"`
	Directory string `toml:"directory"`
	Editable  string `toml:"editable"`
	Virtual   string `toml:"virtual"`
	Sub       string `toml:"subdirectory"`
}

type uvFile struct {
	Hash string `toml:"hash"`
}

// readUVLock reads the uv.lock of a project: beside its pyproject.toml, or above it when it is a member of a workspace. fs.ErrNotExist
// when there is none.
func readUVLock(root, dir string) (*uvLock, error) {
	base := dir
	text, err := readLock(root, filepath.Join(base, "uv.lock"))
	for errors.Is(err, fs.ErrNotExist) && base != root && isFile(dir, "pyproject.toml") {
		base = filepath.Dir(base)
		text, err = readLock(root, filepath.Join(base, "uv.lock"))
	}
	if err != nil {
		return nil, err
	}
	l := &uvLock{root: root, base: base}
	if err := toml.Unmarshal(text, l); err != nil {
		return nil, fmt.Errorf("%w: uv.lock: %v", ErrBad, err)
	}
	if l.Version != 1 {
		return nil, fmt.Errorf("%w: uv.lock has the version %d, and aictl reads version 1: write it with another uv, or commit `uv export --format requirements-txt > requirements.txt`", ErrBad, l.Version)
	}
	if l.self, err = filepath.Rel(base, dir); err != nil {
		return nil, err
	}
	p, err := readProject(dir)
	l.declared = p.names()
	return l, err
}

func (l *uvLock) pythons() string { return l.Requires }

// place is where a source lies in the repository; ok is false for one that lies elsewhere.
func (s uvSource) place() (where string, ok bool) {
	for _, p := range []string{s.Editable, s.Virtual, s.Directory, s.Path} {
		if p != "" {
			return p, true
		}
	}
	return "", false
}

// project finds the package that the service is itself.
func (l *uvLock) project() (*uvPackage, error) {
	for k := range l.Packages {
		p := &l.Packages[k]
		if where := p.Source.Editable + p.Source.Virtual; where != "" && filepath.Clean(where) == l.self {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: it does not hold the project in %s; run `uv lock` and commit it", ErrBad, l.self)
}

// resolve walks from the project along the dependencies whose markers hold. Its development dependencies are not followed.
func (l *uvLock) resolve(t target) (locked, error) {
	project, err := l.project()
	if err != nil {
		return locked{}, err
	}
	if err := l.fresh(project); err != nil {
		return locked{}, err
	}
	w := uvWalk{lock: l, target: t, seen: map[*uvPackage]map[string]bool{}, byName: map[string][]*uvPackage{}}
	for k := range l.Packages {
		p := &l.Packages[k]
		w.byName[normal(p.Name)] = append(w.byName[normal(p.Name)], p)
	}
	if err := w.visit(project, nil); err != nil {
		return locked{}, err
	}
	var out locked
	for p := range w.seen {
		if p == project {
			continue
		}
		if err := l.add(&out, p); err != nil {
			return out, err
		}
	}
	return out, nil
}

// fresh refuses a lock that the project's own file has left behind.
func (l *uvLock) fresh(project *uvPackage) error {
	has := map[string]bool{}
	for _, e := range append(project.Needs, project.Metadata.Requires...) { // Needs leaves out what no Python of the lock needs
		has[normal(e.Name)] = true
	}
	for _, name := range l.declared {
		if !has[name] {
			return fmt.Errorf("%w: pyproject.toml needs %s and the lock does not hold it; run `uv lock` and commit it", ErrBad, name)
		}
	}
	return nil
}

// uvWalk is a walk through a lock: which packages were reached, and with which extras.
type uvWalk struct {
	lock   *uvLock
	target target
	seen   map[*uvPackage]map[string]bool
	byName map[string][]*uvPackage
}

func (w *uvWalk) visit(p *uvPackage, extras []string) error {
	if w.seen[p] == nil {
		w.seen[p] = map[string]bool{}
		if err := w.follow(p, p.Needs, extras); err != nil {
			return err
		}
	}
	for _, extra := range extras {
		if w.seen[p][extra] {
			continue
		}
		w.seen[p][extra] = true
		if err := w.follow(p, p.Optional[extra], extras); err != nil {
			return err
		}
	}
	return nil
}

func (w *uvWalk) follow(p *uvPackage, edges []uvEdge, extras []string) error {
	for _, e := range edges {
		ok, err := w.target.holds(e.Marker, extras)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		next, err := w.find(e)
		if err != nil {
			return fmt.Errorf("%w: %s needs %s: %w", ErrBad, p.Name, e.Name, err)
		}
		if err := w.visit(next, e.Extra); err != nil {
			return err
		}
	}
	return nil
}

// find returns the package that an edge leads to: it tells those of one name apart where it must.
func (w *uvWalk) find(e uvEdge) (*uvPackage, error) {
	var found []*uvPackage
	for _, p := range w.byName[normal(e.Name)] {
		if (e.Version == "" || e.Version == p.Version) && (e.Source == uvSource{} || e.Source == p.Source) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("the lock holds it %d times; run `uv lock` and commit it", len(found))
	}
	return found[0], nil
}

// add turns a package into what is installed.
func (l *uvLock) add(out *locked, p *uvPackage) error {
	one := pin{name: normal(p.Name), version: p.Version}
	for _, f := range append(p.Wheels, p.Sdist) {
		if f.Hash != "" {
			one.hashes = append(one.hashes, f.Hash)
		}
	}
	if where, ok := p.Source.place(); ok {
		if p.Source.Virtual != "" {
			return nil // it is nothing but its dependencies
		}
		local, err := localPin(l.root, l.base, one.name, where)
		out.pins = append(out.pins, local)
		return err
	}
	switch s := p.Source; {
	case s.Git != "":
		place, err := gitPlace(s.Git)
		if err != nil {
			return fmt.Errorf("%w: package %s: %w", ErrBad, p.Name, err)
		}
		one.direct = place
	case s.URL != "":
		one.direct = s.URL
		if s.Sub != "" {
			one.direct += "#subdirectory=" + s.Sub
		}
	case s.Registry == "":
		return fmt.Errorf("%w: package %s comes from nowhere", ErrBad, p.Name)
	case strings.Contains(s.Registry, "://"):
		if !isPyPI(s.Registry) {
			out.registries = append(out.registries, s.Registry)
		}
	default:
		folder := filepath.Join(l.base, s.Registry)
		if err := inside(l.root, folder); err != nil {
			return fmt.Errorf("package %s: %w", p.Name, err)
		}
		out.links = append(out.links, folder)
	}
	out.pins = append(out.pins, one)
	return nil
}

// gitPlace turns uv's https://host/repo?rev=main#SHA into git+https://host/repo@SHA.
func gitPlace(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || len(u.Fragment) < 40 {
		return "", errors.New("its Git source names no commit")
	}
	sub, sha := u.Query().Get("subdirectory"), u.Fragment
	u.RawQuery, u.Fragment = "", ""
	return gitRequirement(u.String(), sha, sub), nil
}

// gitRequirement writes a commit of a repository as pip and uv read it.
func gitRequirement(address, sha, sub string) string {
	out := "git+" + strings.TrimPrefix(address, "git+") + "@" + sha
	if sub != "" {
		out += "#subdirectory=" + sub
	}
	return out
}
