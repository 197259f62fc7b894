package deploy

import (
	"context"
	"fmt"
	"net/url"

	"aictl/gitea"
	"aictl/store"
)

// Origins opens sources through mirrors. Forge returns the configured Gitea, nil when there is none; it is asked
// every time, because the configuration can change.
type Origins struct {
	Mirrors *gitea.Mirrors
	Forge   func(ctx context.Context) (*gitea.Client, error)
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
	var forge *gitea.Client
	if o.Forge != nil {
		var err error
		if forge, err = o.Forge(ctx); err != nil {
			return nil, err
		}
	}
	at, auth := src.URL, gitea.Auth{}
	switch {
	case src.Kind == SourceGitea && forge == nil:
		return nil, fmt.Errorf("%w: %s names a repository of a Gitea, and none is set; start the daemon with gitea.url in its settings file (or AICTL_GITEA_URL and AICTL_GITEA_TOKEN), or give a Git URL", ErrSource, src.URL)
	case src.Kind == SourceGitea:
		repo, err := forge.Repo(ctx, src.URL)
		if err != nil {
			return nil, err
		}
		if repo.Empty {
			return nil, fmt.Errorf("open %s: %w; commit and push something first", repo.FullName, gitea.ErrEmpty)
		}
		at, auth = repo.CloneURL, repo.Auth
	case forge != nil && forge.Owns(src.URL):
		auth = forge.Auth()
	}
	m, err := o.Mirrors.Open(ctx, at, auth)
	if err != nil {
		return nil, err
	}
	return origin{Mirror: m}, nil
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
