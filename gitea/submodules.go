package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"aictl/gitea/lfs"
)

// Bounds of submodules: of one within another, of all together, and of the file that names them, in bytes.
const (
	maxModuleDepth = 8
	maxModules     = 256
	modulesFile    = ".gitmodules"
	modulesMax     = 1 << 20
)

// module is a place in a tree where another repository's commit belongs.
type module struct{ path, sha string }

// fetchModules writes the submodules into their places.
func (c *checkout) fetchModules() error {
	if len(c.modules) == 0 {
		return nil
	}
	var names []string
	for _, mod := range c.modules {
		names = append(names, mod.path)
	}
	if c.m.all == nil {
		return fmt.Errorf("%w: it has submodules (%s), and there is no place for their mirrors", ErrRefused, several(names))
	}
	addresses, err := c.moduleAddresses()
	if err != nil {
		return err
	}
	for _, mod := range c.modules {
		raw, ok := addresses[mod.path]
		if !ok {
			return fmt.Errorf("%w: it has submodules (%s), and %s does not say where %s comes from; run `git submodule add` or remove it",
				ErrRefused, several(names), modulesFile, mod.path)
		}
		if err := c.fetchModule(mod, raw); err != nil {
			return fmt.Errorf("submodule %s (%s): %w", mod.path, Mask(raw), err)
		}
	}
	return nil
}

// moduleAddresses reads .gitmodules: addresses by path.
func (c *checkout) moduleAddresses() (map[string]string, error) {
	f, err := c.root.Open(modulesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, modulesMax))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return parseModules(text)
}

func parseModules(text []byte) (map[string]string, error) {
	mods := config.NewModules()
	if err := mods.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read (%w)", ErrRefused, modulesFile, err)
	}
	out := map[string]string{}
	for _, sub := range mods.Submodules {
		out[path.Clean(sub.Path)] = sub.URL
	}
	return out, nil
}

func (c *checkout) fetchModule(mod module, raw string) error {
	if c.tally.modules++; c.tally.modules > maxModules {
		return fmt.Errorf("%w: there are more than %d submodules", ErrRefused, maxModules)
	}
	if len(c.tally.chain) > maxModuleDepth {
		return fmt.Errorf("%w: submodules are nested deeper than %d", ErrRefused, maxModuleDepth)
	}
	at, auth, err := c.m.moduleAt(raw)
	if err != nil {
		return err
	}
	if slices.Contains(c.tally.chain, at) {
		return fmt.Errorf("%w: it is a submodule of itself, by way of %s", ErrRefused, strings.Join(c.tally.chain, ", "))
	}
	c.tally.progress("fetching submodule " + mod.path)
	sub, err := c.m.openModule(c.ctx, at, auth)
	if err == nil {
		err = sub.Fetch(WithProgress(c.ctx, c.tally.progress), mod.sha)
	}
	if err != nil {
		if filepath.IsAbs(at) {
			return err // credentials have nothing to do with it
		}
		return foreign(auth, err)
	}
	if _, err := object.GetCommit(wary{sub.storage()}, plumbing.NewHash(mod.sha)); err != nil {
		return fmt.Errorf("%w: commit %s is not there; push it to the submodule's repository", ErrUnknownRef, mod.sha[:8])
	}
	if err := c.root.Mkdir(mod.path, 0o755); err != nil {
		return err
	}
	root, err := c.root.OpenRoot(mod.path)
	if err != nil {
		return err
	}
	c.tally.chain = append(c.tally.chain, at)
	err = sub.writeTree(c.ctx, mod.sha, root, c.tally)
	c.tally.chain = c.tally.chain[:len(c.tally.chain)-1]
	return errors.Join(err, root.Close())
}

// openModule opens a submodule's mirror; that of a hosted repository is hosted, too.
func (m *Mirror) openModule(ctx context.Context, at string, auth Auth) (*Mirror, error) {
	if m.hosted && filepath.IsAbs(at) {
		at = strings.TrimSuffix(at, ".git") + ".git" // beside the others, nothing else is
		return m.all.OpenHosted(ctx, at, strings.TrimSuffix(filepath.Base(at), ".git"))
	}
	return m.all.Open(ctx, at, auth)
}

// foreign adds why a server that wants credentials got none.
func foreign(auth Auth, err error) error {
	if auth.Anonymous && (errors.Is(err, ErrAuth) || errors.Is(err, ErrNotRepository)) {
		return fmt.Errorf("%w (it is not where the repository itself is, so no credentials were sent; make it public, or move it beside the repository)", err)
	}
	return err
}

// moduleAt is where a submodule comes from, and with which credentials: those of the repository around it where they belong,
// none anywhere else. A path of this machine may only be relative and lead beside a repository of this machine: otherwise
// whoever may push could read what the user that runs aictl can.
func (m *Mirror) moduleAt(raw string) (string, Auth, error) {
	if strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../") {
		return m.relative(raw)
	}
	u, err := url.Parse(raw)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		if u.User != nil {
			return "", Auth{}, fmt.Errorf("%w: its address holds credentials; take them out of %s", ErrRefused, modulesFile)
		}
		return raw, m.authFor(raw), nil
	}
	if ep, err := transport.NewEndpoint(raw); err == nil && ep.Protocol == "ssh" {
		if own, err := transport.NewEndpoint(m.url); err == nil && own.Protocol == "ssh" && own.Host == ep.Host && own.Port == ep.Port && own.User == ep.User {
			return raw, m.auth, nil
		}
		return "", Auth{}, fmt.Errorf("%w: it needs SSH, where there is no being nobody; give its https address, or one relative to the repository (../%s)",
			ErrRefused, path.Base(ep.Path))
	}
	return "", Auth{}, fmt.Errorf("%w: it is not an http or https address; give one, or one relative to the repository (../name.git)", ErrRefused)
}

func (m *Mirror) authFor(at string) Auth {
	if m.auth.Anonymous || !lfs.Within(m.auth.Scope, at) {
		return Auth{Anonymous: true}
	}
	return m.auth
}

// relative resolves an address that begins with ./ or ../ against the repository's own.
func (m *Mirror) relative(raw string) (string, Auth, error) {
	if m.local != "" {
		at := filepath.Join(m.local, raw)
		if rel, err := filepath.Rel(filepath.Dir(m.local), at); err != nil || !filepath.IsLocal(rel) || rel == "." || m.frozen && !m.hosted {
			return "", Auth{}, fmt.Errorf("%w: it is not beside the repository", ErrRefused)
		}
		return at, Auth{Anonymous: true}, nil
	}
	base := strings.TrimRight(m.url, "/")
	head, sep := "", "/"
	if i := strings.Index(base, "://"); i >= 0 {
		slash := strings.IndexByte(base[i+3:], '/')
		if slash < 0 {
			slash = len(base) - i - 3
		}
		head, base = base[:i+3+slash], strings.TrimPrefix(base[i+3+slash:], "/")
	} else if host, rest, ok := strings.Cut(base, ":"); ok { // git@host:a/b
		head, base, sep = host, rest, ":"
	}
	joined := path.Join("/", base, raw)
	if depth := strings.Count(raw, "../"); depth > strings.Count(base, "/")+1 || joined == "/" {
		return "", Auth{}, fmt.Errorf("%w: it leads above the server's root", ErrRefused)
	}
	at := head + sep + strings.TrimPrefix(joined, "/")
	if sep == ":" {
		return at, m.auth, nil
	}
	if strings.HasPrefix(at, "ssh:") {
		return at, m.auth, nil
	}
	return at, m.authFor(at), nil
}
