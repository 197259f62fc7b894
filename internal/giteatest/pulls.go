package giteatest

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

type pull struct {
	id, number   int64
	title        string
	state        string // open, closed
	merged       bool
	head, base   string // branches
	sha          string // of the head when it was last seen
	fork         *Repo  // where the head is when it is not in this repository
	by           *User
	updated      time.Time
	mergedCommit string
}

type pullSideJSON struct {
	Label  string    `json:"label"`
	Ref    string    `json:"ref"`
	SHA    string    `json:"sha"`
	RepoID int64     `json:"repo_id"`
	Repo   *repoJSON `json:"repo"`
}

type pullJSON struct {
	ID             int64        `json:"id"`
	URL            string       `json:"url"`
	Number         int64        `json:"number"`
	User           userJSON     `json:"user"`
	Title          string       `json:"title"`
	Body           string       `json:"body"`
	Labels         []struct{}   `json:"labels"`
	State          string       `json:"state"`
	Draft          bool         `json:"draft"`
	HTMLURL        string       `json:"html_url"`
	Mergeable      bool         `json:"mergeable"`
	Merged         bool         `json:"merged"`
	MergedAt       *string      `json:"merged_at"`
	MergeCommitSHA *string      `json:"merge_commit_sha"`
	Base           pullSideJSON `json:"base"`
	Head           pullSideJSON `json:"head"`
	MergeBase      string       `json:"merge_base"`
	CreatedAt      string       `json:"created_at"`
	UpdatedAt      string       `json:"updated_at"`
	ClosedAt       *string      `json:"closed_at"`
}

type pullEventJSON struct {
	Action            string    `json:"action"`
	Number            int64     `json:"number"`
	PullRequest       pullJSON  `json:"pull_request"`
	RequestedReviewer *struct{} `json:"requested_reviewer"`
	Repository        repoJSON  `json:"repository"`
	Sender            userJSON  `json:"sender"`
	CommitID          string    `json:"commit_id"`
	Review            *struct{} `json:"review"`
}

// pullJSON describes a pull request; the lock is held.
func (r *Repo) pullJSON(p *pull) pullJSON {
	s := r.s
	mine := s.repoJSON(r, admin, false)
	from, label := &mine, p.head
	id := r.ID
	if p.fork != nil {
		other := s.repoJSON(p.fork, admin, false)
		from, label, id = &other, p.fork.Owner+":"+p.head, p.fork.ID
		other.Fork = true
	}
	at := fmt.Sprintf("%s/%s/pulls/%d", s.URL, r.FullName(), p.number)
	j := pullJSON{ID: p.id, URL: at, Number: p.number, User: s.userJSON(p.by, ""), Title: p.title, Labels: []struct{}{}, State: p.state, HTMLURL: at, Mergeable: p.state == "open",
		Merged: p.merged, Base: pullSideJSON{p.base, p.base, "", r.ID, &mine}, Head: pullSideJSON{label, p.head, p.sha, id, from}, CreatedAt: stamp(p.updated), UpdatedAt: stamp(p.updated)}
	if base, err := r.Git("", "rev-parse", "--verify", "--quiet", "refs/heads/"+p.base); err == nil {
		j.Base.SHA = base
	}
	if p.state == "closed" {
		at := stamp(p.updated)
		j.ClosedAt = &at
		if p.merged {
			j.MergedAt, j.MergeCommitSHA = &at, &p.mergedCommit
		}
	}
	return j
}

// firePull tells the hooks; the lock is held.
func (r *Repo) firePull(p *pull, action, kind string, by *User) {
	p.updated = time.Now()
	r.fire("pull_request", kind, p.base, pullEventJSON{Action: action, Number: p.number, PullRequest: r.pullJSON(p), Repository: r.s.repoJSON(r, admin, false), Sender: r.s.userJSON(by, "")})
}

// Pull opens a pull request from a branch of the same repository and returns its number.
func (r *Repo) Pull(t testing.TB, head, base, title string) int64 {
	t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, err := r.openPull(nil, head, base, title, r.s.users[lower(r.Owner)])
	if err != nil {
		t.Fatal(err)
	}
	return p.number
}

// PullFrom opens a pull request from a branch of another repository, as one from a fork.
func (r *Repo) PullFrom(t testing.TB, fork *Repo, head, base, title string) int64 {
	t.Helper()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, err := r.openPull(fork, head, base, title, r.s.users[lower(fork.Owner)])
	if err != nil {
		t.Fatal(err)
	}
	return p.number
}

func (r *Repo) openPull(fork *Repo, head, base, title string, by *User) (*pull, error) {
	from := r
	if fork != nil {
		from = fork
	}
	sha, err := from.Git("", "rev-parse", "--verify", "--quiet", "refs/heads/"+head)
	if err != nil {
		return nil, fmt.Errorf("there is no branch %s: %w", head, err)
	}
	r.s.ids++
	p := &pull{id: r.s.ids, number: int64(len(r.pulls) + 1), title: title, state: "open", head: head, base: base, sha: sha, fork: fork, by: by}
	if err := r.keepHead(p); err != nil {
		return nil, err
	}
	r.pulls = append(r.pulls, p)
	r.firePull(p, "opened", "pull_request", by)
	return p, nil
}

