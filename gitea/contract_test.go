package gitea

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/internal/giteatest"
)

// TestContract holds the Gitea for tests and a real one to the same cases, so that what is tested with the one is true of the other. The real one is that of
// AICTL_GITEA_URL and AICTL_GITEA_TOKEN (all scopes); it must reach this machine's loopback address with its webhooks. See scripts/gitea.sh.
func TestContract(t *testing.T) {
	double := giteatest.New(t, giteatest.Options{})
	servers := map[string]*Client{"double": client(t, double.URL, double.Token("tester", "all"))}
	if at := os.Getenv("AICTL_GITEA_URL"); at != "" {
		servers["real"] = client(t, at, os.Getenv("AICTL_GITEA_TOKEN"))
	}
	for name, c := range servers {
		t.Run(name, func(t *testing.T) {
			for _, one := range []struct {
				name string
				run  func(*testing.T, *Client)
			}{
				{"account", contractAccount}, {"repositories", contractRepositories}, {"hooks", contractHooks}, {"deliveries", contractDeliveries},
				{"statuses", contractStatuses}, {"pulls", contractPulls},
			} {
				t.Run(one.name, func(t *testing.T) { one.run(t, c) })
			}
		})
	}
}

func contractAccount(t *testing.T, c *Client) {
	up, err := c.Checkup(t.Context(), "")
	must(t, err)
	if up.Old || up.Login == "" || len(up.Missing()) != 0 {
		t.Errorf("checkup: %+v", up)
	}
	if _, err := client(t, c.URL(), strings.Repeat("0", 40)).Checkup(t.Context(), ""); !errors.Is(err, ErrAuth) {
		t.Errorf("a token that nobody gave: %v", err)
	}
}

func contractRepositories(t *testing.T, c *Client) {
	repo, work := contractRepo(t, c)
	_, name, _ := strings.Cut(repo.FullName, "/")
	if _, err := c.CreateRepo(t.Context(), "", NewRepo{Name: name}); !errors.Is(err, ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	if _, err := c.CreateRepo(t.Context(), "nobody-of-that-name", NewRepo{Name: name}); err == nil || !strings.Contains(err.Error(), "no organisation") {
		t.Errorf("made for nobody: %v", err)
	}
	found, err := c.Repo(t.Context(), repo.FullName)
	if err != nil || !found.Empty || !found.Private {
		t.Errorf("found %+v, %v", found, err)
	}
	work.commit("first", "main.py", "requirements.txt")
	work.git("push", "--quiet", "origin", "HEAD:main")
	noticed(t, c, repo.FullName)
	entries, err := c.Root(t.Context(), repo.FullName, "main")
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name+" "+e.Type)
	}
	if !slices.Equal(names, []string{"main.py file", "requirements.txt file"}) {
		t.Errorf("root: %v", names)
	}
	list, err := c.Repos(t.Context(), name, 0)
	if err != nil || len(list) != 1 || list[0].FullName != repo.FullName || list[0].Empty || !list[0].Admin || !c.Owns(list[0].CloneURL) {
		t.Errorf("list: %+v, %v", list, err)
	}
	must(t, c.DeleteRepo(t.Context(), repo.FullName))
	must(t, c.DeleteRepo(t.Context(), repo.FullName))
	if _, err := c.Repo(t.Context(), repo.FullName); !errors.Is(err, ErrNotRepository) {
		t.Errorf("deleted: %v", err)
	}
	if _, err := c.Hooks(t.Context(), repo.FullName); !errors.Is(err, ErrNotRepository) {
		t.Errorf("hooks of a deleted one: %v", err)
	}
}

