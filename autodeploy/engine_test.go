package autodeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/internal/giteatest"
	"aictl/store"
)

func auto() configs.DeploySection { return configs.DeploySection{Auto: true} }

func TestPushesDeploy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.service("by-url", store.Source{Kind: "git", URL: repo.CloneURL()}, first, auto())
	r.service("docs", giteaSource("ocr"), first, configs.DeploySection{Auto: true, Paths: []string{"docs"}})
	r.service("code", giteaSource("ocr"), first, configs.DeploySection{Auto: true, Ignore: []string{"docs"}})
	r.service("tags", giteaSource("ocr"), first, configs.DeploySection{Auto: true, Tags: []string{"v*"}})
	r.service("dev", store.Source{Kind: "gitea", URL: "team/ocr", Ref: "dev"}, first, auto())
	r.service("by-hand", giteaSource("ocr"), first, configs.DeploySection{})
	r.service("other", giteaSource("other"), first, auto())
	r.work()

	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}, By: "team"})
	third := repo.Push(t, giteatest.Change{Files: map[string]string{"docs/a.md": "2"}})
	skipped := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}, Message: "not yet\n\n[skip deploy]"})
	repo.Branch(t, "dev", second)
	repo.Branch(t, "x", second)
	repo.Tag(t, "v1", second, "annotated")
	repo.Tag(t, "nightly", third, "")
	repo.Delete(t, "refs/heads/x")
	list := r.settled(12)

	r.want("ocr", second, third)
	r.want("by-url", second, third)
	r.want("docs", third)
	r.want("code", second)
	r.want("tags", second)
	r.want("dev", second)
	r.want("by-hand")
	r.want("other")
	r.reconcile()
	r.want("ocr", second, third) // the skipped one is not deployed by the next look, either
	last, err := r.store.Attempt(t.Context(), "ocr", "refs/heads/main")
	if err != nil || last.SHA != skipped || last.Deploy != 0 || !strings.Contains(last.Outcome, "[skip deploy]") {
		t.Errorf("%+v, %v", last, err)
	}
	for _, d := range list {
		if d.State != store.DeliveryDone || d.Outcome == "" || d.Tries != 1 {
			t.Errorf("%+v", d)
		}
	}
	r.mu.Lock()
	o := r.orders[0]
	r.mu.Unlock()
	if o.Trigger != TriggerWebhook || o.Actor != "team" || o.Reason != "push to main" || o.Origin == "" {
		t.Errorf("%+v", o)
	}
}

// TestRewrittenHistory pushes by force, moves a tag and takes the branch away.
func TestRewrittenHistory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, configs.DeploySection{Auto: true, Branch: "main", Tags: []string{"v*"}, Ignore: []string{"docs"}})
	r.work()
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.settled(1)
	forced := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}, Parent: "none"})
	repo.Tag(t, "v1", second, "x")
	r.settled(4)
	repo.Tag(t, "v1", forced, "moved")
	repo.Branch(t, "main", second)
	r.settled(6)
	r.want("ocr", second, forced, second, forced, second)
	repo.Branch(t, "other", second)
	repo.Delete(t, "refs/heads/main")
	r.settled(9)
	r.reconcile()
	r.want("ocr", second, forced, second, forced, second)
	if _, err := r.store.Service(t.Context(), "ocr"); err != nil {
		t.Errorf("the service went with its branch: %v", err)
	}
}

func TestBurstOfPushes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.work()
	var tip string
	for i := range 50 {
		tip = repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": fmt.Sprint(i)}})
	}
	r.settled(50)
	rows, err := r.store.Deploys(t.Context(), store.DeployFilter{Service: "ocr", States: []store.DeployState{store.DeployQueued}})
	if err != nil || len(rows) != 1 || rows[0].Commit != tip {
		t.Errorf("after 50 pushes %d deploys wait: %+v, %v", len(rows), rows, err)
	}
	before := len(r.commits("ocr"))
	r.reconcile()
	if got := len(r.commits("ocr")); got != before {
		t.Errorf("the look found %d more", got-before)
	}
}

