package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"aictl/forges"
	"aictl/gitea"
	"aictl/store"
)

// giteaRoutes are the calls about connected Giteas.
var giteaRoutes = []string{
	"GET /api/v1/gitea", "POST /api/v1/gitea", "GET /api/v1/gitea/history", "POST /api/v1/gitea/{name}/test", "POST /api/v1/gitea/{name}/disconnect",
	"POST /api/v1/gitea/{name}/rollback", "GET /api/v1/gitea/{name}/repositories", "POST /api/v1/gitea/{name}/repositories",
}

// fakeForges has one connection, whose server is not there.
type fakeForges struct {
	noForges
	t     *testing.T
	asked []string
}

func (f *fakeForges) connection() gitea.Connection {
	client, err := gitea.NewClient(gitea.ClientConfig{URL: "https://git.example.com", Token: "a-token-that-nobody-may-see"})
	if err != nil {
		f.t.Fatal(err)
	}
	return gitea.Connection{Name: "git.example.com", From: gitea.FromStore, Hint: "-see", Client: client, Secret: "a-secret-that-nobody-may-see"}
}

func (f *fakeForges) List(context.Context) ([]gitea.Connection, error) {
	return []gitea.Connection{f.connection()}, nil
}

func (f *fakeForges) Connect(_ context.Context, r forges.Request) (forges.Checked, error) {
	f.asked = append(f.asked, fmt.Sprint(r.URL, r.Token, r.Owner != nil, r.Prefix != nil, r.Default, r.Actor != ""))
	c := forges.Checked{Connection: f.connection(), Default: true}
	c.Checkup = gitea.Checkup{Version: "1.22.3", Login: "bot", Kind: gitea.OwnerUser, Scopes: []gitea.Grant{{Scope: "read:repository", Has: true, Needed: true}, {Scope: "write:user"}}}
	return c, nil
}

func (f *fakeForges) Test(_ context.Context, name string) (forges.Checked, error) {
	f.asked = append(f.asked, "test "+name)
	if name == "other" {
		return forges.Checked{}, store.ErrNotFound
	}
	return forges.Checked{Connection: f.connection()}, fmt.Errorf("ask: %w", gitea.ErrUnreachable)
}

func (f *fakeForges) Repos(_ context.Context, name string, sel forges.Selection) (gitea.Connection, []forges.Repository, error) {
	f.asked = append(f.asked, fmt.Sprintf("repos %s %v", name, sel))
	return f.connection(), []forges.Repository{{Listed: gitea.Listed{Repo: gitea.Repo{FullName: "ai/ocr"}}, Services: []string{"ocr"}, Looks: forges.LooksPython}}, nil
}

func (f *fakeForges) Rollback(_ context.Context, name string, revision int64, _ string) (forges.Checked, error) {
	f.asked = append(f.asked, fmt.Sprintf("rollback %s %d", name, revision))
	return forges.Checked{Connection: f.connection()}, nil
}

func (f *fakeForges) Create(_ context.Context, name string, r forges.NewRepository) (gitea.Connection, gitea.Listed, error) {
	f.asked = append(f.asked, fmt.Sprintf("create %s %s", name, r.Name))
	return f.connection(), gitea.Listed{}, nil
}

func (f *fakeForges) Disconnect(_ context.Context, name, _ string) ([]string, error) {
	f.asked = append(f.asked, "disconnect "+name)
	return nil, nil
}

func TestForgeCalls(t *testing.T) {
	f := &fakeForges{t: t}
	c := clientOf(t, newServer(t, newBackend(), func(d *Deps) { d.Forges = f }))
	ctx := context.Background()
	list, err := c.Forges(ctx)
	if err != nil || len(list.Forges) != 1 || !list.Forges[0].Default || list.Forges[0].Hint != "-see" {
		t.Errorf("connections: %+v, %v", list, err)
	}
	owner := "ai"
	check, err := c.ConnectForge(ctx, ForgeRequest{URL: "https://git.example.com", Token: "secret", Owner: &owner})
	if err != nil || !check.OK || check.Login != "bot" || len(check.Scopes) != 2 || check.OwnerKind != "user" {
		t.Errorf("connected: %+v, %v", check, err)
	}
	check, err = c.TestForge(ctx, "")
	if err != nil || check.OK || check.Error == "" {
		t.Errorf("tested: %+v, %v", check, err)
	}
	var problem *Error
	if _, err := c.TestForge(ctx, "other"); !errors.As(err, &problem) || problem.Status != http.StatusNotFound {
		t.Errorf("tested one that is not there: %v", err)
	}
	repos, err := c.ForgeRepositories(ctx, "", "oc", 7, true)
	if err != nil || repos.Forge != "git.example.com" || len(repos.Repositories) != 1 || repos.Repositories[0].Looks != "python" {
		t.Errorf("repositories: %+v, %v", repos, err)
	}
	if _, err := c.ForgeRepositories(ctx, "lab", "", 1, false); err != nil {
		t.Error(err)
	}
	for _, call := range []func() error{
		func() error { _, err := c.RollbackForge(ctx, "lab", 3); return err },
		func() error {
			_, err := c.CreateForgeRepository(ctx, "lab", ForgeRepositoryRequest{Name: "x"})
			return err
		},
		func() error { _, err := c.DisconnectForge(ctx, "lab"); return err },
	} {
		if err := call(); err != nil {
			t.Error(err)
		}
	}
	want := "[https://git.example.comsecrettrue false false true test  test other repos  {oc 7 true} repos lab { 1 false} rollback lab 3 create lab x disconnect lab]"
	if got := fmt.Sprint(f.asked); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

// TestForgeErrors: what goes wrong with a Gitea is never a fault of aictl.
func TestForgeErrors(t *testing.T) {
	s := newServer(t, newBackend())
	for err, status := range map[error]int{
		forges.ErrNone: 404, forges.ErrGiven: 409, forges.ErrBad: 422, forges.ErrBadName: 422, gitea.ErrExists: 409, gitea.ErrAuth: 422, gitea.ErrUnreachable: 503,
		gitea.ErrNoOwner: 422, &gitea.Refused{Status: 422, Message: "name is reserved"}: 422, &gitea.Refused{Status: 502, Message: "bad gateway"}: 500,
	} {
		if p := s.problemOf(fmt.Errorf("do: %w", err)); p.Status != status {
			t.Errorf("%v: status %d, want %d", err, p.Status, status)
		}
	}
}
