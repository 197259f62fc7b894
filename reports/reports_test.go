package reports

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// rig is a store, a Gitea and an outbox whose clock the test sets.
type rig struct {
	*testing.T
	store  *store.Store
	gitea  *giteatest.Server
	repo   *giteatest.Repo
	sha    string
	mu     sync.Mutex
	ahead  time.Duration
	forges []gitea.Connection
}

func newRig(t *testing.T) *rig {
	key := make([]byte, 32)
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "aictl.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	g := giteatest.New(t, giteatest.Options{})
	r := &rig{T: t, store: s, gitea: g, repo: g.Repo(t, "ai", "ocr")}
	r.sha = r.repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "x\n"}})
	r.connect(g.Token("ai", "write:repository", "read:user"))
	return r
}

func (r *rig) connect(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forges = []gitea.Connection{connection(r.T, r.gitea.URL, token)}
}

func (r *rig) outbox() *Outbox {
	return New(Deps{
		Store: r.store,
		Forges: func(context.Context) ([]gitea.Connection, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.forges, nil
		},
		Link: func(id int64) string { return fmt.Sprintf("http://aictl/deploys/%d", id) },
		Now: func() time.Time {
			r.mu.Lock()
			defer r.mu.Unlock()
			return time.Now().Add(r.ahead)
		},
	})
}

// later moves the outbox's clock.
func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead += d
}

// deploy queues a deploy of the repository's commit.
func (r *rig) deploy(service string) int64 {
	r.Helper()
	row, _, err := r.store.EnqueueDeploy(r.Context(), store.Deploy{Service: service, Kind: "deploy", Source: store.Source{Kind: "gitea", URL: "ai/ocr"}, Commit: r.sha})
	if err != nil {
		r.Fatal(err)
	}
	return row.ID
}

func (r *rig) end(id int64, state store.DeployState, step, why string) {
	r.Helper()
	if _, _, err := r.store.ClaimDeploy(r.Context(), 100); err != nil {
		r.Fatal(err)
	}
	if _, err := r.store.FinishDeploy(r.Context(), id, state, step, why); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) round(o *Outbox) {
	r.Helper()
	if err := o.round(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// told are the statuses of the commit, as context:state.
func (r *rig) told() []string {
	var all []string
	for _, s := range r.repo.Statuses(r.sha) {
		all = append(all, s.Context+":"+s.State)
	}
	return all
}

func (r *rig) want(what string, want ...string) {
	r.Helper()
	if got := r.told(); !slices.Equal(got, want) {
		r.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func TestTells(t *testing.T) {
	r := newRig(t)
	o := r.outbox()
	id := r.deploy("ocr")
	r.round(o)
	r.round(o)
	r.want("queued", "aictl/ocr:pending")
	if s := r.repo.Statuses(r.sha)[0]; s.TargetURL != fmt.Sprintf("http://aictl/deploys/%d", id) || s.Description == "" {
		t.Errorf("status: %+v", s)
	}
	r.end(id, store.DeployFailed, "health", "no answer")
	other := r.deploy("asr")
	r.end(other, store.DeployLive, "", "")
	r.round(o)
	if got := r.told(); len(got) != 3 || !slices.Contains(got, "aictl/ocr:failure") || !slices.Contains(got, "aictl/asr:success") {
		t.Errorf("ended: told %q", got)
	}
	r.round(r.outbox()) // another daemon tells nothing again
	if got := r.told(); len(got) != 3 {
		t.Errorf("told again: %q", got)
	}
	report, ok, err := o.Of(t.Context(), id)
	if err != nil || !ok || report.Progress != store.ReportTold || report.State != "failure" {
		t.Errorf("of the deploy: %+v, %v, %v", report, ok, err)
	}
	if _, ok, err := o.Of(t.Context(), 99); ok || err != nil {
		t.Errorf("of none: %v, %v", ok, err)
	}
}

// TestGiteaDown shows that what could not be told waits, that the newest state wins, and that a daemon's end loses nothing.
func TestGiteaDown(t *testing.T) {
	r := newRig(t)
	o := r.outbox()
	r.gitea.SetDown(true)
	id := r.deploy("ocr")
	r.round(o)
	report, _, err := o.Of(t.Context(), id)
	if err != nil || report.Progress != store.ReportWaiting || report.Tries != 1 || report.Error == "" || !report.NextAt.After(time.Now()) {
		t.Errorf("waiting: %+v, %v", report, err)
	}
	for range 8 {
		r.later(mostPause)
		r.round(o)
	}
	if report, _, err = o.Of(t.Context(), id); err != nil || report.Tries != 9 || report.Progress != store.ReportWaiting {
		t.Errorf("after an hour: %+v, %v", report, err)
	}
	r.end(id, store.DeployLive, "", "")
	o = r.outbox() // the daemon was killed
	r.round(o)
	r.gitea.SetDown(false)
	r.later(mostPause)
	r.round(o)
	r.want("only the newest", "aictl/ocr:success")

	r.gitea.SetDown(true)
	id = r.deploy("asr")
	r.round(o)
	r.later(giveUp + time.Minute)
	r.round(o)
	if report, _, err = o.Of(t.Context(), id); err != nil || report.Progress != store.ReportGivenUp {
		t.Errorf("after a day: %+v, %v", report, err)
	}
}

func TestTokenRevoked(t *testing.T) {
	r := newRig(t)
	o := r.outbox()
	token := r.gitea.Token("ai", "read:repository")
	r.connect(token)
	id := r.deploy("ocr")
	r.round(o)
	if report, _, err := o.Of(t.Context(), id); err != nil || !strings.Contains(report.Error, "write:repository") {
		t.Errorf("a token without the scope: %+v, %v", report, err)
	}
	r.gitea.Revoke(token)
	r.later(mostPause)
	r.round(o)
	if report, _, err := o.Of(t.Context(), id); err != nil || !strings.Contains(report.Error, "refused") || strings.Contains(report.Error, token) {
		t.Errorf("a revoked token: %+v, %v", report, err)
	}
	r.connect(r.gitea.Token("ai", "all"))
	r.later(mostPause)
	r.round(o)
	r.want("with a new token", "aictl/ocr:pending")
}

// TestGone shows that what a repository refuses for good is given up soon.
func TestGone(t *testing.T) {
	r := newRig(t)
	o := r.outbox()
	r.sha = strings.Repeat("1", 40)
	id := r.deploy("ocr")
	for range refusals {
		r.round(o)
		r.later(mostPause)
	}
	if report, _, err := o.Of(t.Context(), id); err != nil || report.Progress != store.ReportGivenUp || report.Tries != refusals {
		t.Errorf("a commit that is not there: %+v, %v", report, err)
	}
}

// TestRun shows that a Gitea that does not answer holds nothing up, and that what it did not hear is told by the next daemon.
func TestRun(t *testing.T) {
	r := newRig(t)
	release := r.gitea.Stall("/statuses/")
	defer release()
	o := r.outbox()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	id := r.deploy("ocr")
	o.Notice()
	r.await("the call", func() bool {
		return slices.Contains(r.gitea.Requests(), http.MethodPost+" /api/v1/repos/ai/ocr/statuses/"+r.sha)
	})
	r.end(id, store.DeployLive, "", "") // the deploy does not wait
	o.Notice()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it did not end")
	}
	release()
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	o = r.outbox()
	go func() { ended <- o.Run(ctx) }()
	r.await("success", func() bool { got := r.told(); return len(got) > 0 && got[len(got)-1] == "aictl/ocr:success" })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func (r *rig) await(what string, done func() bool) {
	r.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			r.Fatalf("no %s; told %q", what, r.told())
		}
	}
}