// TestLostDeliveries has no hook at all, and then a Gitea that is not there.
func TestLostDeliveries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo := r.git.Repo(t, "team", "ocr")
	first := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.service("docs", giteaSource("ocr"), first, configs.DeploySection{Auto: true, Paths: []string{"docs"}})
	r.service("stranger", store.Source{Kind: "git", URL: "http://127.0.0.1:1/x/y.git"}, first, auto())
	r.reconcile()
	r.want("ocr")
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.reconcile()
	r.want("ocr", second)
	r.want("docs")
	repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}, Message: "[skip ci]"})
	r.reconcile()
	r.want("ocr", second)
	if list := r.engine.Troubles(); len(list) != 0 {
		t.Errorf("troubles with what nobody tells of: %+v", list)
	}

	r.git.SetDown(true)
	r.reconcile()
	list := r.engine.Troubles()
	if len(list) != 1 || len(list[0].Services) != 2 || list[0].Error == "" || list[0].Tries != 1 {
		t.Fatalf("%+v", list)
	}
	r.git.SetDown(false)
	fourth := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "4"}})
	r.reconcile()
	r.want("ocr", second) // it waits before it tries again
	r.engine.troubles.ended(list[0].Repository)
	r.reconcile()
	r.want("ocr", second, fourth)

	r.git.Revoke(r.token)
	repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "5"}})
	r.reconcile()
	if list := r.engine.Troubles(); len(list) != 1 || !strings.Contains(list[0].Error, "token") {
		t.Errorf("%+v", list)
	}
	r.want("ocr", second, fourth)
}

func TestLostTags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo := r.git.Repo(t, "team", "ocr")
	first := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	for i := range 5 {
		repo.Tag(t, fmt.Sprintf("v0.%d", i), first, "")
	}
	r.service("ocr", giteaSource("ocr"), first, configs.DeploySection{Auto: true, Tags: []string{"v*"}})
	r.reconcile()
	r.want("ocr") // those that were there before
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	repo.Tag(t, "v1.0", second, "annotated")
	repo.Tag(t, "other", second, "")
	r.reconcile()
	r.want("ocr", second)
	third := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}})
	repo.Tag(t, "v1.0", third, "moved")
	r.reconcile()
	r.want("ocr", second, third)
	r.reconcile()
	r.want("ocr", second, third)
}

func TestPause(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.run()
	bad := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "bad"}})
	r.settled(1)
	r.finish("ocr", store.DeployFailed, "health")
	if err := r.engine.Pause(t.Context(), "ocr", "rolled back to r1", "ada"); err != nil {
		t.Fatal(err)
	}
	r.reconcile()
	r.want("ocr", bad)
	if was, err := r.engine.Resume(t.Context(), "ocr", "ada"); err != nil || !was {
		t.Fatal(was, err)
	}
	r.reconcile()
	r.want("ocr", bad) // what failed is not tried again by itself
	if err := r.engine.Pause(t.Context(), "ocr", "", "ada"); err != nil {
		t.Fatal(err)
	}
	repair := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "good"}})
	list := r.settled(2)
	if !strings.Contains(list[0].Outcome, "paused") {
		t.Errorf("%+v", list[0])
	}
	r.want("ocr", bad)
	if _, err := r.engine.Resume(t.Context(), "ocr", "ada"); err != nil {
		t.Fatal(err)
	}
	r.until("what was pushed meanwhile is deployed", func() bool { return len(r.commits("ocr")) == 2 })
	r.want("ocr", bad, repair)
	if was, err := r.engine.Resume(t.Context(), "ocr", "ada"); err != nil || was {
		t.Error(was, err)
	}
	if _, err := r.engine.Resume(t.Context(), "none", "ada"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}

// TestDisorder delivers pushes late, out of order and again.
func TestDisorder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo := r.git.Repo(t, "team", "ocr")
	first := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	third := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "3"}})
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.work()
	deliver := func(id, before, after string) {
		t.Helper()
		if status, _ := r.send("/hooks/gitea", r.pushBody("ocr", before, after), map[string]string{"X-Gitea-Delivery": id}); status != 202 {
			t.Fatal(status)
		}
		r.settled(0)
	}
	deliver("b", second, third)
	deliver("a", first, second)
	r.want("ocr", third)
	fourth := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "4"}})
	deliver("c", third, fourth)
	deliver("replayed under another id", second, third)
	r.want("ocr", third, fourth)
	deliver("c", third, fourth)
	r.want("ocr", third, fourth)
}

