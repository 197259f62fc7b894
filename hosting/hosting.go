// Package hosting keeps Git repositories of its own, for servers without a forge: bare repositories that are cloned and
// pushed over HTTP, with an LFS store beside each, and a way through to repositories of connected forges that adds their
// tokens here, so that no client needs them.
package hosting

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Errors that callers branch on.
var (
	ErrName     = errors.New("bad repository name")
	ErrNotFound = errors.New("no such repository")
	ErrExists   = errors.New("there is such a repository already")
	ErrNoGit    = errors.New("the git program is missing")
	ErrNoSpace  = errors.New("too little space")
)

// What is taken when Config does not say.
const (
	DefaultMaxPush = int64(8) << 30
	DefaultMinFree = int64(512) << 20
)

// Config says where repositories lie and what may be pushed.
type Config struct {
	Root    string // folder of the repositories, made when it is missing
	Git     string // the git program; "" is looked for in PATH
	MaxPush int64  // bytes of one push, and of one LFS object; 0 is DefaultMaxPush
	MinFree int64  // bytes that stay free on Root's disk; 0 is DefaultMinFree
	// Changed is told of every ref that a push changed, in the order of their names; nil: nobody is. It is called once per
	// change, also when the client has gone.
	Changed func(context.Context, Push) error
	// Forge finds a connected forge by its name; nil: there is none.
	Forge func(ctx context.Context, name string) (Forge, error)
	// Passed is told of every push that went through to a forge, which tells of what it changed by itself, or not; may be nil.
	Passed func(forge string)
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Host serves the repositories below one folder. Its methods are safe for concurrent use.
type Host struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{} // of git programs that run at a time

	mu   sync.Mutex
	refs map[string]*known // by repository
}

// programs bounds how many git programs serve at a time; the others wait.
const programs = 8

// New returns a host over cfg. Nothing is read or made yet.
func New(cfg Config) *Host {
	if cfg.MaxPush <= 0 {
		cfg.MaxPush = DefaultMaxPush
	}
	if cfg.MinFree <= 0 {
		cfg.MinFree = DefaultMinFree
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Host{cfg: cfg, log: cfg.Logger, slots: make(chan struct{}, programs), refs: map[string]*known{}}
}

// Repository is one that is hosted here.
type Repository struct {
	Name    string
	Dir     string // the bare repository
	Default string // the branch that HEAD names, as main
	Empty   bool   // nothing has been pushed yet
	Size    int64  // bytes on disk, LFS objects included
	Pushed  time.Time
}

// ValidName says why a name cannot be a repository's: 1 to 100 letters, digits, ., _ and -, beginning with a letter or a
// digit and not ending as Git's own files do. Errors match ErrName.
func ValidName(name string) error {
	why := ""
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	switch {
	case name == "":
		why = "it is empty"
	case len(name) > 100:
		why = "it is longer than 100 letters"
	case strings.ContainsFunc(name, func(r rune) bool { return !ok(r) }):
		why = "it may have letters, digits, ., _ and - only"
	case strings.ContainsAny(name[:1], "._-"):
		why = "it begins with " + name[:1]
	case strings.Contains(name, ".."), strings.HasSuffix(name, "."):
		why = "its dots are misplaced"
	case strings.HasSuffix(name, ".git"), strings.HasSuffix(name, ".lock"):
		why = "it ends as Git's own files do"
	default:
		return nil
	}
	return fmt.Errorf("%w %q: %s", ErrName, name, why)
}

// Dir is where a repository lies. It need not exist. Errors match ErrName.
func (h *Host) Dir(name string) (string, error) {
	if err := ValidName(name); err != nil {
		return "", err
	}
	return filepath.Join(h.cfg.Root, name+".git"), nil
}

// Find returns where a repository lies. Errors match ErrName and ErrNotFound.
func (h *Host) Find(name string) (string, error) {
	dir, err := h.Dir(name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %s is not hosted here; push to it, or make it with `aictl gitea create %s`", ErrNotFound, name, name)
		}
		return "", err
	}
	return dir, nil
}

// Create makes an empty repository whose default branch is main. Errors match ErrName, ErrExists and ErrNoGit.
func (h *Host) Create(ctx context.Context, name string) error {
	dir, err := h.Dir(name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, name)
	}
	if err := os.MkdirAll(h.cfg.Root, 0o700); err != nil {
		return fmt.Errorf("make the folder of repositories: %w", err)
	}
	fresh, err := os.MkdirTemp(h.cfg.Root, ".new-*")
	if err != nil {
		return fmt.Errorf("make repository %s: %w", name, err)
	}
	if _, err = h.run(ctx, "", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", fresh); err == nil {
		err = os.Rename(fresh, dir) // at once: nobody ever sees half a repository
	}
	if err == nil {
		h.log.Info("repository made", "repository", name)
		return nil
	}
	if rerr := os.RemoveAll(fresh); rerr != nil {
		err = errors.Join(err, rerr)
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, name)
	}
	return fmt.Errorf("make repository %s: %w", name, err)
}

// ensure makes a repository unless it is there.
func (h *Host) ensure(ctx context.Context, name string) (string, error) {
	dir, err := h.Find(name)
	if !errors.Is(err, ErrNotFound) {
		return dir, err
	}
	if err := h.Create(ctx, name); err != nil && !errors.Is(err, ErrExists) {
		return "", err
	}
	return h.Find(name)
}

// Remove forgets a repository with all that was pushed to it. What was deployed from it stays.
func (h *Host) Remove(_ context.Context, name string) error {
	dir, err := h.Find(name)
	if err != nil {
		return err
	}
	gone := filepath.Join(h.cfg.Root, ".gone-"+filepath.Base(dir))
	if err := errors.Join(os.RemoveAll(gone), os.Rename(dir, gone)); err != nil {
		return fmt.Errorf("remove repository %s: %w", name, err)
	}
	h.mu.Lock()
	delete(h.refs, name)
	h.mu.Unlock()
	h.log.Info("repository removed", "repository", name)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove what repository %s held: %w", name, err)
	}
	return nil
}

// List returns the repositories by name.
func (h *Host) List(ctx context.Context) ([]Repository, error) {
	names, err := h.names()
	if err != nil {
		return nil, err
	}
	var list []Repository
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := h.Show(name)
		if errors.Is(err, ErrNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func (h *Host) names() ([]string, error) {
	entries, err := os.ReadDir(h.cfg.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the repositories: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".git"); ok && e.IsDir() && ValidName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Show tells about one repository.
func (h *Host) Show(name string) (Repository, error) {
	dir, err := h.Find(name)
	if err != nil {
		return Repository{}, err
	}
	r := Repository{Name: name, Dir: dir, Empty: true}
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return r, fmt.Errorf("read repository %s: %w", name, err)
	}
	r.Default = strings.TrimPrefix(strings.TrimSpace(string(head)), "ref: refs/heads/")
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // packed meanwhile
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		r.Size += info.Size()
		if rel := strings.TrimPrefix(path, dir+"/"); rel == "packed-refs" || strings.HasPrefix(rel, "refs/heads/") || strings.HasPrefix(rel, "refs/tags/") {
			r.Empty = false
			if info.ModTime().After(r.Pushed) {
				r.Pushed = info.ModTime()
			}
		}
		return nil
	})
	return r, err
}

// program finds git.
func (h *Host) program() (string, error) {
	if h.cfg.Git != "" {
		return h.cfg.Git, nil
	}
	path, err := exec.LookPath("git")
	if err != nil {
		return "", fmt.Errorf("%w: install git on the server (Debian: apt-get install git)", ErrNoGit)
	}
	return path, nil
}
