package envs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// Bounds on what a requirements file may pull into the key.
const (
	maxIncludes = 50
	maxHashed   = 16 << 20 // bytes; larger wheels count with name and size
	maxLocal    = 20000    // files of a folder that is installed from
)

// requirements are what a Python service needs, and what that depends on.
type requirements struct {
	name     string   // for people: requirements.txt
	path     string   // "" when the text below is to be written to a file first
	text     string   // from pyproject.toml
	lines    int      // that ask for something
	sum      []string // for the content key
	warnings []string
	lock     lockFile // asked for its packages once the Python is known
	locked   *locked  // what it said
}

func (r requirements) needed() bool { return r.lines > 0 }

// reqFile is a requirements file and the options that it is installed with.
type reqFile struct {
	path string
	args []string
}

// files are the requirements files; those that aictl writes itself lie in the environment.
func (r requirements) files(env string) ([]reqFile, error) {
	if r.path != "" {
		return []reqFile{{path: r.path}}, nil
	}
	write := func(name, text string) error { return os.WriteFile(filepath.Join(env, name), []byte(text), 0o644) }
	if r.locked == nil {
		return []reqFile{{path: filepath.Join(env, "requirements.txt")}}, write("requirements.txt", r.text)
	}
	hashed, rest := r.locked.text()
	var out []reqFile
	if hashed != "" {
		out = append(out, reqFile{filepath.Join(env, "requirements.txt"), []string{"--no-deps", "--require-hashes"}})
	}
	if rest != "" {
		out = append(out, reqFile{filepath.Join(env, "requirements-direct.txt"), []string{"--no-deps"}})
	}
	return out, errors.Join(write("requirements.txt", hashed), write("requirements-direct.txt", rest))
}

// settle asks the lock file, if there is one, for the packages that an interpreter needs.
func (r *requirements) settle(py interpreter) error {
	if r.lock == nil {
		return nil
	}
	l, err := settleLock(r.name, r.lock, py)
	if err != nil {
		return err
	}
	r.locked, r.lines, r.sum = &l, len(l.pins), l.sum()
	return nil
}

// Files that requirements are taken from when the manifest names none and there is no requirements.txt, the first one there.
const (
	fileUVLock      = "uv.lock"
	filePoetryLock  = "poetry.lock"
	filePipfileLock = "Pipfile.lock"
	fileProject     = "pyproject.toml"
)

// readRequirements finds the requirements of a checkout: the manifest's file, requirements.txt, a lock file, or the dependencies
// in pyproject.toml.
func readRequirements(req Request) (requirements, error) {
	name := req.Manifest.Python.Requirements
	given := name != ""
	if !given {
		name = "requirements.txt"
	}
	if base := filepath.Base(name); slices.Contains([]string{fileUVLock, filePoetryLock, filePipfileLock, fileProject}, base) {
		dir := filepath.Dir(filepath.Join(req.Dir, name))
		r, err := readProjectFile(req.Root, dir, base)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: python.requirements: %s does not exist in the repository", ErrBad, name)
		}
		return r, err
	}
	r := &reqReader{root: req.Root, out: requirements{name: name, path: filepath.Join(req.Dir, name)}}
	err := r.read(r.out.path)
	switch {
	case err == nil:
		return r.out, nil
	case !errors.Is(err, fs.ErrNotExist) || r.files > 0:
		return r.out, err
	case given:
		return r.out, fmt.Errorf("%w: python.requirements: %s does not exist in the repository", ErrBad, name)
	}
	for _, file := range []string{fileUVLock, filePoetryLock, filePipfileLock, fileProject} {
		found, err := readProjectFile(req.Root, req.Dir, file)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return requirements{name: fileProject}, refuseConda(req.Dir)
}

// readProjectFile reads one of the files of a project; fs.ErrNotExist when it is not there.
func readProjectFile(root, dir, file string) (requirements, error) {
	r := requirements{name: file}
	var err error
	switch file {
	case fileUVLock:
		r.lock, err = readUVLock(root, dir)
	case filePoetryLock:
		r.lock, err = readPoetryLock(root, dir)
	case filePipfileLock:
		r.lock, err = readPipfileLock(root, dir)
	default:
		return fromProject(dir)
	}
	return r, err
}