// TestDaemonEndsInBetween stores deliveries that nobody works off, and has one cut off after the deploy was queued.
func TestDaemonEndsInBetween(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.git.WaitDeliveries(t, 1)
	open, err := r.store.OpenDeliveries(t.Context(), 0)
	if err != nil || len(open) != 1 {
		t.Fatalf("%+v, %v", open, err)
	}
	// As far as it gets when it is killed between the queue and the note.
	if _, err := r.submit(t.Context(), Order{Service: "ocr", Source: giteaSource("ocr"), Commit: second, Trigger: TriggerWebhook, Origin: open[0].Delivery}); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.settled(1)
	r.want("ocr", second)
	if a, err := r.store.Attempt(t.Context(), "ocr", "refs/heads/main"); err != nil || a.SHA != second || a.Deploy == 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestRenamedRepository(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo := r.git.Repo(t, "team", "old")
	first := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.service("ocr", giteaSource("old"), first, auto())
	r.service("by-url", store.Source{Kind: "git", URL: repo.CloneURL()}, first, auto())
	r.work()
	if status, _ := r.send("/hooks/gitea", r.pushBody("old", first, first), nil); status != 202 { // the test delivery of the hook
		t.Fatal(status)
	}
	if status, _ := r.send("/hooks/gitea", r.pushBody("new", first, second), nil); status != 202 {
		t.Fatal(status)
	}
	r.settled(0)
	r.want("ocr", second)
	r.want("by-url", second)
}

// TestFailuresAreTriedAgain: a deploy that could not be queued, and one whose commit could not be fetched.
func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.refuse = errors.New("the disk is full")
	second := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "2"}})
	r.git.WaitDeliveries(t, 1)
	for i := range maxTries {
		open, err := r.store.OpenDeliveries(t.Context(), 0)
		if err != nil || len(open) != 1 {
			t.Fatalf("try %d: %+v, %v", i, open, err)
		}
		again := r.engine.workQueue(t.Context(), open)
		if want := firstRetry << i; i < maxTries-1 && again != want || i == maxTries-1 && again != 0 {
			t.Errorf("try %d is followed by one in %v", i, again)
		}
	}
	list, err := r.store.Deliveries(t.Context(), "", 0, 0)
	if err != nil || len(list) != 1 || list[0].State != store.DeliveryFailed || list[0].Tries != maxTries || !strings.Contains(list[0].Outcome, "disk is full") {
		t.Fatalf("%+v, %v", list, err)
	}
	r.refuse = nil
	r.reconcile()
	r.want("ocr", second)
	for range fetchTries {
		r.finish("ocr", store.DeployFailed, "fetch")
		r.reconcile()
	}
	r.want("ocr", second, second, second)
}

// TestPullRequestsGoElsewhere shows what previews are given.
func TestPullRequestsGoElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	told := make(chan Change, 10)
	r.engine.Pull = func(_ context.Context, c Change) (string, error) {
		told <- c
		return "preview 1", nil
	}
	repo, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	r.service("ocr-pr-1", store.Source{Kind: "gitea", URL: "team/ocr", Ref: "feature"}, first, auto())
	r.engine.Others = func(context.Context) (map[string]bool, error) { return map[string]bool{"ocr-pr-1": true}, nil }
	r.work()
	head := repo.Push(t, giteatest.Change{Branch: "feature", Parent: first, Files: map[string]string{"main.py": "2"}})
	repo.Pull(t, "feature", "main", "A feature")
	list := r.settled(3)
	c := <-told
	if c.Pull == nil || c.Pull.Head != head || c.Pull.Base != "main" || c.Forge != "main" || c.Repository != "team/ocr" {
		t.Errorf("%+v", c)
	}
	if list[0].Outcome != "preview 1" {
		t.Errorf("%+v", list[0])
	}
	r.want("ocr")
	r.want("ocr-pr-1")
}

// TestDeliveryThatEndsTheDaemon is given up: else no daemon would ever live.
func TestDeliveryThatEndsTheDaemon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, first := r.repo("ocr")
	r.service("ocr", giteaSource("ocr"), first, auto())
	if status, _ := r.send("/hooks/gitea", r.pushBody("ocr", first, shaB), nil); status != 202 {
		t.Fatal(status)
	}
	for range maxTries {
		if err := r.store.TryDelivery(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	r.work()
	if list := r.settled(0); list[0].State != store.DeliveryFailed || !strings.Contains(list[0].Outcome, "given up") {
		t.Errorf("%+v", list[0])
	}
	r.want("ocr")
}
