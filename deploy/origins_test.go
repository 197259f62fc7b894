package deploy

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// connected is a connection to a Gitea for tests.
func connected(t *testing.T, name, url, token string) gitea.Connection {
	t.Helper()
	c, err := gitea.NewClient(gitea.ClientConfig{URL: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return gitea.Connection{Name: name, Client: c}
}

// TestOriginsOfSeveralGiteas: owner/repo is at the default one, an address at the one that it leads to, and each gets its own token only.
func TestOriginsOfSeveralGiteas(t *testing.T) {
	one, two := giteatest.New(t, giteatest.Options{}), giteatest.New(t, giteatest.Options{})
	push := func(g *giteatest.Server, name string) string {
		return g.Repo(t, "bot", name).Push(t, giteatest.Change{Files: map[string]string{"main.py": name + g.URL}})
	}
	first, second := push(one, "ocr"), push(two, "ocr")
	push(two, "only")
	forges := []gitea.Connection{
		connected(t, "one", one.URL, one.Token("bot", "read:repository")),
		connected(t, "two", two.URL, two.Token("bot", "read:repository")),
	}
	o := &Origins{Mirrors: gitea.NewMirrors(filepath.Join(t.TempDir(), "repos"), nil), Forges: func(context.Context) ([]gitea.Connection, error) { return forges, nil }}
	for _, c := range []struct{ kind, url, want string }{
		{SourceGitea, "bot/ocr", first}, {SourceGit, one.URL + "/bot/ocr.git", first}, {SourceGit, two.URL + "/bot/ocr.git", second},
	} {
		repo, err := o.Open(t.Context(), store.Source{Kind: c.kind, URL: c.url})
		if err != nil {
			t.Fatal(err)
		}
		if err := repo.Fetch(t.Context(), "main"); err != nil {
			t.Fatal(err)
		}
		if sha, err := repo.Resolve(t.Context(), "main"); err != nil || sha != c.want {
			t.Errorf("%s %s: %s, %v; want %s", c.kind, c.url, sha, err, c.want)
		}
	}
	if _, err := o.Open(t.Context(), store.Source{Kind: SourceGitea, URL: "bot/only"}); !errors.Is(err, gitea.ErrNotRepository) {
		t.Errorf("a repository that only the other Gitea has: %v", err)
	}
	forges = []gitea.Connection{forges[1], forges[0]}
	if _, err := o.Open(t.Context(), store.Source{Kind: SourceGitea, URL: "bot/only"}); err != nil {
		t.Errorf("with the other one as the default: %v", err)
	}
	forges[0].Err = errors.New("its token file is gone")
	if _, err := o.Open(t.Context(), store.Source{Kind: SourceGitea, URL: "bot/only"}); err == nil || !strings.Contains(err.Error(), "token file is gone") {
		t.Errorf("a connection that cannot be used: %v", err)
	}
	forges = nil
	if _, err := o.Open(t.Context(), store.Source{Kind: SourceGitea, URL: "bot/only"}); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "aictl gitea connect") {
		t.Errorf("none is connected: %v", err)
	}
}

// TestPlaces: owner/repo and its address are one source, what is called the same elsewhere is another.
func TestPlaces(t *testing.T) {
	forges := []gitea.Connection{connected(t, "one", "https://one.example/sub", ""), connected(t, "two", "https://two.example", "")}
	d := &Deployer{Deps: Deps{Sources: &Origins{Forges: func(context.Context) ([]gitea.Connection, error) { return forges, nil }}}}
	repo := store.Source{Kind: SourceGitea, URL: "ai/ocr"}
	for _, c := range []struct {
		a, b store.Source
		want bool
	}{
		{repo, repo, true},
		{repo, store.Source{Kind: SourceGit, URL: "https://one.example/sub/ai/ocr.git", Ref: "v2"}, true},
		{repo, store.Source{Kind: SourceGit, URL: "https://ONE.example:443/sub/AI/ocr"}, true},
		{store.Source{Kind: SourceGit, URL: "https://h.example/a/b"}, store.Source{Kind: SourceGit, URL: "https://h.example/a/b.git"}, true},
		{repo, store.Source{Kind: SourceGit, URL: "https://one.example/sub/ai/ocr.git", Subdir: "x"}, false},
		{repo, store.Source{Kind: SourceGit, URL: "https://two.example/ai/ocr.git"}, false},
		{repo, store.Source{Kind: SourceDir, URL: "ai/ocr"}, false},
		{store.Source{Kind: SourceDir, URL: "/a"}, store.Source{Kind: SourceDir, URL: "/b"}, false},
		{store.Source{Kind: SourceGit, URL: "git@h:a/b"}, store.Source{Kind: SourceGit, URL: "git@h:a/c"}, false},
	} {
		if got := d.same(t.Context(), c.a, c.b); got != c.want {
			t.Errorf("%+v and %+v: %v", c.a, c.b, got)
		}
	}
	forges = nil
	if d.same(t.Context(), repo, store.Source{Kind: SourceGitea, URL: "ai/nlp"}) {
		t.Error("without a Gitea, two repositories are one")
	}
}

// TestRevokedTokensAreTold: the deploy's error says what to do.
func TestRevokedTokensAreTold(t *testing.T) {
	g := giteatest.New(t, giteatest.Options{})
	g.Repo(t, "bot", "ocr").Push(t, giteatest.Change{Files: map[string]string{"main.py": ""}})
	token := g.Token("bot", "read:repository")
	forge := connected(t, "g", g.URL, token)
	o := &Origins{Mirrors: gitea.NewMirrors(filepath.Join(t.TempDir(), "repos"), nil), Forges: func(context.Context) ([]gitea.Connection, error) { return []gitea.Connection{forge}, nil }}
	src := store.Source{Kind: SourceGitea, URL: "bot/ocr"}
	if _, err := o.Open(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	g.Revoke(token)
	if _, err := o.Open(t.Context(), src); !errors.Is(err, gitea.ErrAuth) || !strings.Contains(err.Error(), "aictl gitea connect") || strings.Contains(err.Error(), token) {
		t.Errorf("after the token was revoked: %v", err)
	}
}
