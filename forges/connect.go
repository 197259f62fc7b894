package forges

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aictl/gitea"
	"aictl/store"
)

// Request asks for a connection. What is nil stays as it was, or is empty for a new one.
type Request struct {
	URL     string
	Name    string // "" is the one that is stored for the address, else a name made from the host
	Token   string // "" keeps the one that is stored for this name and address
	Owner   *string
	Prefix  *string
	Default bool
	Actor   string
}

// Checked is a connection and what it is good for.
type Checked struct {
	gitea.Connection
	Checkup gitea.Checkup
	Default bool
}

var (
	goodName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)
	goodOwner  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98})$`)
	goodPrefix = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$`)
)

// Connect checks a Gitea and a token, and stores them. Nothing is stored when the token cannot even read repositories; other scopes
// that lack are told in the answer. What is wrong with the request is ErrBad.
func (b *Book) Connect(ctx context.Context, r Request) (Checked, error) {
	stored, err := b.Store.Forges(ctx)
	if err != nil {
		return Checked{}, err
	}
	f, err := r.forge(stored)
	if err != nil {
		return Checked{}, err
	}
	return b.check(ctx, f, r.Actor)
}

// forge is the connection that a request makes of the stored ones.
func (r Request) forge(stored []store.Forge) (store.Forge, error) {
	f := store.Forge{Name: r.Name, URL: gitea.Address(r.URL)}
	at := slices.IndexFunc(stored, func(s store.Forge) bool {
		return r.Name == "" && gitea.Address(s.URL) == f.URL || r.Name != "" && s.Name == r.Name
	})
	if at >= 0 {
		old := stored[at]
		f.Name, f.Owner, f.Prefix, f.Default = old.Name, old.Owner, old.Prefix, old.Default
		if gitea.Address(old.URL) == f.URL { // a token is never sent to another address than it was given for
			f.Token = old.Token
		}
	}
	if f.Name == "" {
		f.Name = nameFor(f.URL, stored)
	}
	if r.Token != "" {
		f.Token = r.Token
	}
	if r.Owner != nil {
		f.Owner = *r.Owner
	}
	if r.Prefix != nil {
		f.Prefix = *r.Prefix
	}
	f.Default = f.Default || r.Default
	return f, validate(f)
}

