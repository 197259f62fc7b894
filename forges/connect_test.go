package forges_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/forges"
	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// allScopes are those that aictl asks for.
var allScopes = []string{"write:repository", "write:user", "write:organization"}

// rig is a book over a store of its own.
type rig struct {
	*forges.Book
	store    *store.Store
	settings configs.Settings
	log      *bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	key, err := store.LoadOrCreateKey(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(context.Background(), store.Options{Path: filepath.Join(dir, "aictl.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{store: s, settings: configs.DefaultSettings(), log: &bytes.Buffer{}}
	r.Book = forges.New(forges.Deps{Store: s, Settings: func() configs.Settings { return r.settings }, Logger: slog.New(slog.NewTextHandler(r.log, nil))})
	return r
}

func (r *rig) connect(t *testing.T, req forges.Request) forges.Checked {
	t.Helper()
	c, err := r.Connect(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ptr[T any](v T) *T { return &v }

func TestConnect(t *testing.T) {
	g, ctx := giteatest.New(t, giteatest.Options{}), context.Background()
	g.Org("ai", "bot")
	r := newRig(t)
	token := g.Token("bot", allScopes...)
	c := r.connect(t, forges.Request{URL: g.URL + "/", Token: token, Owner: ptr("ai"), Prefix: ptr("algo-"), Actor: "ada"})
	if !c.Default || c.Login != "bot" || c.Checkup.Version != "1.22.3" || c.Owner != "ai" || c.Checkup.Kind != gitea.OwnerOrganization || len(c.Checkup.Missing()) != 0 || c.Secret == "" {
		t.Errorf("connected as %+v", c)
	}
	// The same again without a token keeps the token, and what else is not said.
	c = r.connect(t, forges.Request{URL: g.URL, Prefix: ptr(""), Actor: "ada"})
	if c.Owner != "ai" || c.Prefix != "" || c.Hint != token[len(token)-4:] {
		t.Errorf("after a change of the prefix: %+v", c)
	}
	second := r.connect(t, forges.Request{URL: g.URL, Name: "second", Token: g.Token("eve", "read:repository"), Actor: "ada"})
	if second.Default || second.Login != "" || second.Secret != c.Secret || len(second.Checkup.Missing()) != 5 {
		t.Errorf("a second connection: %+v", second)
	}
	list, err := r.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != c.Name || list[1].Name != "second" {
		t.Fatalf("connections: %+v, %v", list, err)
	}
	if _, err := r.Disconnect(ctx, c.Name, "ada"); err != nil {
		t.Fatal(err)
	}
	if d, err := r.Default(ctx); err != nil || d.Name != "second" {
		t.Errorf("the default after its removal: %+v, %v", d, err)
	}
	if _, err := r.Find(ctx, c.Name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("found after its removal: %v", err)
	}
	if strings.Contains(r.log.String(), token) {
		t.Error("the token is in the log")
	}
}

func TestConnectRefuses(t *testing.T) {
	g := giteatest.New(t, giteatest.Options{})
	g.User("ada")
	good := g.Token("bot", allScopes...)
	revoked := g.Token("bot", allScopes...)
	g.Revoke(revoked)
	r := newRig(t)
	for what, c := range map[string]struct {
		req  forges.Request
		want error
		says string
	}{
		"no token":              {forges.Request{URL: g.URL}, forges.ErrBad, "access token"},
		"a token in quotes":     {forges.Request{URL: g.URL, Token: "abc def"}, forges.ErrBad, "without quotes"},
		"no address":            {forges.Request{URL: "gitea.example", Token: good}, forges.ErrBad, "https://git.example.com"},
		"a password in it":      {forges.Request{URL: strings.Replace(g.URL, "http://", "http://me:hunter2@", 1), Token: good}, forges.ErrBad, "give the token by itself"},
		"a bad name":            {forges.Request{URL: g.URL, Token: good, Name: "a/b"}, forges.ErrBad, "name"},
		"a bad owner":           {forges.Request{URL: g.URL, Token: good, Owner: ptr("a/b")}, forges.ErrBad, "owner"},
		"an owner nobody knows": {forges.Request{URL: g.URL, Token: good, Owner: ptr("nobody")}, forges.ErrBad, "nobody"},
		"another user as owner": {forges.Request{URL: g.URL, Token: good, Owner: ptr("ada")}, forges.ErrBad, "another user"},
		"a revoked token":       {forges.Request{URL: g.URL, Token: revoked}, gitea.ErrAuth, "refused"},
		"a token for nothing":   {forges.Request{URL: g.URL, Token: g.Token("bot", "read:user")}, forges.ErrBad, "read:repository"},
		"nobody there":          {forges.Request{URL: "http://127.0.0.1:1", Token: good}, gitea.ErrUnreachable, "127.0.0.1:1"},
	} {
		_, err := r.Connect(context.Background(), c.req)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %v and %q", what, err, c.want, c.says)
		}
		if err != nil && (strings.Contains(err.Error(), good) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), revoked)) {
			t.Errorf("%s: a secret is in %v", what, err)
		}
	}
	if list, err := r.List(context.Background()); err != nil || len(list) != 0 {
		t.Errorf("something was stored: %+v, %v", list, err)
	}
}

// TestTokensStayWhereTheyWereGiven: a new address for a name never gets the old address's token.
func TestTokensStayWhereTheyWereGiven(t *testing.T) {
	g, other := giteatest.New(t, giteatest.Options{}), giteatest.New(t, giteatest.Options{})
	r := newRig(t)
	r.connect(t, forges.Request{URL: g.URL, Name: "main", Token: g.Token("bot", allScopes...)})
	if _, err := r.Connect(context.Background(), forges.Request{URL: other.URL, Name: "main"}); !errors.Is(err, forges.ErrBad) {
		t.Errorf("connected to another address without a token: %v", err)
	}
	if asked := other.Requests(); len(asked) != 0 {
		t.Errorf("the other server was asked %v", asked)
	}
}

func TestRollback(t *testing.T) {
	g, ctx := giteatest.New(t, giteatest.Options{}), context.Background()
	g.Org("ai", "bot")
	r := newRig(t)
	first, second := g.Token("bot", allScopes...), g.Token("bot", "read:repository", "read:user")
	name := r.connect(t, forges.Request{URL: g.URL, Token: first, Owner: ptr("ai"), Actor: "ada"}).Name
	if _, err := r.Rollback(ctx, name, 0, "ada"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("rolled back to before the beginning: %v", err)
	}
	r.connect(t, forges.Request{URL: g.URL, Token: second, Owner: ptr(""), Actor: "eve"})
	back, err := r.Rollback(ctx, name, 0, "ada")
	if err != nil || back.Owner != "ai" || back.Hint != first[len(first)-4:] || !back.Default {
		t.Fatalf("rolled back to %+v, %v", back, err)
	}
	if _, err := r.Disconnect(ctx, name, "eve"); err != nil {
		t.Fatal(err)
	}
	if back, err := r.Rollback(ctx, name, 0, "ada"); err != nil || back.Owner != "ai" || !back.Default {
		t.Errorf("a connection that was removed comes back as %+v, %v", back, err)
	}
	changes, err := r.History(ctx, name, 0, 0)
	actors := make([]string, len(changes))
	for i, c := range changes {
		actors[i] = c.Actor
	}
	if want := []string{"ada", "eve", "ada", "eve", "ada"}; err != nil || !slices.Equal(actors, want) {
		t.Errorf("history: %v, %v; want %v", actors, err, want)
	}
	g.Revoke(second)
	if _, err := r.Rollback(ctx, name, changes[3].Revision, "ada"); !errors.Is(err, gitea.ErrAuth) {
		t.Errorf("rolled back to a token that was revoked: %v", err)
	}
	if _, err := r.Rollback(ctx, "other", changes[3].Revision, "ada"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("rolled back to another connection's revision: %v", err)
	}
}

// TestServicesStayWithTheirGitea: when another Gitea becomes the default one, owner/repo of a service does not become a repository there.
func TestServicesStayWithTheirGitea(t *testing.T) {
	g, other, ctx := giteatest.New(t, giteatest.Options{}), giteatest.New(t, giteatest.Options{}), context.Background()
	r := newRig(t)
	source := func() string {
		t.Helper()
		s, err := r.store.Service(ctx, "ocr")
		if err != nil {
			t.Fatal(err)
		}
		return s.Source.Kind + " " + s.Source.URL
	}
	r.connect(t, forges.Request{URL: g.URL, Name: "old", Token: g.Token("bot", allScopes...)})
	if _, err := r.store.CreateService(ctx, store.Service{Name: "ocr", Source: store.Source{Kind: "gitea", URL: "bot/ocr"}, Wanted: store.WantedStopped}); err != nil {
		t.Fatal(err)
	}
	r.connect(t, forges.Request{URL: other.URL, Name: "new", Token: other.Token("bot", allScopes...)})
	if got := source(); got != "gitea bot/ocr" {
		t.Errorf("after another one was connected: %s", got)
	}
	r.connect(t, forges.Request{URL: other.URL, Name: "new", Default: true})
	if got, want := source(), "git "+g.URL+"/bot/ocr.git"; got != want {
		t.Errorf("after another one became the default: %s, want %s", got, want)
	}
	_, repos, err := r.Repos(ctx, "old", forges.Selection{})
	if err != nil || len(repos) != 0 {
		t.Errorf("repositories: %+v, %v", repos, err)
	}
	services, err := r.Disconnect(ctx, "old", "ada")
	if err != nil || !slices.Equal(services, []string{"ocr"}) {
		t.Errorf("disconnected, what came from there is %v, %v", services, err)
	}
}

func TestGivenConnections(t *testing.T) {
	g, ctx := giteatest.New(t, giteatest.Options{}), context.Background()
	r := newRig(t)
	load := func(src configs.Sources) {
		t.Helper()
		s, err := configs.Load(src)
		if err != nil {
			t.Fatal(err)
		}
		r.settings = s
	}
	load(configs.Sources{Env: []string{"AICTL_GITEA_URL=" + g.URL, "AICTL_GITEA_TOKEN=" + g.Token("bot", allScopes...)}})
	c, err := r.Test(ctx, "")
	if err != nil || c.From != gitea.FromEnvironment || !c.Default || c.Checkup.Login != "bot" || c.Secret == "" {
		t.Errorf("from the environment: %+v, %v", c, err)
	}
	if _, err := r.Disconnect(ctx, "", "ada"); !errors.Is(err, forges.ErrGiven) || !strings.Contains(err.Error(), "AICTL_GITEA_URL") {
		t.Errorf("the environment's was disconnected: %v", err)
	}
	load(configs.Sources{Env: []string{"AICTL_GITEA_URL=" + g.URL, "AICTL_GITEA_TOKEN_FILE=" + filepath.Join(t.TempDir(), "gone")}})
	list, err := r.List(ctx)
	if err != nil || len(list) != 1 || list[0].Err == nil || list[0].Client == nil {
		t.Errorf("with a token file that is not there: %+v, %v", list, err)
	}
	if _, err := r.Test(ctx, ""); err == nil || !strings.Contains(err.Error(), "gitea.token_file") {
		t.Errorf("tested with a token file that is not there: %v", err)
	}
	load(configs.Sources{})
	if _, err := r.Test(ctx, ""); !errors.Is(err, forges.ErrNone) {
		t.Errorf("nothing connected: %v", err)
	}
}