// keepHead makes the head reachable as refs/pull/N/head, as Gitea does.
func (r *Repo) keepHead(p *pull) error {
	name := fmt.Sprintf("refs/pull/%d/head", p.number)
	if p.fork != nil {
		_, err := r.Git("", "fetch", "--quiet", p.fork.dir, "+refs/heads/"+p.head+":"+name)
		return err
	}
	_, err := r.Git("", "update-ref", name, p.sha)
	return err
}

// pullsMoved follows a branch that pull requests come from.
func (r *Repo) pullsMoved(by *User, branch string, now ref, there bool) error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	for _, p := range r.pulls {
		if p.state != "open" || p.fork != nil || p.head != branch {
			continue
		}
		if !there {
			p.state = "closed"
			r.firePull(p, "closed", "pull_request", by)
			continue
		}
		p.sha = now.commit
		if err := r.keepHead(p); err != nil {
			return err
		}
		r.firePull(p, "synchronized", "pull_request_sync", by)
	}
	return nil
}

// ClosePull closes one without merging it; Reopen opens it again.
func (r *Repo) ClosePull(number int64) { r.setPull(number, "closed", "closed") }

// ReopenPull opens a closed one again.
func (r *Repo) ReopenPull(number int64) { r.setPull(number, "open", "reopened") }

func (r *Repo) setPull(number int64, state, action string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p := r.pulls[number-1]
	if p.state != state {
		p.state = state
		r.firePull(p, action, "pull_request", p.by)
	}
}

// MergePull merges one: a commit on the base branch with both parents.
func (r *Repo) MergePull(t testing.TB, number int64) string {
	t.Helper()
	sha, err := r.merge(number)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

func (r *Repo) merge(number int64) (string, error) {
	r.s.mu.Lock()
	p := r.pulls[number-1]
	head, base, by := p.sha, p.base, p.by
	r.s.mu.Unlock()
	var sha string
	err := r.change(by.Login, func(have map[string]ref) error {
		tip := have["refs/heads/"+base].commit
		tree, err := r.Git("", "rev-parse", head+"^{tree}")
		if err != nil {
			return err
		}
		if sha, err = r.Git("", "commit-tree", tree, "-p", tip, "-p", head, "-m", fmt.Sprintf("Merge pull request '%s' (#%d)", p.title, number)); err != nil {
			return err
		}
		_, err = r.Git("", "update-ref", "refs/heads/"+base, sha)
		return err
	})
	if err != nil {
		return "", err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p.state, p.merged, p.mergedCommit = "closed", true, sha
	r.firePull(p, "closed", "pull_request", by)
	return sha, nil
}

func (s *Server) pullRoutes(route routes, unlocked func(string, func(http.ResponseWriter, *http.Request, caller, *Repo))) {
	route("GET", "/repos/{owner}/{repo}/pulls", read, func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		state := r.URL.Query().Get("state")
		if state == "" {
			state = "open"
		}
		var all []any
		for _, p := range slices.Backward(repo.pulls) {
			if state == "all" || p.state == state {
				all = append(all, repo.pullJSON(p))
			}
		}
		s.page(w, r, all)
	})
	route("POST", "/repos/{owner}/{repo}/pulls", read, func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo) {
		var o struct{ Title, Head, Base string }
		if !bind(w, r, &o) {
			return
		}
		p, err := repo.openPull(nil, o.Head, o.Base, o.Title, c.user)
		if err != nil {
			problem(w, http.StatusNotFound, "The target couldn't be found.")
			return
		}
		answer(w, http.StatusCreated, repo.pullJSON(p))
	})
	one := func(do func(http.ResponseWriter, *http.Request, caller, *Repo, *pull)) func(http.ResponseWriter, *http.Request, caller, *Repo) {
		return func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo) {
			n := number(r, "number")
			if n < 1 || n > int64(len(repo.pulls)) {
				problem(w, http.StatusNotFound, "The target couldn't be found.")
				return
			}
			do(w, r, c, repo, repo.pulls[n-1])
		}
	}
	route("GET", "/repos/{owner}/{repo}/pulls/{number}", read, one(func(w http.ResponseWriter, _ *http.Request, _ caller, repo *Repo, p *pull) {
		answer(w, http.StatusOK, repo.pullJSON(p))
	}))
	route("PATCH", "/repos/{owner}/{repo}/pulls/{number}", write, one(func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo, p *pull) {
		var o struct{ State, Title string }
		if !bind(w, r, &o) {
			return
		}
		if action := map[string]string{"closed": "closed", "open": "reopened"}[o.State]; action != "" && p.state != o.State {
			p.state = o.State
			repo.firePull(p, action, "pull_request", c.user)
		}
		answer(w, http.StatusCreated, repo.pullJSON(p))
	}))
	unlocked("/repos/{owner}/{repo}/pulls/{number}/merge", func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		s.mu.Lock()
		n := number(r, "number")
		open := n >= 1 && n <= int64(len(repo.pulls)) && repo.pulls[n-1].state == "open"
		s.mu.Unlock()
		if !open {
			problem(w, http.StatusNotFound, "The target couldn't be found.")
			return
		}
		if _, err := repo.merge(n); err != nil {
			problem(w, http.StatusConflict, err.Error())
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}