func validate(f store.Forge) error {
	var errs []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(goodName.MatchString(f.Name), "the name %q has more than small letters, digits, dots and dashes", f.Name)
	fault(f.Owner == "" || goodOwner.MatchString(f.Owner), "the owner %q is not a name of Gitea", f.Owner)
	fault(f.Prefix == "" || goodPrefix.MatchString(f.Prefix), "the prefix %q has more than letters, digits, dots, dashes and underscores", f.Prefix)
	fault(f.Token != "", "it needs an access token: make one in Gitea under Settings → Applications, with the scopes write:repository, write:user and read:organization")
	fault(!strings.ContainsFunc(f.Token, func(r rune) bool { return r <= ' ' || r > '~' }), "the token holds characters that no token has: give it alone, without quotes")
	if _, err := gitea.NewClient(gitea.ClientConfig{URL: f.URL}); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %s", ErrBad, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// check finds out what a connection is good for, and stores it when it is.
func (b *Book) check(ctx context.Context, f store.Forge, actor string) (Checked, error) {
	client, err := gitea.NewClient(gitea.ClientConfig{URL: f.URL, Token: f.Token, HTTP: b.HTTP})
	if err != nil {
		return Checked{}, err
	}
	up, err := client.Checkup(ctx, f.Owner)
	if err != nil {
		return Checked{}, err
	}
	if err := good(f, up); err != nil {
		return Checked{}, err
	}
	f.Login = up.Login
	stored, err := b.Store.Forges(ctx)
	if err != nil {
		return Checked{}, err
	}
	if err := b.pin(ctx, stored, saved(stored, f)); err != nil {
		return Checked{}, err
	}
	now, err := b.Store.SaveForge(ctx, f, actor)
	if err != nil {
		return Checked{}, err
	}
	b.log.Info("Gitea connected", "gitea", now.Name, "url", now.URL, "login", now.Login, "actor", actor)
	list, err := b.List(ctx)
	if err != nil {
		return Checked{}, err
	}
	c, _ := gitea.Named(list, now.Name)
	return Checked{c, up, list[0].Name == now.Name}, nil
}

// good refuses what would not work at all.
func good(f store.Forge, up gitea.Checkup) error {
	for _, g := range up.Missing() {
		if g.Needed {
			return fmt.Errorf("%w: its token lacks the scope %s, without which aictl cannot %s; make another in Gitea under Settings → Applications", ErrBad, g.Scope, g.For)
		}
	}
	switch {
	case up.Kind == gitea.OwnerOther:
		return fmt.Errorf("%w: new repositories cannot belong to %s, who is another user; name an organization, or leave the owner out", ErrBad, f.Owner)
	case up.Kind == gitea.OwnerUnknown && has(up, "read:organization"):
		return fmt.Errorf("%w: there is no user or organization called %s there, or the token may not see it", ErrBad, f.Owner)
	}
	return nil
}

func has(up gitea.Checkup, scope string) bool {
	return slices.ContainsFunc(up.Scopes, func(g gitea.Grant) bool { return g.Scope == scope && g.Has })
}

// Test finds out what a connection ("" is the default one) is good for now.
func (b *Book) Test(ctx context.Context, name string) (Checked, error) {
	c, err := b.Find(ctx, name)
	if err != nil {
		return Checked{}, err
	}
	first, err := b.Default(ctx)
	if err != nil {
		return Checked{}, err
	}
	out := Checked{Connection: c, Default: first.Name == c.Name}
	if c.Err != nil {
		return out, c.Err
	}
	out.Checkup, err = c.Client.Checkup(ctx, c.Owner)
	return out, err
}

// Disconnect forgets a connection; its history stays. It says which services came from there: they go on. One that the settings or
// the environment make is ErrGiven.
func (b *Book) Disconnect(ctx context.Context, name, actor string) (services []string, err error) {
	c, err := b.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	switch c.From {
	case gitea.FromEnvironment:
		return nil, fmt.Errorf("%w: AICTL_GITEA_URL names %s; take it out of the daemon's environment and start it anew", ErrGiven, c.Client.URL())
	case gitea.FromFile:
		return nil, fmt.Errorf("%w: gitea.url in the settings file names %s; take it out there, then `aictl config reload`", ErrGiven, c.Client.URL())
	}
	first, err := b.Default(ctx)
	if err != nil {
		return nil, err
	}
	all, err := b.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	for _, names := range sources(c, first.Name == c.Name, all) {
		services = append(services, names...)
	}
	slices.Sort(services)
	stored, err := b.Store.Forges(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.pin(ctx, stored, removed(stored, c.Name)); err != nil {
		return nil, err
	}
	if err := b.Store.RemoveForge(ctx, c.Name, actor); err != nil {
		return nil, err
	}
	b.log.Info("Gitea disconnected", "gitea", c.Name, "url", c.Client.URL(), "actor", actor)
	return services, nil
}

// History lists changes of connections, newest first; see store.ForgeHistory.
func (b *Book) History(ctx context.Context, name string, before int64, n int) ([]store.ForgeChange, error) {
	return b.Store.ForgeHistory(ctx, name, before, n)
}

// Rollback makes a connection what it was at a revision, or, for revision 0, before its last change. The Gitea is checked as for a new
// connection, because a token from long ago may be worthless by now.
func (b *Book) Rollback(ctx context.Context, name string, revision int64, actor string) (Checked, error) {
	if revision == 0 {
		changes, err := b.Store.ForgeHistory(ctx, name, 0, 2)
		if err != nil {
			return Checked{}, err
		}
		revision, err = earlier(name, changes)
		if err != nil {
			return Checked{}, err
		}
	}
	f, err := b.Store.ForgeAt(ctx, revision)
	if err != nil {
		return Checked{}, err
	}
	if f.Name != name {
		return Checked{}, fmt.Errorf("revision %d is one of the connection %s, not of %s: %w", revision, f.Name, name, store.ErrNotFound)
	}
	if now, err := b.Store.Forge(ctx, name); err == nil {
		f.Default = now.Default
	} else if !errors.Is(err, store.ErrNotFound) {
		return Checked{}, err
	}
	return b.check(ctx, f, actor)
}

// earlier is the revision before the last change: of a connection that is gone, how it was.
func earlier(name string, changes []store.ForgeChange) (int64, error) {
	if len(changes) > 0 && changes[0].Removed {
		return changes[0].Revision, nil
	}
	if len(changes) > 1 {
		return changes[1].Revision, nil
	}
	return 0, fmt.Errorf("the connection %s has no earlier configuration; `aictl gitea history` lists what there is: %w", name, store.ErrNotFound)
}
