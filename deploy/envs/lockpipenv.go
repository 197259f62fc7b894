package envs

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// pipfileLock is a Pipfile.lock of Pipenv. It lists every package, so there is nothing to follow.
type pipfileLock struct {
	Meta struct {
		Sources []struct {
			Name string `json:"name"`
			URL  string `json:"url"`
		} `json:"sources"`
		Requires struct {
			Version string `json:"python_version"`
			Full    string `json:"python_full_version"`
		} `json:"requires"`
	} `json:"_meta"`
	Default map[string]pipfilePackage `json:"default"`

	root, base string
}

type pipfilePackage struct {
	Version string   `json:"version"` // "==1.2"
	Hashes  []string `json:"hashes"`
	Markers string   `json:"markers"`
	Index   string   `json:"index"`
	Git     string   `json:"git"`
	Ref     string   `json:"ref"`
	Sub     string   `json:"subdirectory"`
	Path    string   `json:"path"`
	File    string   `json:"file"`
}

// readPipfileLock reads a Pipfile.lock; fs.ErrNotExist when there is none.
func readPipfileLock(root, dir string) (*pipfileLock, error) {
	text, err := readLock(root, filepath.Join(dir, "Pipfile.lock"))
	if err != nil {
		return nil, err
	}
	l := &pipfileLock{root: root, base: dir}
	if err := json.Unmarshal(text, l); err != nil {
		return nil, fmt.Errorf("%w: Pipfile.lock: %v", ErrBad, err)
	}
	return l, nil
}

func (l *pipfileLock) pythons() string {
	switch r := l.Meta.Requires; {
	case r.Full != "":
		return "==" + r.Full
	case r.Version != "":
		return "==" + r.Version + ".*"
	}
	return ""
}

func (l *pipfileLock) resolve(t target) (locked, error) {
	var out locked
	for _, s := range l.Meta.Sources {
		if s.URL != "" && !isPyPI(s.URL) {
			out.registries = append(out.registries, s.URL)
		}
	}
	for name, p := range l.Default {
		ok, err := t.holds(p.Markers, nil)
		if err != nil {
			return out, err
		}
		if !ok {
			continue
		}
		one, err := l.pin(normal(name), p)
		if err != nil {
			return out, err
		}
		out.pins = append(out.pins, one)
	}
	return out, nil
}

func (l *pipfileLock) pin(name string, p pipfilePackage) (pin, error) {
	switch {
	case p.Git != "":
		if len(p.Ref) < 40 {
			return pin{}, fmt.Errorf("%w: package %s: its Git source names no commit", ErrBad, name)
		}
		return pin{name: name, direct: gitRequirement(p.Git, p.Ref, p.Sub)}, nil
	case p.Path != "":
		return localPin(l.root, l.base, name, p.Path)
	case strings.Contains(p.File, "://"):
		return pin{name: name, direct: p.File, hashes: p.Hashes}, nil
	case p.File != "":
		return localPin(l.root, l.base, name, p.File)
	}
	return pin{name: name, version: strings.TrimPrefix(p.Version, "=="), hashes: p.Hashes}, nil
}
