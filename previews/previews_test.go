package previews

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// rig is a service with previews on a Gitea; what is asked for is noted instead of done.
type rig struct {
	*testing.T
	store   *store.Store
	gitea   *giteatest.Server
	repo    *giteatest.Repo
	engine  *Engine
	orders  []Order
	removed []string
	fail    error
	now     time.Time
}

func newRig(t *testing.T, manifest string) *rig {
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "aictl.db"), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	g := giteatest.New(t, giteatest.Options{})
	r := &rig{T: t, store: s, gitea: g, repo: g.Repo(t, "ai", "ocr"), now: time.Now()}
	sha := r.repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1\n"}})
	for _, f := range []string{"one", "two", "three"} {
		r.repo.Push(t, giteatest.Change{Branch: f, Parent: sha, Files: map[string]string{"main.py": f + "\n"}})
	}
	c, err := gitea.NewClient(gitea.ClientConfig{URL: g.URL, Token: g.Token("ai", "read:repository")})
	if err != nil {
		t.Fatal(err)
	}
	r.service("ocr", sha, manifest)
	r.engine = New(Deps{
		Store: s, Now: func() time.Time { return r.now }, Limits: func() Limits { return Limits{2, 48 * time.Hour} },
		Forges: func(context.Context) ([]gitea.Connection, error) {
			return []gitea.Connection{{Name: "main", Client: c}}, nil
		},
		Submit: func(_ context.Context, o Order) (store.Deploy, error) {
			if r.fail != nil {
				return store.Deploy{}, r.fail
			}
			r.orders = append(r.orders, o)
			return store.Deploy{ID: int64(len(r.orders))}, nil
		},
		Remove: func(_ context.Context, name string) error {
			if r.fail != nil {
				return r.fail
			}
			r.removed = append(r.removed, name)
			return store.ErrNotFound // its first deploy did not go live
		},
	})
	return r
}

// service stores a service with a live release.
func (r *rig) service(name, sha, manifest string) {
	r.Helper()
	src := store.Source{Kind: "gitea", URL: "ai/ocr"}
	if _, err := r.store.CreateService(r.Context(), store.Service{Name: name, Source: src, Env: map[string]string{"MODEL": "base"}}); err != nil {
		r.Fatal(err)
	}
	r.release(name, sha, manifest)
}

