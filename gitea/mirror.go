// Package gitea is the ground under deploys: mirrors of Git repositories, snapshots of folders, and the client of
// the configured Gitea. It knows no other aictl package.
package gitea

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"aictl/gitea/internal/stall"
)

// bigObject is the size in bytes above which objects are streamed instead of held in memory.
const bigObject = 4 << 20

// MirrorConfig says where a mirror lies and what it mirrors.
type MirrorConfig struct {
	Dir    string // the bare repository, made when missing
	URL    string // https, http, ssh, git@host:path, file:// or a path
	Auth   Auth
	Logger *slog.Logger

	all *Mirrors // it is one of; nil stands alone
}

// Mirror is a full bare copy of one repository. Its methods are safe for concurrent use; fetches take turns.
type Mirror struct {
	dir    string
	url    string
	shown  string // url without credentials
	local  string // path of a local repository, "" for a remote one
	auth   Auth
	frozen bool     // a snapshot: there is nothing to fetch from
	hosted bool     // it is the repository itself
	git    *program // nil is go-git alone
	all    *Mirrors // where submodules' mirrors and LFS objects are; nil has neither
	stall  time.Duration
	log    *slog.Logger
	*folder
}

// OpenMirror opens the mirror at cfg.Dir and makes it when it is missing. It contacts no server. What an interrupted
// write left behind is removed, so a folder must not be opened twice at a time; Mirrors sees to that.
func OpenMirror(ctx context.Context, cfg MirrorConfig) (*Mirror, error) {
	m, err := openMirror(ctx, cfg)
	if err != nil {
		return nil, err
	}
	m.sweep()
	return m, nil
}

func openMirror(ctx context.Context, cfg MirrorConfig) (*Mirror, error) {
	watchHTTP()
	m := &Mirror{dir: cfg.Dir, url: cfg.URL, auth: cfg.Auth, stall: defaultStall, all: cfg.all, log: cfg.Logger, folder: newFolder()}
	if cfg.all != nil {
		m.git, m.stall = cfg.all.program(), cmp.Or(cfg.all.stall, defaultStall)
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.takeCredentials()
	m.shown = Mask(m.url)
	m.local = localPath(m.url)
	if m.local != "" {
		if err := m.checkLocal(); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return m, m.init()
}

// takeCredentials moves a password out of the URL, so that it is in no error, log or file.
func (m *Mirror) takeCredentials() {
	u, err := url.Parse(m.url)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return
	}
	if u.User != nil {
		if pass, ok := u.User.Password(); ok {
			m.auth.User, m.auth.Token = u.User.Username(), pass
		} else {
			m.auth.Token = u.User.Username() // https://TOKEN@host/…
		}
		u.User = nil
		m.url = u.String()
	}
	if m.auth.Token == "" && !m.auth.Anonymous {
		m.auth.User, m.auth.Token = Netrc("", u.Hostname())
	}
	if m.auth.Scope == "" {
		m.auth.Scope = u.Scheme + "://" + u.Host + "/"
	}
}

// init makes the bare repository when there is none.
func (m *Mirror) init() error {
	_, err := os.Stat(filepath.Join(m.dir, "HEAD"))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return m.classify("open the mirror of", err)
	}
	st := m.storage()
	if err := st.Init(); err != nil {
		return m.classify("make the mirror of", err)
	}
	head := plumbing.NewSymbolicReference(plumbing.HEAD, "refs/heads/main")
	return m.classify("make the mirror of", st.SetReference(head))
}

// sweep removes the temporary files and locks of a write that was interrupted.
func (m *Mirror) sweep() {
	var left []string
	for _, pattern := range []string{"objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*", "._packed-refs*", "*.lock"} {
		found, err := filepath.Glob(filepath.Join(m.dir, pattern))
		if err == nil { // else a bad pattern, and these are good
			left = append(left, found...)
		}
	}
	err := filepath.WalkDir(filepath.Join(m.dir, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".lock") { // a ref's name cannot end so
			left = append(left, path)
		}
		return err
	})
	for _, f := range left {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		m.log.Warn("left-over files not removed", "repository", m.shown, "err", err)
	}
}

// storage opens the mirror's objects afresh, so that packs written since are seen.
func (m *Mirror) storage() *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(m.dir), cache.NewObjectLRU(32*cache.MiByte),
		filesystem.Options{LargeObjectThreshold: bigObject})
}

// Dir is the bare repository's folder.
func (m *Mirror) Dir() string { return m.dir }

// Secrets are the credentials in use, for masking.
func (m *Mirror) Secrets() []string { return m.auth.secrets() }

// folder is what all who have a mirror open share.
type folder struct {
	turn chan struct{} // holds one token: whoever has it may write
	// readers hold it shared. It is only ever tried to be held alone, so that nobody waits for readers or for those who do.
	readers sync.RWMutex
}

func newFolder() *folder { return &folder{turn: make(chan struct{}, 1)} }

// reading keeps packs from being removed until the returned function is called.
func (f *folder) reading() (done func()) {
	f.readers.RLock()
	return f.readers.RUnlock
}

// lock waits for the mirror's turn.
func (m *Mirror) lock(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another fetch of %s: %w", m.shown, context.Cause(ctx))
	}
}

func (m *Mirror) unlock() { <-m.turn }

// lateFetch is how long a fetch whose context ended is waited for: go-git cancels the network phase only.
const lateFetch = 5 * time.Second

// Fetch brings the mirror up to date: all branches, all tags, and ref when it is a full SHA that none of them
// reaches. A full SHA that the mirror already holds needs no network. A fetch that does not notice the end of ctx
// keeps its turn until it ends, but is not waited for longer than a few seconds.
func (m *Mirror) Fetch(ctx context.Context, ref string) error {
	if m.frozen || plumbing.IsHash(ref) && m.has(ref) {
		return ctx.Err()
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	ctx, hush := untilHushed(ctx)
	defer hush()
	done := make(chan error, 1)
	go func() {
		defer m.unlock()
		done <- m.fetch(ctx, ref)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(lateFetch)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		m.log.Warn("fetch does not stop", "repository", m.shown)
	}
	return m.classify("fetch", ctx.Err())
}

// localTries is how often a local repository is read whose answer was cut short: go-git closes the pipe of the git program it
// started as soon as that has ended, now and then before it has read all of it.
const localTries = 3

// cutShort reports whether an answer ended in its middle.
func cutShort(err error) bool {
	return err != nil && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrClosed) || garbled(err.Error()))
}

func (m *Mirror) fetch(ctx context.Context, ref string) error {
	var err error
	if m.local != "" {
		err = m.fetchLocal(ctx, ref)
		for again := 1; again < localTries && cutShort(err) && ctx.Err() == nil; again++ {
			m.log.Warn("local repository is read again", "repository", m.shown, "err", err)
			err = m.fetchLocal(ctx, ref)
		}
	} else if watched := stall.With(ctx, m.stall); m.byProgram() {
		err = m.fetchProgram(watched, ref)
	} else {
		err = m.fetchRemote(watched, ref)
	}
	if err != nil {
		m.sweep() // what a transfer that broke off has left
	}
	// A deadline can come back late and without an error.
	if cerr := ctx.Err(); cerr != nil {
		err = cerr
	}
	return m.classify("fetch", err)
}

// has reports whether the mirror holds the commit.
func (m *Mirror) has(sha string) bool {
	defer m.reading()()
	return m.storage().HasEncodedObject(plumbing.NewHash(sha)) == nil
}
