package gitea

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aictl/gitea/lfs"
)

// Mirrors are all mirrors below one folder: one per repository, shared by the services deployed from it.
type Mirrors struct {
	dir   string
	log   *slog.Logger
	stall time.Duration // without a byte, after which a server is given up; 0 is a minute
	lfs   *lfs.Store    // nil refuses LFS pointers

	mu      sync.Mutex
	open    map[string]*Mirror
	name    string // of the git program, "" for none
	environ []string
	git     *program
	sought  bool
}

// NewMirrors keeps mirrors below dir. They use the git program when it is installed.
func NewMirrors(dir string, log *slog.Logger) *Mirrors {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Mirrors{dir: dir, log: log, open: map[string]*Mirror{}, name: "git"}
}

// SetProgram names the git program, by a name on the PATH or a path; "" is to do without. environ is added to its
// environment. It is for mirrors opened from now on.
func (ms *Mirrors) SetProgram(name string, environ ...string) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.name, ms.environ, ms.git, ms.sought = name, environ, nil, false
}

// SetLFS keeps the content of LFS pointers below dir. Without it pointers are refused.
func (ms *Mirrors) SetLFS(dir string) *lfs.Store {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.lfs = lfs.OpenStore(dir)
	return ms.lfs
}

// program finds the git program once.
func (ms *Mirrors) program() *program {
	if !ms.sought && ms.name != "" {
		var err error
		if ms.git, err = findProgram(ms.name, ms.environ); err != nil {
			ms.log.Warn("git program not used; large repositories will take more time and memory", "err", err)
		}
	}
	ms.sought = true
	return ms.git
}

// Open returns the one mirror of the repository at url, with these credentials.
func (ms *Mirrors) Open(ctx context.Context, url string, auth Auth) (*Mirror, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	name := url
	if auth.Anonymous {
		name += "#anonymous" // what others may read with credentials is not handed out to those without
	}
	dir := ms.place(name)
	m, err := openMirror(ctx, MirrorConfig{Dir: dir, URL: url, Auth: auth, Logger: ms.log, all: ms})
	if err != nil {
		return nil, err
	}
	if old, ok := ms.open[dir]; ok {
		m.folder = old.folder // credentials may change, the folder is the same
	} else {
		m.sweep()
	}
	m.used()
	ms.open[dir] = m
	return m, nil
}

// place is the folder of a repository's mirror: readable, and unlike any other's.
func (ms *Mirrors) place(raw string) string {
	clean := strings.TrimSuffix(strings.TrimRight(Mask(raw), "/"), ".git")
	sum := sha256.Sum256([]byte(clean))
	base := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, clean[strings.LastIndexAny(clean, `/:\`)+1:])
	return filepath.Join(ms.dir, strings.TrimLeft(base, ".-")+"-"+hex.EncodeToString(sum[:6])+".git")
}
