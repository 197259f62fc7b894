package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/config"

	"aictl/gitea/lfs"
)

// lfsConfig is where a repository may name another LFS server; it is never larger than lfsConfigMax bytes.
const (
	lfsConfig    = ".lfsconfig"
	lfsConfigMax = 64 << 10
)

// notePointer remembers a file that is a pointer.
func (c *checkout) notePointer(name string, text []byte) {
	if !lfs.IsPointer(text) {
		return
	}
	p, err := lfs.ParsePointer(text)
	if err != nil {
		c.odd = append(c.odd, name)
		return
	}
	c.pointers = append(c.pointers, pointerFile{name, p})
}

// fillPointers puts the content of LFS pointers into their places.
func (c *checkout) fillPointers() error {
	if len(c.pointers) == 0 {
		return nil
	}
	write := c.fillLocal
	if c.m.local == "" {
		if err := c.bring(); err != nil {
			return err
		}
		write = c.fill
	}
	for i, p := range c.pointers {
		if err := write(p); err != nil {
			return err
		}
		c.tally.bytes += p.Size
		c.tally.progress(fmt.Sprintf("%s; Git LFS: %d of %d files", c.tally.said(), i+1, len(c.pointers)))
	}
	return nil
}

// bring fetches the objects into the store. They are noted before, all under the commit that is checked out: so a clean-up
// leaves them.
func (c *checkout) bring() error {
	var names []string
	objects := make([]lfs.Pointer, 0, len(c.pointers))
	for _, p := range c.pointers {
		names, objects = append(names, p.name), append(objects, p.Pointer)
	}
	store := c.m.lfsStore()
	if store == nil {
		return fmt.Errorf("%w: %d files are Git LFS pointers without their content (%s), and there is no LFS store", ErrRefused, len(names), several(names))
	}
	c.tally.pointers = append(c.tally.pointers, objects...)
	if err := store.Note(c.tally.commit, c.tally.pointers); err != nil {
		return err
	}
	if err := c.fetchObjects(objects); err != nil {
		return fmt.Errorf("content from Git LFS of %s: %w", several(names), err)
	}
	return nil
}

// fill writes one file. What turns out to be damaged in the store is fetched again, once.
func (c *checkout) fill(p pointerFile) error {
	err := c.copyObject(p)
	if errors.Is(err, lfs.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
		c.m.log.Warn("LFS object fetched again", "repository", c.m.shown, "object", p.OID, "err", err)
		if err := c.fetchObjects([]lfs.Pointer{p.Pointer}); err != nil {
			return err
		}
		err = c.copyObject(p)
	}
	return err
}

