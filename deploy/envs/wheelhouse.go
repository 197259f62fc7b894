package envs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// wheelIndex is the file of the wheelhouse that says which wheels were imported, with the hashes that were verified.
const wheelIndex = "imported.json"

// Wheel is one wheel: of an export, or of the wheelhouse that imports fill.
type Wheel struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	File    string `json:"file"`
	SHA256  string `json:"sha256"` // hexadecimal
	Size    int64  `json:"size"`   // bytes
}

// wheelhouse is the folder of the wheels that were imported; builds look there as well.
type wheelhouse struct {
	dir    string
	wheels []Wheel
}

// wheelhouse reads what was imported. A folder that cannot be read has no wheels: what is missing is told by the build.
func (b *Builder) wheelhouse() wheelhouse {
	h := wheelhouse{dir: b.cfg.Wheels}
	if h.dir == "" {
		return h
	}
	var err error
	if h.wheels, err = readWheelIndex(h.dir); err != nil {
		b.log.Warn("imported wheels not read", "dir", h.dir, "err", err)
	}
	return h
}

func readWheelIndex(dir string) ([]Wheel, error) {
	text, err := os.ReadFile(filepath.Join(dir, wheelIndex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []Wheel
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", wheelIndex, err)
	}
	return all, nil
}

func (h wheelhouse) any() bool { return len(h.wheels) > 0 }

func (h wheelhouse) has(name string) bool {
	return slices.ContainsFunc(h.wheels, func(w Wheel) bool { return normal(w.Name) == normal(name) })
}

// hashes are the verified hashes of a package's imported wheels.
func (h wheelhouse) hashes(name, version string) (out []string) {
	for _, w := range h.wheels {
		if normal(w.Name) == normal(name) && sameVersion(w.Version, version) {
			out = append(out, "sha256:"+w.SHA256)
		}
	}
	return out
}

func sameVersion(a, b string) bool {
	v, ok := parseVersion(a)
	w, fine := parseVersion(b)
	return a == b || ok && fine && v.compare(w) == 0
}

var (
	hashedPin  = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*==\s*([A-Za-z0-9.!+_-]+)`)
	hashOption = regexp.MustCompile(`--hash[=\s]`)
	reference  = regexp.MustCompile(`^\s*(?:-|\.|/)|@\s*(?:file:|\.|/)`) // options and paths, which are read from where the file lies
)

// allow lets requirements with hashes be met by imported wheels: an exported wheel is made from what was installed, so that its hash is
// another than the index's, and it was verified when it was imported. Files without hashes, or that refer to others, stay as they are.
func (h wheelhouse) allow(files []reqFile, env string) ([]reqFile, error) {
	if !h.any() {
		return files, nil
	}
	out := slices.Clone(files)
	for k, f := range files {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.path, err)
		}
		more, changed := h.extend(text)
		if !changed {
			continue
		}
		out[k].path = filepath.Join(env, fmt.Sprintf("requirements-imported-%d.txt", k))
		if err := os.WriteFile(out[k].path, more, 0o644); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// replace takes imported wheels for packages that a lock file gets from a repository or an address, which cannot be asked.
func (h wheelhouse) replace(l locked) locked {
	l.pins = slices.Clone(l.pins)
	for k, p := range l.pins {
		if sums := h.hashes(p.name, p.version); p.direct != "" && !filepath.IsAbs(p.direct) && len(sums) > 0 {
			l.pins[k] = pin{name: p.name, version: p.version, hashes: sums}
		}
	}
	return l
}

// extend adds the hashes of imported wheels to the requirements that they can meet.
func (h wheelhouse) extend(text []byte) (out []byte, changed bool) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	joined := bytes.ReplaceAll(text, []byte("\\\n"), []byte(" "))
	var b strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(joined))
	lines.Buffer(nil, maxLock)
	for lines.Scan() {
		line := lines.Text()
		if reference.MatchString(line) {
			return text, false
		}
		if m := hashedPin.FindStringSubmatch(line); m != nil && hashOption.MatchString(line) {
			line = comment.ReplaceAllString(line, "")
			for _, sum := range h.hashes(m[1], m[2]) {
				line, changed = line+" --hash="+sum, true
			}
		}
		b.WriteString(line + "\n")
	}
	if lines.Err() != nil {
		return text, false
	}
	return []byte(b.String()), changed
}
