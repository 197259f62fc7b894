package envs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Bounds on a lock file.
const (
	maxLock   = 64 << 20 // bytes
	maxLocked = 5000     // packages
)

// pin is a package as a lock file settles it.
type pin struct {
	name, version string
	hashes        []string // sha256:…, of every file that may be installed
	direct        string   // where it comes from instead of an index: git+https://…@sha, an address of a file, or a path
	source        string   // what direct is in the key, when that is not its text: a path counts by what lies there
	sums          []string
}

// locked is what a lock file says for one interpreter on this machine: every package there is to install.
type locked struct {
	pins       []pin
	registries []string // besides PyPI
	links      []string // folders of wheels
}

// lockFile is a lock file that was read but not yet asked: which of its packages are needed depends on the interpreter.
type lockFile interface {
	// pythons is the constraint on the Python's version, "" for none.
	pythons() string
	resolve(t target) (locked, error)
}

// text writes requirements: those that can be checked by their hashes, and the others. They are installed apart, since pip
// wants hashes for all or for none.
func (l locked) text() (hashed, rest string) {
	var h, r strings.Builder
	for _, p := range l.pins {
		switch {
		case p.direct == "" && len(p.hashes) > 0:
			fmt.Fprintf(&h, "%s==%s", p.name, p.version)
			for _, sum := range p.hashes {
				h.WriteString(" --hash=" + sum)
			}
			h.WriteByte('\n')
		case p.direct == "":
			fmt.Fprintf(&r, "%s==%s\n", p.name, p.version)
		case filepath.IsAbs(p.direct):
			r.WriteString(p.direct + "\n")
		default:
			fmt.Fprintf(&r, "%s @ %s\n", p.name, p.direct)
		}
	}
	return h.String(), r.String()
}

// sum is what decides the packages: not the lock file's own text, which also speaks of other systems.
func (l locked) sum() []string {
	out := []string{"locked"}
	for _, p := range l.pins {
		out = append(out, p.name, p.version, cmp.Or(p.source, p.direct), strings.Join(p.hashes, " "))
		out = append(out, p.sums...)
	}
	return append(append(out, l.registries...), l.links...)
}

func (l *locked) sort() {
	slices.SortFunc(l.pins, func(a, b pin) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.version, b.version))
	})
	slices.Sort(l.registries)
	l.registries = slices.Compact(l.registries)
}

// readLock reads a lock file with a bound on its size; fs.ErrNotExist when there is none.
func readLock(root, file string) ([]byte, error) {
	if err := inside(root, file); err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLock {
		return nil, fmt.Errorf("%w: %s is no file of at most %d MiB", ErrBad, filepath.Base(file), maxLock>>20)
	}
	return os.ReadFile(file)
}

// inside refuses a path that leads out of the repository, also by links.
func inside(root, path string) error {
	refused := fmt.Errorf("%w: %s is outside the repository", ErrBad, path)
	if rel, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(rel) {
		return refused
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // whoever opens it says so
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrBad, err)
	}
	base, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(base, real); err != nil || !filepath.IsLocal(rel) {
		return refused
	}
	return nil
}

// localPin is a package that lies in the repository: its files are in the key, for its text stays the same when they change.
func localPin(root, base, name, where string) (pin, error) {
	path := filepath.Join(base, where)
	if err := inside(root, path); err != nil {
		return pin{}, fmt.Errorf("package %s: %w", name, err)
	}
	sums, err := contents(path)
	if err != nil {
		return pin{}, fmt.Errorf("%w: package %s: %v", ErrBad, name, err)
	}
	return pin{name: name, direct: path, source: "path:" + where, sums: sums}, nil
}

var (
	pinnedName    = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	pinnedVersion = regexp.MustCompile(`^[A-Za-z0-9.!+_-]+$`)
	pinnedHash    = regexp.MustCompile(`^sha(?:256|384|512):[0-9a-f]+$`)
	pinnedPlace   = regexp.MustCompile(`^(?:git\+)?(?:https?|ssh|git|file)://[^\s;'"\\]+$`)
)

// check refuses what is no package: its text becomes lines of a requirements file, where a line can be an option.
func (l locked) check(file string) error {
	if len(l.pins) > maxLocked {
		return fmt.Errorf("%w: %s names more than %d packages", ErrBad, file, maxLocked)
	}
	for _, p := range l.pins {
		switch {
		case !pinnedName.MatchString(p.name):
			return fmt.Errorf("%w: %s: %q is no name of a package", ErrBad, file, p.name)
		case p.direct == "" && !pinnedVersion.MatchString(p.version):
			return fmt.Errorf("%w: %s: %q is no version of %s", ErrBad, file, p.version, p.name)
		case p.direct != "" && !filepath.IsAbs(p.direct) && !pinnedPlace.MatchString(p.direct):
			return fmt.Errorf("%w: %s: %q is no place to get %s from", ErrBad, file, p.direct, p.name)
		case strings.ContainsAny(p.direct, "\r\n"):
			return fmt.Errorf("%w: %s: the path of %s has a line break", ErrBad, file, p.name)
		}
		for _, h := range p.hashes {
			if !pinnedHash.MatchString(h) {
				return fmt.Errorf("%w: %s: %q is no hash of %s: lock again with a newer tool", ErrBad, file, h, p.name)
			}
		}
	}
	return nil
}

// settleLock asks a lock file for the packages that this interpreter needs.
func settleLock(file string, lf lockFile, py interpreter) (locked, error) {
	t := targetOf(py)
	if want := lf.pythons(); want != "" {
		ok, err := satisfies(t["python_full_version"], want)
		if err != nil {
			return locked{}, fmt.Errorf("%w: %s: %v", ErrBad, file, err)
		}
		if !ok {
			return locked{}, fmt.Errorf("%w: %s is for Python %s and this is %s; name a fitting one with python.version in aictl.yaml (uv gets it where deploy.uv allows)",
				ErrBad, file, want, py.version)
		}
	}
	l, err := lf.resolve(t)
	if err != nil {
		return l, fmt.Errorf("%s: %w", file, err)
	}
	l.sort()
	return l, l.check(file)
}

// isPyPI tells the index that every tool knows.
func isPyPI(url string) bool {
	return strings.HasPrefix(url, "https://pypi.org/simple") || strings.HasPrefix(url, "https://pypi.python.org/simple")
}