func (c *checkout) copyObject(p pointerFile) error {
	if err := c.tally.room(p.Size); err != nil {
		return err
	}
	f, err := c.root.OpenFile(p.name, os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	return errors.Join(c.m.lfsStore().CopyTo(c.ctx, p.Pointer, f), f.Close())
}

// fillLocal writes one file from the objects of a repository on this machine, which need not be kept a second time.
func (c *checkout) fillLocal(p pointerFile) error {
	if err := c.tally.room(p.Size); err != nil {
		return err
	}
	f, err := c.root.OpenFile(p.name, os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	err = errors.Join(lfs.Copy(c.ctx, p.Pointer, c.m.localObject(p.OID), f), f.Close())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is a Git LFS pointer, and its content is not there; run `git lfs pull` in %s, or push the content", ErrRefused, p.name, c.m.shown)
	case errors.Is(err, lfs.ErrCorrupt):
		return fmt.Errorf("%w: the Git LFS content of %s in %s is damaged (%w); run `git lfs fsck` there", ErrRefused, p.name, c.m.shown, err)
	}
	return err
}

func (m *Mirror) lfsStore() *lfs.Store {
	if m.all == nil {
		return nil
	}
	return m.all.lfs
}

// fetchObjects brings objects into the store from the repository's LFS server.
func (c *checkout) fetchObjects(objects []lfs.Pointer) error {
	remote, err := c.remote()
	if err != nil {
		return err
	}
	tell := slowly(c.tally.progress)
	err = remote.Fetch(c.ctx, c.m.lfsStore(), objects, c.m.granted, func(done, all int64) {
		tell(fmt.Sprintf("%s; Git LFS: %s of %s", c.tally.said(), size(done), size(all)))
	})
	if err != nil {
		return c.m.lfsFault(c.ctx, remote.Endpoint, err)
	}
	return c.m.grant(objects)
}

// remote is the repository's LFS server: the one that .lfsconfig names, else its own.
func (c *checkout) remote() (*lfs.Remote, error) {
	at, err := c.configured()
	if err != nil {
		return nil, err
	}
	if at == "" {
		if !strings.HasPrefix(c.m.url, "http://") && !strings.HasPrefix(c.m.url, "https://") {
			return nil, fmt.Errorf("%w: Git LFS works over http and https here, not over SSH; deploy from the repository's https address", ErrRefused)
		}
		at = strings.TrimSuffix(strings.TrimRight(c.m.url, "/"), ".git") + ".git/info/lfs"
	}
	r := &lfs.Remote{Endpoint: at, Stall: c.m.stall}
	if c.m.auth.Token != "" {
		r.Authorization, r.Scope = c.m.auth.basic(), c.m.auth.Scope
	}
	return r, nil
}

// configured reads lfs.url of the commit's .lfsconfig, "" when there is none.
func (c *checkout) configured() (string, error) {
	f, err := c.root.Open(lfsConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, lfsConfigMax))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	cfg := config.NewConfig()
	if err := cfg.Unmarshal(text); err != nil {
		return "", fmt.Errorf("%w: %s cannot be read (%w)", ErrRefused, lfsConfig, err)
	}
	raw := strings.TrimRight(cfg.Raw.Section("lfs").Option("url"), "/")
	if raw == "" {
		return "", nil
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", fmt.Errorf("%w: lfs.url in %s is %q; it must be an http or https address without credentials", ErrRefused, lfsConfig, Mask(raw))
	}
	return raw, nil
}

// localObject is where a repository on this machine keeps an LFS object.
func (m *Mirror) localObject(oid string) string {
	dir := m.local
	if dot, err := gitDir(m.local); err == nil {
		dir = dot
		if text, err := os.ReadFile(filepath.Join(dot, "commondir")); err == nil {
			common := strings.TrimSpace(string(text))
			if !filepath.IsAbs(common) {
				common = filepath.Join(dot, common)
			}
			dir = common
		}
	}
	return filepath.Join(dir, "lfs", "objects", oid[:2], oid[2:4], oid)
}

// granted reports whether this repository's server handed out an object before. The store is shared: who only knows an
// object's name must not get it.
func (m *Mirror) granted(oid string) bool {
	_, err := os.Stat(filepath.Join(m.dir, "lfs-granted", oid))
	return err == nil
}

func (m *Mirror) grant(objects []lfs.Pointer) error {
	dir := filepath.Join(m.dir, "lfs-granted")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, p := range objects {
		f, err := os.OpenFile(filepath.Join(dir, p.OID), os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// lfsFault says what a fault of LFS means and what to do.
func (m *Mirror) lfsFault(ctx context.Context, endpoint string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := Mask(err.Error(), m.auth.secrets()...)
	at := Mask(endpoint)
	switch {
	case IsNoSpace(err):
		return err
	case errors.Is(err, lfs.ErrDenied):
		return fmt.Errorf("%w: %s: %s; %s", ErrAuth, at, why, m.authAdvice())
	case errors.Is(err, lfs.ErrNoServer):
		return fmt.Errorf("%w: %s: %s; turn LFS on there, or commit the files themselves", ErrRefused, at, why)
	case errors.Is(err, lfs.ErrMissing):
		return fmt.Errorf("%w: %s: %s; run `git lfs push --all` where the files are", ErrRefused, at, why)
	case errors.Is(err, lfs.ErrCorrupt):
		return fmt.Errorf("%w: %s: %s; the server's copy is damaged: push the files again", ErrRefused, at, why)
	case errors.Is(err, lfs.ErrUnreachable), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %s: %s; deploy again, what has come is kept", ErrUnreachable, at, why)
	}
	return errors.New(why)
}