func contractHooks(t *testing.T, c *Client) {
	repo, _ := contractRepo(t, c)
	if _, err := c.CreateHook(t.Context(), repo.FullName, HookWish{URL: "http://127.0.0.1:1/"}); !errors.Is(err, errNoSecret) {
		t.Errorf("without a secret: %v", err)
	}
	wish := HookWish{URL: "http://127.0.0.1:1/hooks/gitea", Secret: "one"}
	made, err := c.CreateHook(t.Context(), repo.FullName, wish)
	must(t, err)
	list, err := c.Hooks(t.Context(), repo.FullName)
	if err != nil || len(list) != 1 || list[0].ID != made.ID || list[0].URL != wish.URL || list[0].Fits(wish) != "" {
		t.Fatalf("hooks: %+v, %v", list, err)
	}
	fewer := HookWish{URL: wish.URL + "/2", Secret: "two", Events: []string{"push"}}
	replaced, err := c.ReplaceHook(t.Context(), repo.FullName, made.ID, fewer)
	if err != nil || replaced.URL != fewer.URL || replaced.Fits(fewer) != "" || !strings.Contains(replaced.Fits(wish), "create") {
		t.Errorf("replaced: %+v, %v", replaced, err)
	}
	if list, err := c.Hooks(t.Context(), repo.FullName); err != nil || len(list) != 1 || list[0].ID != replaced.ID {
		t.Errorf("replaced: %+v, %v", list, err)
	}
	made = replaced
	must(t, c.DeleteHook(t.Context(), repo.FullName, made.ID))
	must(t, c.DeleteHook(t.Context(), repo.FullName, made.ID))
	if list, err := c.Hooks(t.Context(), repo.FullName); err != nil || len(list) != 0 {
		t.Errorf("deleted: %+v, %v", list, err)
	}
	for i := range 60 {
		_, err := c.CreateHook(t.Context(), repo.FullName, HookWish{URL: "http://127.0.0.1:1/" + strings.Repeat("x", i+1), Secret: "s"})
		must(t, err)
	}
	if list, err := c.Hooks(t.Context(), repo.FullName); err != nil || len(list) != 60 {
		t.Errorf("%d of 60 hooks, %v", len(list), err)
	}
}

func contractDeliveries(t *testing.T, c *Client) {
	repo, work := contractRepo(t, c)
	inbox := newInbox(t, "s3cret")
	hook, err := c.CreateHook(t.Context(), repo.FullName, HookWish{URL: inbox.url, Secret: "wrong"})
	must(t, err)
	hook, err = c.ReplaceHook(t.Context(), repo.FullName, hook.ID, HookWish{URL: inbox.url, Secret: "s3cret"}) // the secret, too
	must(t, err)

	work.commit("first", "a")
	work.git("push", "--quiet", "origin", "HEAD:main")
	if p := inbox.next("create"); p.Ref != "main" || p.RefType != "branch" {
		t.Errorf("a new branch: %+v", p)
	}
	first := work.git("rev-parse", "HEAD")
	if p := inbox.next("push"); p.Ref != "refs/heads/main" || strings.Trim(p.Before, "0") != "" || p.After != first || p.HeadCommit.ID != first || p.Repository.FullName != repo.FullName {
		t.Errorf("the first push: %+v", p)
	}
	must(t, c.TestHook(t.Context(), repo.FullName, hook.ID))
	if p := inbox.next("push"); p.After != first || p.HeadCommit.ID != first {
		t.Errorf("a test: %+v", p)
	}

	for i := range 7 {
		work.commit("more", strings.Repeat("b", i+1))
	}
	work.git("push", "--quiet", "origin", "HEAD:main")
	tip := work.git("rev-parse", "HEAD")
	if p := inbox.next("push"); p.Before != first || p.After != tip || len(p.Commits) != 5 || p.Total != 7 || p.Commits[0].ID != tip {
		t.Errorf("seven commits: %+v", p)
	}
	work.git("tag", "--annotate", "--message", "one", "v1")
	work.git("push", "--quiet", "origin", "v1")
	inbox.next("create")
	if p := inbox.next("push"); p.Ref != "refs/tags/v1" || p.After == tip || p.HeadCommit.ID != tip || p.Total != 0 {
		t.Errorf("an annotated tag: %+v", p)
	}
	work.git("push", "--quiet", "--force", "origin", first+":refs/heads/main")
	if p := inbox.next("push"); p.Before != tip || p.After != first || p.HeadCommit.ID != first {
		t.Errorf("a forced push: %+v", p)
	}
	work.git("push", "--quiet", "origin", "HEAD:refs/heads/feature")
	inbox.next("create")
	inbox.next("push")
	work.git("push", "--quiet", "origin", ":refs/heads/feature")
	if p := inbox.next("delete"); p.Ref != "feature" || p.RefType != "branch" {
		t.Errorf("a deleted branch: %+v", p)
	}
}