// release makes a release live.
func (r *rig) release(name, sha, manifest string) {
	r.Helper()
	rel, err := r.store.CreateRelease(r.Context(), store.Release{Service: name, Commit: sha, Manifest: []byte(manifest)})
	if err != nil {
		r.Fatal(err)
	}
	if err := r.store.SetRelease(r.Context(), name, rel.ID, ""); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) sync() {
	r.Helper()
	if err := r.engine.Sync(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// did returns what was asked for since the last time.
func (r *rig) did() (deployed, removed []string) {
	for _, o := range r.orders {
		deployed = append(deployed, o.Service)
	}
	removed = r.removed
	r.orders, r.removed = nil, nil
	return deployed, removed
}

func (r *rig) want(what string, deployed, removed []string) {
	r.Helper()
	r.sync()
	d, x := r.did()
	if !slices.Equal(d, deployed) || !slices.Equal(x, removed) {
		r.Errorf("%s: deployed %q, removed %q; want %q, %q", what, d, x, deployed, removed)
	}
}

func TestLife(t *testing.T) {
	r := newRig(t, `{"deploy":{"auto":true,"previews":true}}`)
	r.want("nothing is open", nil, nil)
	n := r.repo.Pull(t, "one", "main", "A feature")
	r.sync()
	if len(r.orders) != 1 {
		t.Fatalf("orders: %+v", r.orders)
	}
	o := r.orders[0]
	head, err := r.repo.Git("", "rev-parse", "one")
	if err != nil || o.Service != "ocr-pr-1" || o.Commit != head || o.Source.Ref != "one" || o.Env["MODEL"] != "base" || o.Env[EnvNumber] != "1" || o.Reason != "pull request #1: A feature" || o.Origin == "" {
		t.Errorf("order: %+v, %v", o, err)
	}
	r.did()
	r.want("again", nil, nil)
	if names, err := r.engine.Names(t.Context()); err != nil || !names["ocr-pr-1"] || len(names) != 1 {
		t.Errorf("names: %v, %v", names, err)
	}
	r.repo.Push(t, giteatest.Change{Branch: "one", Files: map[string]string{"main.py": "more\n"}})
	r.want("a push", []string{"ocr-pr-1"}, nil)
	r.repo.Pull(t, "two", "main", "Two")
	r.repo.Pull(t, "three", "main", "Three")
	r.want("two at most", []string{"ocr-pr-3"}, nil)
	r.repo.MergePull(t, n)
	r.want("merged: the event was missed", []string{"ocr-pr-2"}, []string{"ocr-pr-1"})
	r.now = r.now.Add(49 * time.Hour)
	r.want("nobody pushed for two days", nil, []string{"ocr-pr-2", "ocr-pr-3"})
	r.want("they stay away", nil, nil)
	r.repo.Push(t, giteatest.Change{Branch: "two", Files: map[string]string{"main.py": "back\n"}})
	r.want("until the next push", []string{"ocr-pr-2"}, nil)
	r.repo.ClosePull(2)
	r.repo.ClosePull(3)
	r.want("closed", nil, []string{"ocr-pr-2", "ocr-pr-3"})
	if left, err := r.store.Previews(t.Context(), ""); err != nil || len(left) != 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
}

func TestOptIn(t *testing.T) {
	r := newRig(t, `{"deploy":{"auto":true}}`)
	r.repo.Pull(t, "one", "main", "A feature")
	r.want("off", nil, nil)
}

// TestTurnedOff shows that previews go with what they are of.
func TestTurnedOff(t *testing.T) {
	r := newRig(t, `{"deploy":{"previews":true}}`)
	r.repo.Pull(t, "one", "main", "A feature")
	r.want("on", []string{"ocr-pr-1"}, nil)
	sha, err := r.repo.Git("", "rev-parse", "main")
	if err != nil {
		t.Fatal(err)
	}
	r.release("ocr", sha, `{"deploy":{"previews":false}}`)
	r.want("off", nil, []string{"ocr-pr-1"})
}

func TestParentRemoved(t *testing.T) {
	r := newRig(t, `{"deploy":{"previews":true}}`)
	r.repo.Pull(t, "one", "main", "A feature")
	r.want("on", []string{"ocr-pr-1"}, nil)
	if err := r.store.DeleteService(t.Context(), "ocr"); err != nil {
		t.Fatal(err)
	}
	r.want("the service is gone", nil, []string{"ocr-pr-1"})
}

// TestForks shows that the code of strangers does not run here.
func TestForks(t *testing.T) {
	r := newRig(t, `{"deploy":{"previews":true}}`)
	fork := r.gitea.Repo(t, "eve", "ocr")
	fork.Push(t, giteatest.Change{Branch: "evil", Files: map[string]string{"main.py": "evil\n"}})
	r.repo.PullFrom(t, fork, "evil", "main", "Trust me")
	r.want("a fork", nil, nil)
}

func TestFaults(t *testing.T) {
	r := newRig(t, `{"deploy":{"previews":true}}`)
	r.repo.Pull(t, "one", "main", "A feature")
	r.fail = errors.New("the queue is full")
	if err := r.engine.Sync(t.Context()); !errors.Is(err, r.fail) {
		t.Errorf("not queued: %v", err)
	}
	if left, err := r.store.Previews(t.Context(), ""); err != nil || len(left) != 0 {
		t.Errorf("a preview that never was: %+v, %v", left, err)
	}
	r.fail = nil
	r.want("the next time", []string{"ocr-pr-1"}, nil)

	r.gitea.SetDown(true)
	if err := r.engine.Sync(t.Context()); !errors.Is(err, gitea.ErrUnreachable) {
		t.Errorf("the Gitea is down: %v", err)
	}
	if d, x := r.did(); len(d)+len(x) != 0 {
		t.Errorf("the Gitea is down: deployed %q, removed %q", d, x)
	}
	r.gitea.SetDown(false)
	r.repo.ClosePull(1)
	r.fail = errors.New("the disk is full")
	if err := r.engine.Sync(t.Context()); !errors.Is(err, r.fail) {
		t.Errorf("not removed: %v", err)
	}
	r.fail = nil
	r.want("the next time", nil, []string{"ocr-pr-1"})
}

// TestTaken shows that a service which only has such a name is left alone.
func TestTaken(t *testing.T) {
	r := newRig(t, `{"deploy":{"previews":true}}`)
	r.service("ocr-pr-1", "0000000000000000000000000000000000000001", `{}`)
	r.repo.Pull(t, "one", "main", "A feature")
	r.want("taken", nil, nil)
	r.repo.ClosePull(1)
	r.want("taken", nil, nil)
}

func TestRun(t *testing.T) {
	r := newRig(t, `{"deploy":{"previews":true}}`)
	r.repo.Pull(t, "one", "main", "A feature")
	asked := make(chan string, 10)
	r.engine.Submit = func(_ context.Context, o Order) (store.Deploy, error) {
		asked <- o.Service
		return store.Deploy{ID: 1}, nil
	}
	r.engine.Every = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.engine.Run(ctx) }()
	next := func(want string) {
		t.Helper()
		select {
		case got := <-asked:
			if got != want {
				t.Errorf("deployed %s, want %s", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s was not deployed", want)
		}
	}
	next("ocr-pr-1")
	r.repo.Pull(t, "two", "main", "Another")
	r.engine.Notice()
	next("ocr-pr-2")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