// fromProject takes the dependencies of a pyproject.toml; fs.ErrNotExist when there is none.
func fromProject(dir string) (requirements, error) {
	r := requirements{name: fileProject}
	if !isFile(dir, fileProject) {
		return r, fs.ErrNotExist
	}
	p, err := readProject(dir)
	if err != nil {
		return r, err
	}
	if len(p.Project.Dependencies) == 0 && len(p.Tool.Poetry.Dependencies) > 0 {
		return r, fmt.Errorf("%w: pyproject.toml has its dependencies in [tool.poetry] and there is no poetry.lock; run `poetry lock` and commit it", ErrBad)
	}
	if len(p.Project.Dependencies) == 0 {
		if err := refuseConda(dir); err != nil {
			return r, err
		}
	} else if slices.ContainsFunc(p.Project.Dependencies, func(d string) bool { return !strings.Contains(d, "==") && !strings.Contains(d, "@") }) {
		r.warnings = append(r.warnings, "pyproject.toml says no exact versions, so the next build may get others; run `uv lock` or `poetry lock` and commit the lock file")
	}
	r.lines = len(p.Project.Dependencies)
	r.text = strings.Join(p.Project.Dependencies, "\n") + "\n"
	r.sum = []string{r.text}
	return r, nil
}

// reqReader follows the includes of a requirements file.
type reqReader struct {
	root  string
	files int
	out   requirements
}

var (
	include  = regexp.MustCompile(`^(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|\b)(\S+)$`)
	editable = regexp.MustCompile(`^(-e|--editable)\b`)
	local    = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*@\s*)?(?:file:(?://)?)?((?:\.{1,2}(?:/|$)|/)[^;#\s]*)`)
	// The folder may also be a page of links, which is in the key by its address.
	findLinks = regexp.MustCompile(`^(?:-f|--find-links)(?:\s*=\s*|\s+)(\S+)`)
	comment   = regexp.MustCompile(`(^|\s)#.*$`)
)

func (r *reqReader) read(file string) error {
	if rel, err := filepath.Rel(r.root, file); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%w: the requirements name %s, which is outside the repository", ErrBad, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if r.files++; r.files > maxIncludes {
		return fmt.Errorf("%w: more than %d requirements files include each other", ErrBad, maxIncludes)
	}
	r.out.sum = append(r.out.sum, filepath.Base(file), string(text))
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\\\n"), []byte(" "))
	for n, line := range strings.Split(string(text), "\n") {
		if err := r.line(filepath.Dir(file), strings.TrimSpace(comment.ReplaceAllString(line, ""))); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: it names a file that does not exist: %v", ErrBad, err)
			}
			return fmt.Errorf("%s:%d: %w", filepath.Base(file), n+1, err)
		}
	}
	return nil
}

func (r *reqReader) line(dir, line string) error {
	switch m := include.FindStringSubmatch(line); {
	case line == "":
		return nil
	case m != nil:
		if strings.Contains(m[1], "://") {
			r.out.lines++
			return nil
		}
		return r.read(filepath.Join(dir, m[1]))
	case editable.MatchString(line):
		return fmt.Errorf("%w: editable packages point into a release that is replaced; name the package itself (`./path` instead of `-e ./path`)", ErrBad)
	case strings.HasPrefix(line, "-"):
		return r.option(dir, line) // the whole text is in the key
	}
	r.out.lines++
	if m := local.FindStringSubmatch(line); m != nil {
		p := m[1]
		if !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		sums, err := contents(p)
		r.out.sum = append(r.out.sum, sums...)
		return err
	}
	return nil
}

// option adds the wheels of a folder that an option names: the text stays the same when they change.
func (r *reqReader) option(dir, line string) error {
	m := findLinks.FindStringSubmatch(line)
	if m == nil || strings.Contains(m[1], "://") {
		return nil
	}
	p := m[1]
	if !filepath.IsAbs(p) {
		p = filepath.Join(dir, p)
	}
	sums, err := contents(p)
	r.out.sum = append(r.out.sum, sums...)
	return err
}

