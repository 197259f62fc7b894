// Package envs builds the environment a release runs in: a virtualenv, a node_modules folder, or nothing. An
// environment is named by its content, built once at its final path and never edited afterwards.
package envs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aictl/configs"
)

// marker is the file that says that an environment was built to its end.
const marker = ".complete"

// Errors that callers branch on.
var (
	// ErrNoTool is returned when a program that the build needs is not installed.
	ErrNoTool = errors.New("program not found")
	// ErrNoSpace is returned when the disk filled up.
	ErrNoSpace = errors.New("no space left")
	// ErrBad is returned for a repository that asks for what cannot be built or run.
	ErrBad = errors.New("cannot be built")
)

// Config says where environments lie and which programs build them. Empty programs are looked up on the PATH.
type Config struct {
	Root   string // <key>/ below it
	UV     string // "none" never uses uv
	Python string
	Node   string
	NPM    string
	Index  string // package index for services that name none
	Logger *slog.Logger

	Tools   string // folder for programs that aictl fetches itself; "" fetches none
	FetchUV bool   // a missing uv is fetched with pip
	Wheels  string // folder of the wheels that were imported; "" for none
	Offline bool   // nothing is asked of a network
}

// Request is one environment to build. Dir, the folder the service runs in, lies in Root, the release's checkout.
type Request struct {
	Root     string
	Dir      string
	Manifest configs.Manifest
	Log      func(line string) // gets the output of every program
	Mark     string            // names the processes of this build, see Run

	dry bool // only to tell what would be built
}

// log tells a line of the build.
func (r Request) log(line string) {
	if r.Log != nil {
		r.Log(line)
	}
}

// Result is a built environment. Key and Dir are empty when the release needs none.
type Result struct {
	Key      string
	Dir      string
	Reused   bool
	Detail   string // one line for people
	Warnings []string

	tools map[string]string // programs of the settings that need not be on the PATH
}

// Builder builds environments; one for all services, since they share them.
type Builder struct {
	cfg Config
	log *slog.Logger

	asked   answers
	fetched uvFetch

	mu    sync.Mutex
	locks map[string]chan struct{}
	pins  map[string]int // keys in use by deploys that have no release yet
	sizes map[string]size

	imports sync.Mutex // held while the wheelhouse changes
}

// New returns a builder.
func New(cfg Config) *Builder {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Builder{cfg: cfg, log: cfg.Logger, locks: map[string]chan struct{}{}, pins: map[string]int{}, sizes: map[string]size{}}
}

// recipe is a decided build: its key and how it is carried out in dir.
type recipe struct {
	key   string
	what  string // one line for people: "Python 3.11.7, pip, requirements.txt"
	warn  []string
	build func(ctx context.Context, dir string) error
	// prepare, which may be nil, gets what building needs and may change what the build is. It is not called for what is there already.
	prepare func(ctx context.Context) (what string, err error)
}

// Build returns the environment for a checkout and builds it unless it is there already. The result is pinned: it
// is not collected until Unpin. Builds of one key take turns, so that the second finds the first's.
func (b *Builder) Build(ctx context.Context, req Request) (Result, error) {
	res, err := b.build(ctx, req)
	res.tools = map[string]string{"node": b.cfg.Node, "npm": b.cfg.NPM, "python3": b.cfg.Python, "python": b.cfg.Python}
	return res, err
}

func (b *Builder) build(ctx context.Context, req Request) (Result, error) {
	r, err := b.recipe(ctx, req)
	if err != nil || r.key == "" {
		return Result{Detail: r.what, Warnings: r.warn}, err
	}
	b.pin(r.key, 1)
	res, err := b.ensure(ctx, r)
	if err != nil {
		b.Unpin(r.key)
	}
	return res, err
}

// recipe says how the environment of a checkout is built; one without a key is none.
func (b *Builder) recipe(ctx context.Context, req Request) (recipe, error) {
	switch Runtime(req.Manifest, req.Dir) {
	case configs.RuntimePython:
		return b.python(ctx, req)
	case configs.RuntimeNode:
		return b.node(ctx, req)
	}
	return recipe{what: "none needed"}, nil
}

