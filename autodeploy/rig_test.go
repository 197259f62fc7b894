package autodeploy

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// rig is an engine over a real store, a Gitea, and a queue that deploys nothing.
type rig struct {
	t      testing.TB
	store  *store.Store
	git    *giteatest.Server
	token  string
	engine *Engine
	web    *httptest.Server
	conn   gitea.Connection

	mu     sync.Mutex
	orders []Order
	refuse error // of Submit
}

const testSecret = "test-secret"

func newRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	key, err := store.LoadOrCreateKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, store: s, git: giteatest.New(t, giteatest.Options{})}
	r.token = r.git.Token("team", "all")
	client, err := gitea.NewClient(gitea.ClientConfig{URL: r.git.URL, Token: r.token})
	if err != nil {
		t.Fatal(err)
	}
	r.conn = gitea.Connection{Name: "main", Secret: testSecret, Client: client}
	mirrors := gitea.NewMirrors(filepath.Join(dir, "repos"), nil)
	r.engine = New(Deps{
		Store: s, Submit: r.submit,
		Open: func(ctx context.Context, src store.Source) (Repository, error) {
			at := src.URL
			if src.Kind == "gitea" {
				at = r.git.URL + "/" + src.URL + ".git"
			}
			return mirrors.Open(ctx, at, client.Auth())
		},
		Forges: func(context.Context) ([]gitea.Connection, error) { return []gitea.Connection{r.conn}, nil },
		Secrets: func(_ context.Context, kind string) ([]Secret, error) {
			if kind != ForgeGitea {
				return []Secret{{Forge: kind, Value: testSecret}, {Forge: "empty"}}, nil
			}
			return []Secret{{Forge: "empty"}, {Forge: "main", URL: r.git.URL, Value: testSecret}, {Forge: "recorded", Value: giteatest.RecordedSecret}}, nil
		},
		Every: time.Hour,
	})
	r.web = httptest.NewServer(r.engine)
	t.Cleanup(r.web.Close)
	return r
}

// submit queues as a deployer does.
func (r *rig) submit(ctx context.Context, o Order) (store.Deploy, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return store.Deploy{}, r.refuse
	}
	r.orders = append(r.orders, o)
	row, _, err := r.store.EnqueueDeploy(ctx, store.Deploy{
		Service: o.Service, Source: o.Source, Commit: o.Commit, Actor: o.Actor, Trigger: o.Trigger, Reason: o.Reason, Origin: o.Origin,
	})
	return row, err
}

// run lets the engine work until the test ends.
func (r *rig) run() { r.background(r.engine.Run) }

// work has deliveries worked off, and nothing else: no look comes before them.
func (r *rig) work() {
	r.background(func(ctx context.Context) error {
		r.engine.work(ctx)
		return nil
	})
}

func (r *rig) background(do func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}

// service is a live service with a manifest's section, deployed from a commit.
func (r *rig) service(name string, src store.Source, commit string, section configs.DeploySection) {
	r.t.Helper()
	ctx := r.t.Context()
	if _, err := r.store.CreateService(ctx, store.Service{Name: name, Source: src}); err != nil {
		r.t.Fatal(err)
	}
	m := configs.DefaultManifest()
	m.Deploy = section
	text, err := m.JSON()
	if err != nil {
		r.t.Fatal(err)
	}
	rel, err := r.store.CreateRelease(ctx, store.Release{Service: name, Commit: commit, Manifest: text, Dir: "/none"})
	if err == nil {
		err = r.store.SetRelease(ctx, name, rel.ID, "")
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// repo is a repository with one commit and a hook to the engine.
func (r *rig) repo(name string) (repo *giteatest.Repo, first string) {
	r.t.Helper()
	repo = r.git.Repo(r.t, "team", name)
	first = repo.Push(r.t, giteatest.Change{Files: map[string]string{"main.py": "1", "docs/a.md": "1"}})
	r.hook(name, r.web.URL+"/hooks/gitea")
	return repo, first
}

func (r *rig) hook(name, url string) {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "create", "delete", "pull_request"},
		"config": map[string]string{"url": url, "content_type": "json", "secret": testSecret},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.git.URL+"/api/v1/repos/team/"+name+"/hooks", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+r.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		r.t.Fatalf("hook of %s: status %d", name, res.StatusCode)
	}
}

// commits are what was ordered for a service, in order.
func (r *rig) commits(service string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, o := range r.orders {
		if o.Service == service {
			out = append(out, o.Commit)
		}
	}
	return out
}

// settled waits until every delivery that the Gitea made was taken and worked off.
func (r *rig) settled(deliveries int) []store.Delivery {
	r.t.Helper()
	r.git.WaitDeliveries(r.t, deliveries)
	var list []store.Delivery
	r.until("all deliveries are done", func() bool {
		open, err := r.store.OpenDeliveries(r.t.Context(), 0)
		if err != nil {
			r.t.Fatal(err)
		}
		if list, err = r.store.Deliveries(r.t.Context(), "", 0, 0); err != nil {
			r.t.Fatal(err)
		}
		return len(open) == 0
	})
	return list
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("after 30 s it is not so that %s", what)
		}
	}
}

func (r *rig) reconcile() {
	r.t.Helper()
	if err := r.engine.Reconcile(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) want(service string, commits ...string) {
	r.t.Helper()
	if got := r.commits(service); !slices.Equal(got, commits) {
		r.t.Errorf("%s was deployed at %v, want %v", service, got, commits)
	}
}

// finish ends a service's queued deploy.
func (r *rig) finish(service string, state store.DeployState, step string) {
	r.t.Helper()
	rows, err := r.store.Deploys(r.t.Context(), store.DeployFilter{Service: service, States: []store.DeployState{store.DeployQueued}})
	if err != nil || len(rows) != 1 {
		r.t.Fatalf("queued deploys of %s: %+v, %v", service, rows, err)
	}
	if _, err := r.store.FinishDeploy(r.t.Context(), rows[0].ID, state, step, "on purpose"); err != nil {
		r.t.Fatal(err)
	}
}

func giteaSource(name string) store.Source { return store.Source{Kind: "gitea", URL: "team/" + name} }

// send delivers a body as a forge does; header overrides what a Gitea sends, "" removes.
func (r *rig) send(path string, body []byte, header map[string]string) (status int, got accepted) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.web.URL+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "X-Gitea-Event": "push", "X-Gitea-Signature": sign(testSecret, body)} {
		req.Header.Set(k, v)
	}
	for k, v := range header {
		req.Header.Set(k, v)
		if v == "" {
			req.Header.Del(k)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusAccepted {
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			r.t.Fatal(err)
		}
	}
	return res.StatusCode, got
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// pushBody is a push of team/NAME as a Gitea writes it, in short.
func (r *rig) pushBody(name, before, after string) []byte {
	return fmt.Appendf(nil, `{"ref":"refs/heads/main","before":%q,"after":%q,"head_commit":{"id":%q,"message":"m"},"pusher":{"login":"ada"},`+
		`"repository":{"id":4711,"full_name":"team/%s","clone_url":"%s/team/%s.git","default_branch":"main"}}`, before, after, after, name, r.git.URL, name)
}
