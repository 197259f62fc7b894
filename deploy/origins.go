package deploy

import (
	"context"
	"fmt"
	"net/url"

	"aictl/gitea"
	"aictl/store"
)

// Origins opens sources through mirrors. Forges returns the connected Giteas, the default one first; it is asked every time, because
// connections come and go. It may be nil.
type Origins struct {
	Mirrors *gitea.Mirrors
	Forges  func(ctx context.Context) ([]gitea.Connection, error)
	// Hosted says where a repository lies that aictl hosts itself; nil: there are none.
	Hosted func(name string) (dir string, err error)
}

var _ Sources = (*Origins)(nil)

// origin is an opened source.
type origin struct {
	*gitea.Mirror
	warnings []string
}

func (o origin) Warnings() []string { return o.warnings }

// tree is a directory's files as they are: whatever its ref is called, there is one commit.
type tree struct{ origin }

// Resolve implements Repository.
func (t tree) Resolve(ctx context.Context, _ string) (string, error) {
	return t.origin.Resolve(ctx, "")
}

// Open implements Sources. The configured Gitea's token is sent to that Gitea only.
func (o *Origins) Open(ctx context.Context, src store.Source) (Repository, error) {
	if src.Kind == SourceDir && src.Ref == gitea.WorkTree {
		m, warnings, err := o.Mirrors.OpenTree(ctx, src.URL)
		if err != nil {
			return nil, err
		}
		return tree{origin{m, warnings}}, nil
	}
	if src.Kind == SourceDir {
		m, warnings, err := o.Mirrors.OpenDir(ctx, src.URL)
		if err != nil {
			return nil, err
		}
		if len(warnings) > 0 && src.Ref != "" {
			warnings = nil // a ref was asked for: what is not committed was never meant
		}
		return origin{m, warnings}, nil
	}
	if src.Kind == SourceHosted {
		return o.openHosted(ctx, src.URL)
	}
	at, auth, err := o.locate(ctx, src)
	if err != nil {
		return nil, err
	}
	m, err := o.Mirrors.Open(ctx, at, auth)
	if err != nil {
		return nil, err
	}
	return origin{Mirror: m}, nil
}

// openHosted opens a repository that aictl hosts itself, in place.
func (o *Origins) openHosted(ctx context.Context, name string) (Repository, error) {
	if o.Hosted == nil {
		return nil, fmt.Errorf("%w: %s names a hosted repository, and none are hosted here", ErrSource, name)
	}
	dir, err := o.Hosted(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	m, err := o.Mirrors.OpenHosted(ctx, dir, name)
	if err != nil {
		return nil, err
	}
	return origin{Mirror: m}, nil
}

// locate says where a source is cloned from, and with which credentials: owner/repo is on the default Gitea, an address gets the token
// of the Gitea that it leads to and of no other.
func (o *Origins) locate(ctx context.Context, src store.Source) (at string, auth gitea.Auth, err error) {
	var forges []gitea.Connection
	if o.Forges != nil {
		if forges, err = o.Forges(ctx); err != nil {
			return "", gitea.Auth{}, err
		}
	}
	if src.Kind != SourceGitea {
		forge, ok := gitea.Owning(forges, src.URL)
		if !ok {
			return src.URL, gitea.Auth{}, nil
		}
		return src.URL, forge.Client.Auth(), forge.Err
	}
	if len(forges) == 0 {
		return "", gitea.Auth{}, fmt.Errorf("%w: %s names a repository of a Gitea, and none is connected; connect one with `aictl gitea connect URL`, or give a Git URL", ErrSource, src.URL)
	}
	if forges[0].Err != nil {
		return "", gitea.Auth{}, forges[0].Err
	}
	repo, err := forges[0].Client.Repo(ctx, src.URL)
	if err != nil {
		return "", gitea.Auth{}, err
	}
	// Whether it is empty the fetch says: Gitea itself still calls it so for a while after the first push.
	return repo.CloneURL, repo.Auth, nil
}

// password is the secret in a URL, "" when there is none.
func password(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return ""
	}
	if pass, ok := u.User.Password(); ok {
		return pass
	}
	return u.User.Username()
}