func (b *Builder) ensure(ctx context.Context, r recipe) (Result, error) {
	free, err := b.lock(ctx, r.key)
	if err != nil {
		return Result{}, err
	}
	defer free()
	dir := filepath.Join(b.cfg.Root, r.key)
	res := Result{Key: r.key, Dir: dir, Warnings: r.warn}
	if usable(dir) {
		res.Reused, res.Detail = true, "reused "+r.key+" ("+r.what+")"
		return res, nil
	}
	begun := time.Now()
	if r.prepare != nil {
		if r.what, err = r.prepare(ctx); err != nil {
			return Result{}, err
		}
	}
	if err := b.make(ctx, dir, r); err != nil {
		// Half an environment is of no use, and may be what filled the disk.
		return Result{}, errors.Join(b.explain(err), os.RemoveAll(dir))
	}
	took := time.Since(begun).Round(100 * time.Millisecond)
	res.Detail = fmt.Sprintf("built %s (%s) in %s", r.key, r.what, took)
	if env, err := b.Get(r.key); err == nil {
		res.Detail += ", " + mebibytes(env.Bytes)
		b.log.Info("environment built", "key", r.key, "what", r.what, "seconds", took.Seconds(), "bytes", env.Bytes)
	}
	return res, nil
}

// usable reports whether an environment was built to its end and, a virtualenv, still has the Python it was made from.
func usable(dir string) bool {
	return isFile(dir, marker) && (!isFile(dir, "pyvenv.cfg") || isFile(dir, "bin/python"))
}

func (b *Builder) make(ctx context.Context, dir string, r recipe) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the incomplete environment %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make environment: %w", err)
	}
	begun := time.Now()
	if err := r.build(ctx, dir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	took, s := time.Since(begun), measure(dir)
	note, err := json.Marshal(Environment{What: r.what, BuiltAt: begun.UTC(), Seconds: took.Seconds(), Bytes: s.bytes, Shared: s.shared, Files: s.files})
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, marker), note)
}

// mebibytes is a size on the disk for people.
func mebibytes(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// writeSynced writes a file so that it does not appear before what was written ahead of it.
func writeSynced(name string, data []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// explain adds what to do when the disk is full.
func (b *Builder) explain(err error) error {
	var failed *Failed
	if isNoSpace(err) || errors.As(err, &failed) && failed.says("No space left on device", "ENOSPC", "Disk quota exceeded") {
		return fmt.Errorf("%w on %s; free some, remove services that are not needed, or move the data directory: %w", ErrNoSpace, b.cfg.Root, err)
	}
	return err
}

// lock waits for the turn of a key.
func (b *Builder) lock(ctx context.Context, key string) (free func(), err error) {
	b.mu.Lock()
	turn, ok := b.locks[key]
	if !ok {
		turn = make(chan struct{}, 1)
		b.locks[key] = turn
	}
	b.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another build of %s: %w", key, context.Cause(ctx))
	}
}

func (b *Builder) pin(key string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pins[key] += n; b.pins[key] <= 0 {
		delete(b.pins, key)
	}
}

// Unpin lets an environment be collected again; a release that names it keeps it from now on. "" does nothing.
func (b *Builder) Unpin(key string) {
	if key != "" {
		b.pin(key, -1)
	}
}

// collect removes one environment unless a deploy pinned it. The name changes first, under the lock, so that a
// build that starts meanwhile never finds one half removed.
func (b *Builder) collect(key string) (bool, error) {
	dir := filepath.Join(b.cfg.Root, key)
	trash := filepath.Join(b.cfg.Root, ".removed-"+key)
	b.mu.Lock()
	if b.pins[key] > 0 {
		b.mu.Unlock()
		return false, nil
	}
	err := errors.Join(os.RemoveAll(trash), os.Rename(dir, trash))
	b.mu.Unlock()
	if err != nil {
		return false, err
	}
	return true, os.RemoveAll(trash)
}

// Sweep removes what an interrupted Collect left.
func (b *Builder) Sweep() error {
	left, err := filepath.Glob(filepath.Join(b.cfg.Root, ".removed-*"))
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(left))
	for _, dir := range left {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// buildEnv is the environment of build programs: the daemon's, without what would lead them elsewhere and without
// aictl's own settings, with more added.
func buildEnv(more map[string]string) []string {
	env := map[string]string{}
	for _, kv := range os.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(k, "AICTL_") || slices.Contains([]string{"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "NODE_OPTIONS", "NODE_ENV"}, k) {
			continue
		}
		env[k] = v
	}
	maps.Copy(env, map[string]string{"TERM": "dumb", "NO_COLOR": "1", "CI": "1"})
	maps.Copy(env, more)
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}
