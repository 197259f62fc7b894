package envs

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNoEnvironment is returned for a key that no complete environment has.
var ErrNoEnvironment = errors.New("no such environment")

// Environment is a built environment and what it has cost. Bytes is its room on the disk; Shared is the part of it that lies in a
// package cache, too, and takes no room of its own.
type Environment struct {
	Key     string    `json:"-"`
	What    string    `json:"what"` // one line for people
	BuiltAt time.Time `json:"built_at"`
	Seconds float64   `json:"seconds"` // to build it
	Bytes   int64     `json:"bytes"`
	Shared  int64     `json:"shared_bytes"`
	Files   int       `json:"files"`
}

// Package is what is installed in an environment; Bytes is 0 where that is not known.
type Package struct {
	Name    string
	Version string
	Bytes   int64
}

// List returns the complete environments by their keys.
func (b *Builder) List(ctx context.Context) ([]Environment, error) {
	entries, err := os.ReadDir(b.cfg.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	var out []Environment
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		env, err := b.Get(e.Name())
		switch {
		case err == nil:
			out = append(out, env)
		case !errors.Is(err, ErrNoEnvironment):
			return nil, err
		}
	}
	return out, nil
}

// Get returns one environment; ErrNoEnvironment when there is none, or one that is not complete.
func (b *Builder) Get(key string) (Environment, error) {
	env := Environment{Key: key}
	dir, err := b.place(key)
	if err != nil {
		return env, err
	}
	text, err := os.ReadFile(filepath.Join(dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return env, fmt.Errorf("environment %s: %w", key, ErrNoEnvironment)
	}
	if err == nil {
		err = json.Unmarshal(text, &env)
	}
	if err != nil {
		return env, fmt.Errorf("environment %s: %w", key, err)
	}
	if env.Files == 0 { // built before sizes were noted
		env.Bytes, env.Shared, env.Files = b.measured(key, dir)
	}
	return env, nil
}

// place is the folder of an environment. A key is a name, not a path.
func (b *Builder) place(key string) (string, error) {
	if key == "" || strings.HasPrefix(key, ".") || key != filepath.Base(key) {
		return "", fmt.Errorf("environment %q: %w", key, ErrNoEnvironment)
	}
	return filepath.Join(b.cfg.Root, key), nil
}

type size struct {
	bytes, shared int64
	files         int
}

// measured remembers the size of what never changes.
func (b *Builder) measured(key, dir string) (bytes, shared int64, files int) {
	b.mu.Lock()
	s, ok := b.sizes[key]
	b.mu.Unlock()
	if !ok {
		s = measure(dir)
		b.mu.Lock()
		b.sizes[key] = s
		b.mu.Unlock()
	}
	return s.bytes, s.shared, s.files
}

// measure adds up a folder. What cannot be read, or goes meanwhile, is left out: it is a figure for people.
func measure(dir string) (s size) {
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Nlink > 1 && !d.IsDir() && seen[st.Ino] {
			return nil
		}
		s.bytes += st.Blocks * 512
		if d.Type().IsRegular() {
			s.files++
			if st.Nlink > 1 {
				seen[st.Ino] = true
				s.shared += st.Blocks * 512
			}
		}
		return nil
	})
	if err != nil {
		return size{}
	}
	return s
}

// Packages are what is installed in an environment, by name.
func (b *Builder) Packages(key string) ([]Package, error) {
	dir, err := b.place(key)
	if err != nil {
		return nil, err
	}
	dists, err := distsIn(dir)
	if err != nil {
		return nil, err
	}
	var out []Package
	for _, d := range dists {
		p := Package{Name: d.name, Version: d.version}
		for _, f := range d.record {
			p.Bytes += f.size
		}
		out = append(out, p)
	}
	return append(out, nodePackages(dir)...), nil
}

// nodePackages are those that npm lists of what it installed.
func nodePackages(dir string) []Package {
	var lock struct {
		Packages map[string]struct {
			Version string `json:"version"`
		} `json:"packages"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err != nil || json.Unmarshal(text, &lock) != nil {
		return nil // no Node environment
	}
	var out []Package
	for path, p := range lock.Packages {
		if _, name, ok := strings.Cut(path, "node_modules/"); ok {
			out = append(out, Package{Name: name, Version: p.Version})
		}
	}
	slices.SortFunc(out, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// dist is one installed distribution of a virtualenv.
type dist struct {
	name, version string
	base          string // name-version as its folders are called
	site          string // the folder it is installed into
	record        []recorded
}

// recorded is a line of RECORD: a path relative to site-packages, the hash of the file as it was installed, its size in bytes.
type recorded struct {
	path, sum string
	size      int64
}

// distsIn finds what is installed in a virtualenv, by name.
func distsIn(env string) ([]dist, error) {
	infos, err := filepath.Glob(filepath.Join(env, "lib", "python3*", "site-packages", "*.dist-info"))
	if err != nil {
		return nil, err
	}
	var out []dist
	for _, info := range infos {
		d := dist{base: strings.TrimSuffix(filepath.Base(info), ".dist-info"), site: filepath.Dir(info)}
		if err := d.read(info); err != nil {
			return nil, fmt.Errorf("package %s: %w", d.base, err)
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b dist) int { return cmp.Compare(normal(a.name), normal(b.name)) })
	return out, nil
}

func (d *dist) read(info string) error {
	text, err := os.ReadFile(filepath.Join(info, "METADATA"))
	if err != nil {
		return err
	}
	d.name, d.version = headerOf(text, "Name"), headerOf(text, "Version")
	if text, err = os.ReadFile(filepath.Join(info, "RECORD")); err != nil {
		return err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return fmt.Errorf("RECORD: %w", err)
	}
	for _, row := range rows {
		f := recorded{path: row[0]}
		if len(row) > 1 {
			f.sum = row[1]
		}
		if len(row) > 2 && row[2] != "" {
			if f.size, err = strconv.ParseInt(row[2], 10, 64); err != nil {
				return fmt.Errorf("RECORD: %w", err)
			}
		}
		d.record = append(d.record, f)
	}
	return nil
}

// headerOf is a field of a METADATA or WHEEL file, which ends at the first empty line.
func headerOf(text []byte, name string) string {
	for _, v := range headersOf(text, name) {
		return v
	}
	return ""
}

func headersOf(text []byte, name string) (out []string) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() && strings.TrimSpace(lines.Text()) != "" {
		if key, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.EqualFold(key, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}