// contents are the names, sizes and, where not large, the content hashes of a file or of all files of a folder.
func contents(path string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		if out = append(out, rel, fmt.Sprint(info.Size())); len(out) > 3*maxLocal {
			return fmt.Errorf("%w: %s holds more than %d files", ErrBad, path, maxLocal)
		}
		if info.Size() > maxHashed {
			return nil
		}
		sum, err := fileSum(p)
		out = append(out, sum)
		return err
	})
	return out, err
}

func fileSum(p string) (string, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contentHash hashes a list of texts without running them into one another.
type contentHash struct{ h hash.Hash }

func newHash(parts ...string) contentHash {
	c := contentHash{sha256.New()}
	c.add("1") // grows when environments are built in another way
	c.add(parts...)
	return c
}

func (c contentHash) add(parts ...string) {
	for _, p := range parts {
		// A hash takes every write.
		fmt.Fprintf(c.h, "%d:%s", len(p), p)
	}
}

func (c contentHash) sum() string { return hex.EncodeToString(c.h.Sum(nil))[:20] }

// indexes are where packages come from, as the manifest says; the machine's own settings hold beside them.
type indexes struct {
	index, wheels string
	extra         []string
	links         []string // further folders of wheels
	listing       []string
	spread        bool // versions are exact: any index may have them
}

// add takes up where a lock file says that packages come from. What the manifest says is stronger: a wheelhouse without an index stays the
// only source.
func (ix *indexes) add(l locked) {
	ix.links = append(ix.links, l.links...)
	if ix.wheels != "" && ix.index == "" && len(ix.extra) == 0 {
		return
	}
	if len(l.registries) > 0 {
		ix.extra, ix.spread = append(slices.Clone(ix.extra), l.registries...), true
	}
}

// indexesOf takes what the manifest names; fallback is the index of a service that names nothing.
func indexesOf(req Request, fallback string) (indexes, error) {
	p := req.Manifest.Python
	ix := indexes{index: p.Index, extra: p.ExtraIndexes}
	if p.Wheelhouse == "" {
		if ix.index == "" {
			ix.index = fallback
		}
		return ix, nil
	}
	if !filepath.IsLocal(p.Wheelhouse) {
		return ix, fmt.Errorf("%w: python.wheelhouse: %s leaves the repository", ErrBad, p.Wheelhouse)
	}
	ix.wheels = filepath.Join(req.Root, p.Wheelhouse)
	var err error
	if ix.listing, err = contents(ix.wheels); err != nil {
		return ix, fmt.Errorf("%w: python.wheelhouse: %v", ErrBad, err)
	}
	return ix, nil
}

// args are the options for pip and uv alike. A wheelhouse without an index is the only source.
func (ix indexes) args() []string {
	var args []string
	if ix.wheels != "" && ix.index == "" && len(ix.extra) == 0 {
		args = append(args, "--no-index")
	}
	if ix.wheels != "" {
		args = append(args, "--find-links", ix.wheels)
	}
	for _, folder := range ix.links {
		args = append(args, "--find-links", folder)
	}
	return args
}

// sum is everything that decides where packages come from, the machine's settings included.
func (ix indexes) sum() []string {
	settings := map[string]string{}
	pip := readPipSettings("/etc", os.Getenv)
	for _, k := range []string{"index-url", "extra-index-url", "find-links", "no-index"} {
		if v := pip[k]; v != "" {
			settings["pip "+k] = v
		}
	}
	for _, k := range []string{"PIP_NO_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"} {
		if v := os.Getenv(k); v != "" {
			settings[k] = v
		}
	}
	text, err := json.Marshal(settings) // sorted by key
	if err != nil {
		text = []byte(err.Error()) // of strings to strings: never
	}
	out := append([]string{string(text), ix.index, fmt.Sprint(len(ix.extra))}, ix.extra...)
	return append(out, ix.listing...)
}

// isNoSpace reports whether a disk or a quota is full.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