func contractStatuses(t *testing.T, c *Client) {
	repo, work := contractRepo(t, c)
	work.commit("first", "a")
	work.git("push", "--quiet", "origin", "HEAD:main")
	sha := work.git("rev-parse", "HEAD")
	noticed(t, c, repo.FullName)
	for _, s := range []Status{
		{State: StatePending, Context: "aictl/ocr", Description: "queued", TargetURL: "http://127.0.0.1:7600/deploys/1"},
		{State: StateFailure, Context: "aictl/ocr", Description: strings.Repeat("long ", 100)},
		{State: StateError, Context: "aictl/ocr"}, {State: StateSuccess, Context: "aictl/ocr", Description: "live"},
	} {
		must(t, c.SetStatus(t.Context(), repo.FullName, sha, s))
	}
	got, err := c.Statuses(t.Context(), repo.FullName, sha)
	must(t, err)
	var states []State
	for _, s := range got {
		states = append(states, s.State)
		if s.Context != "aictl/ocr" {
			t.Errorf("status %+v", s)
		}
	}
	slices.Sort(states) // of one second, their order is the server's
	if !slices.Equal(states, []State{StateError, StateFailure, StatePending, StateSuccess}) {
		t.Errorf("states: %v", states)
	}
	var refused *Refused
	if err := c.SetStatus(t.Context(), repo.FullName, strings.Repeat("1", 40), Status{State: StateSuccess, Context: "x"}); !errors.As(err, &refused) {
		t.Errorf("a commit that is not there: %v", err)
	}
}

func contractPulls(t *testing.T, c *Client) {
	repo, work := contractRepo(t, c)
	inbox := newInbox(t, "s3cret")
	work.commit("first", "a")
	work.git("push", "--quiet", "origin", "HEAD:main")
	noticed(t, c, repo.FullName)
	work.commit("feature", "b")
	work.git("push", "--quiet", "origin", "HEAD:feature")
	_, err := c.CreateHook(t.Context(), repo.FullName, HookWish{URL: inbox.url, Secret: "s3cret", Events: []string{"pull_request"}})
	must(t, err)
	opened, err := c.CreatePull(t.Context(), repo.FullName, "feature", "main", "A feature")
	must(t, err)
	head := work.git("rev-parse", "HEAD")
	if !opened.Open || opened.Merged || opened.Head != head || opened.Base != "main" || opened.HeadRef != "feature" || opened.HeadRepository != repo.FullName {
		t.Errorf("opened: %+v", opened)
	}
	if p := inbox.next("pull_request"); p.Action != "opened" || p.Number != opened.Number || p.Pull.Head.SHA != head || p.Pull.Head.Repo.FullName != repo.FullName {
		t.Errorf("opened: %+v", p)
	}
	work.commit("more", "c")
	work.git("push", "--quiet", "origin", "HEAD:feature")
	before := head
	head = work.git("rev-parse", "HEAD")
	// Gitea 1.22 may still tell the head from before, so nobody relies on it.
	if p := inbox.next("pull_request"); p.Action != "synchronized" || p.Pull.Head.SHA != head && p.Pull.Head.SHA != before {
		t.Errorf("another commit: %+v", p)
	}
	if kept, _, _ := strings.Cut(work.git("ls-remote", "origin", "refs/pull/1/head"), "\t"); kept != head {
		t.Errorf("refs/pull/1/head is %s, want %s", kept, head)
	}
	if list, err := c.Pulls(t.Context(), repo.FullName, 0); err != nil || len(list) != 1 || list[0].Head != head {
		t.Errorf("open: %+v, %v", list, err)
	}
	closed, err := c.ClosePull(t.Context(), repo.FullName, opened.Number)
	if err != nil || closed.Open {
		t.Errorf("closed: %+v, %v", closed, err)
	}
	if p := inbox.next("pull_request"); p.Action != "closed" || p.Pull.State != "closed" {
		t.Errorf("closed: %+v", p)
	}
	if list, err := c.Pulls(t.Context(), repo.FullName, 0); err != nil || len(list) != 0 {
		t.Errorf("none is open: %+v, %v", list, err)
	}
	if p, err := c.Pull(t.Context(), repo.FullName, opened.Number); err != nil || p.Open {
		t.Errorf("found: %+v, %v", p, err)
	}
	if _, err := c.Pull(t.Context(), repo.FullName, 99); !gone(err) {
		t.Errorf("one that is not there: %v", err)
	}
}

