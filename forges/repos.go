package forges

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"aictl/gitea"
	"aictl/store"
)

// What a repository looks like.
const (
	LooksManifest = "manifest" // it has an aictl.yaml
	LooksProcfile = "procfile"
	LooksPython   = "python" // main.py or app.py, which aictl starts by itself
	LooksPackage  = "package"
	LooksNode     = "node"
	LooksOther    = "" // nothing that aictl could start
)

// Repository is one of a connected Gitea.
type Repository struct {
	gitea.Listed
	Services []string // that are deployed from it, by name
	Looks    string   // when that was asked for
}

// Selection says which repositories are listed.
type Selection struct {
	Match string // part of the name; "" is all
	Most  int    // 0 is as many as there are
	Look  bool   // into each of them; one more question for each
}

// lookers bounds how many repositories are looked into at a time.
const lookers = 4

// Repos lists the repositories of a connection ("" is the default one) that its token may read, the latest changed first.
func (b *Book) Repos(ctx context.Context, name string, sel Selection) (gitea.Connection, []Repository, error) {
	c, err := b.usable(ctx, name)
	if err != nil {
		return c, nil, err
	}
	first, err := b.Default(ctx)
	if err != nil {
		return c, nil, err
	}
	listed, err := c.Client.Repos(ctx, sel.Match, sel.Most)
	if err != nil {
		return c, nil, err
	}
	services, err := b.Store.Services(ctx, "", 0)
	if err != nil {
		return c, nil, err
	}
	from := sources(c, first.Name == c.Name, services)
	repos := make([]Repository, len(listed))
	for i, l := range listed {
		repos[i] = Repository{Listed: l, Services: from[strings.ToLower(l.FullName)]}
	}
	if sel.Look {
		err = look(ctx, c.Client, repos)
	}
	return c, repos, err
}

// usable is a connection that can be asked.
func (b *Book) usable(ctx context.Context, name string) (gitea.Connection, error) {
	c, err := b.Find(ctx, name)
	if err == nil {
		err = c.Err
	}
	return c, err
}

// sources are the names of services by the repository of a connection that they come from, in small letters.
func sources(c gitea.Connection, isDefault bool, services []store.Service) map[string][]string {
	from := map[string][]string{}
	for _, s := range services {
		repo := ""
		switch {
		case s.Source.Kind == "gitea" && isDefault:
			repo = s.Source.URL
		case s.Source.Kind == "git" && c.Client.Owns(s.Source.URL):
			repo = gitea.Address(s.Source.URL)[len(gitea.Address(c.Client.URL())):]
		}
		if repo = strings.ToLower(strings.TrimSuffix(strings.Trim(repo, "/"), ".git")); repo != "" {
			from[repo] = append(from[repo], s.Name)
			slices.Sort(from[repo])
		}
	}
	return from
}

// look finds out what repositories look like. One that cannot be looked into looks like nothing.
func look(ctx context.Context, client *gitea.Client, repos []Repository) error {
	var all sync.WaitGroup
	turn := make(chan struct{}, lookers)
	for i := range repos {
		if repos[i].Empty {
			continue
		}
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			if ctx.Err() != nil {
				return
			}
			if entries, err := client.Root(ctx, repos[i].FullName, ""); err == nil {
				repos[i].Looks = looks(entries)
			}
		})
	}
	all.Wait()
	return ctx.Err()
}

// looks tells from the names at a repository's root what aictl would make of it.
func looks(entries []gitea.Entry) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(entries, func(e gitea.Entry) bool { return e.Type == "file" && slices.Contains(names, e.Name) })
	}
	switch {
	case has("aictl.yaml"):
		return LooksManifest
	case has("Procfile"):
		return LooksProcfile
	case has("main.py", "app.py"):
		return LooksPython
	case has("package.json"):
		return LooksNode
	case has("requirements.txt", "pyproject.toml", "setup.py", "Pipfile"):
		return LooksPackage
	}
	return LooksOther
}

// NewRepository asks for a repository.
type NewRepository struct {
	Name        string // owner/name, or the name alone: then the connection's owner and prefix count
	Description string
	Branch      string // the default one; "" is the Gitea's own choice
	Public      bool
}

// Create makes an empty repository at a connection ("" is the default one). One that is there already is gitea.ErrExists.
func (b *Book) Create(ctx context.Context, name string, r NewRepository) (gitea.Connection, gitea.Listed, error) {
	c, err := b.usable(ctx, name)
	if err != nil {
		return c, gitea.Listed{}, err
	}
	owner, repo, err := place(c, r.Name)
	if err != nil {
		return c, gitea.Listed{}, err
	}
	made, err := c.Client.CreateRepo(ctx, owner, gitea.NewRepo{Name: repo, Description: r.Description, Private: !r.Public, DefaultBranch: r.Branch})
	if err == nil {
		b.log.Info("repository created", "gitea", c.Name, "repository", made.FullName)
	}
	return c, made, err
}

// ErrBadName is returned for names that no repository can have.
var ErrBadName = errors.New("a repository's name has letters, digits, dots, dashes and underscores only")

// place says whose a new repository is, and what it is called.
func place(c gitea.Connection, name string) (owner, repo string, err error) {
	owner, repo, whole := strings.Cut(name, "/")
	if !whole {
		owner, repo = c.Owner, name
		if !strings.HasPrefix(repo, c.Prefix) {
			repo = c.Prefix + repo
		}
	}
	if name == "" || !goodRepo(repo) || owner != "" && !goodOwner.MatchString(owner) || whole && owner == "" {
		return "", "", fmt.Errorf("%w: %q is not one", ErrBadName, name)
	}
	return owner, repo, nil
}

func goodRepo(name string) bool {
	return len(name) <= 100 && name != "" && name != "." && name != ".." && name != "-" && !strings.HasSuffix(name, ".git") && !strings.HasSuffix(name, ".wiki") &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
		})
}