// contractRepo makes a repository and a working copy of it; both go with the test.
// noticed waits until the server has looked at the first push to a repository: until then it calls it empty, and 1.22 answers some questions with
// status 500.
func noticed(t *testing.T, c *Client, fullName string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		found, err := c.Repo(t.Context(), fullName)
		must(t, err)
		if !found.Empty {
			return
		}
	}
	t.Fatalf("%s is still called empty", fullName)
}

func contractRepo(t *testing.T, c *Client) (Listed, *worktree) {
	t.Helper()
	raw := make([]byte, 6)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	repo, err := c.CreateRepo(t.Context(), "", NewRepo{Name: "aictl-contract-" + hex.EncodeToString(raw), Private: true, DefaultBranch: "main"})
	must(t, err)
	t.Cleanup(func() {
		if err := c.DeleteRepo(t.Context(), repo.FullName); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	w := &worktree{t: t, dir: filepath.Join(t.TempDir(), "work"), token: c.token}
	must(t, os.Mkdir(w.dir, 0o700))
	w.git("init", "--quiet", "--initial-branch=main")
	w.git("remote", "add", "origin", repo.CloneURL)
	return repo, w
}

// worktree is a working copy.
type worktree struct {
	t          *testing.T
	dir, token string
}

func (w *worktree) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.invalid", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.invalid",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: token "+w.token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit adds files that hold their names.
func (w *worktree) commit(message string, files ...string) {
	w.t.Helper()
	for _, name := range files {
		must(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(name+"\n"), 0o600))
	}
	w.git("add", ".")
	w.git("commit", "--quiet", "--message", message)
}

// arrival is what is looked at of a delivery.
type arrival struct {
	event              string
	Ref, Before, After string
	RefType            string `json:"ref_type"`
	Commits            []struct{ ID string }
	Total              int `json:"total_commits"`
	HeadCommit         struct{ ID string }
	Action             string
	Number             int64
	Pull               struct {
		State string
		Head  struct {
			SHA  string
			Repo struct {
				FullName string `json:"full_name"`
			}
		}
	} `json:"pull_request"`
	Repository struct {
		FullName string `json:"full_name"`
	}
}

// inbox receives deliveries, and complains of one whose signature is wrong.
type inbox struct {
	t    *testing.T
	url  string
	came chan arrival
}

func newInbox(t *testing.T, secret string) *inbox {
	b := &inbox{t: t, came: make(chan arrival, 1000)}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(body)
		if sum := hex.EncodeToString(m.Sum(nil)); err != nil || r.Header.Get("X-Gitea-Signature") != sum || r.Header.Get("X-Hub-Signature-256") != "sha256="+sum {
			t.Errorf("signature of %s: %q, want %s (%v)", r.Header.Get("X-Gitea-Event"), r.Header.Get("X-Gitea-Signature"), sum, err)
		}
		a := arrival{event: r.Header.Get("X-Gitea-Event")}
		var head struct {
			HeadCommit *struct{ ID string } `json:"head_commit"`
		}
		if json.Unmarshal(body, &a) != nil || json.Unmarshal(body, &head) != nil || len(r.Header.Get("X-Gitea-Delivery")) != 36 {
			t.Errorf("a delivery of %s with id %q and body %.100q", a.event, r.Header.Get("X-Gitea-Delivery"), body)
		}
		if head.HeadCommit != nil {
			a.HeadCommit.ID = head.HeadCommit.ID
		}
		b.came <- a
	}))
	t.Cleanup(srv.Close)
	b.url = srv.URL + "/hooks/gitea"
	return b
}

// next is the next delivery of an event. Those of other events that came before it wait in vain: their order among each other is the server's.
func (b *inbox) next(event string) arrival {
	b.t.Helper()
	var others []arrival
	defer func() {
		for _, a := range others {
			b.came <- a
		}
	}()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case a := <-b.came:
			if a.event == event {
				return a
			}
			others = append(others, a)
		case <-deadline:
			b.t.Fatalf("no delivery of %s arrived; does the server's webhook.ALLOWED_HOST_LIST name loopback?", event)
		}
	}
}
