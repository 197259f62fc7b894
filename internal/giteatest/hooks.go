package giteatest

import (
	"net/http"
	"path"
	"slices"
)

// hook is a webhook of a repository. The secret is never told.
type hook struct {
	ID           int64             `json:"id"`
	Type         string            `json:"type"`
	BranchFilter string            `json:"branch_filter"`
	Config       map[string]string `json:"config"`
	Events       []string          `json:"events"`
	Auth         string            `json:"authorization_header"`
	Active       bool              `json:"active"`
	Updated      string            `json:"updated_at"`
	Created      string            `json:"created_at"`

	secret string
}

type hookOption struct {
	Type         string            `json:"type"`
	Config       map[string]string `json:"config"`
	Events       []string          `json:"events"`
	BranchFilter string            `json:"branch_filter"`
	Auth         string            `json:"authorization_header"`
	Active       *bool             `json:"active"`
}

func (h *hook) wants(kind, branch string) bool {
	if !h.Active || !slices.Contains(h.Events, kind) {
		return false
	}
	if kind != "push" && kind != "create" && kind != "delete" || h.BranchFilter == "" {
		return true
	}
	ok, err := path.Match(h.BranchFilter, branch)
	return err == nil && ok
}

// pullEvents are the names that pull_request stands for when a hook is made.
var pullEvents = []string{"pull_request", "pull_request_assign", "pull_request_label", "pull_request_milestone", "pull_request_comment", "pull_request_review", "pull_request_sync", "pull_request_review_request"}

func chosen(events []string) []string {
	if len(events) == 0 {
		events = []string{"push"}
	}
	all := []string{}
	for _, known := range append([]string{"create", "delete", "fork", "push", "release", "repository", "wiki"}, pullEvents...) {
		group := slices.Contains(pullEvents, known) && slices.Contains(events, "pull_request")
		if group || slices.Contains(events, known) || known == "pull_request" && slices.Contains(events, "pull_request_only") {
			all = append(all, known)
		}
	}
	return all
}

func (s *Server) hookRoutes(route routes) {
	route("GET", "/repos/{owner}/{repo}/hooks", admin, func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo) {
		s.page(w, r, anys(repo.hooks))
	})
	route("POST", "/repos/{owner}/{repo}/hooks", admin, func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo) {
		var o hookOption
		if !bind(w, r, &o) || !validHook(w, o) {
			return
		}
		now := stamp(repo.created)
		h := &hook{ID: s.id(), Type: o.Type, BranchFilter: o.BranchFilter, Auth: o.Auth, Events: chosen(o.Events), Active: o.Active != nil && *o.Active, Created: now, Updated: now,
			Config: map[string]string{"url": o.Config["url"], "content_type": o.Config["content_type"]}, secret: o.Config["secret"]}
		repo.hooks = append(repo.hooks, h)
		answer(w, http.StatusCreated, h)
	})
	one := func(method, sub string, do func(http.ResponseWriter, *http.Request, *Repo, *hook)) {
		route(method, "/repos/{owner}/{repo}/hooks/{id}"+sub, admin, func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo) {
			at := slices.IndexFunc(repo.hooks, func(h *hook) bool { return h.ID == number(r, "id") })
			if at < 0 {
				problem(w, http.StatusNotFound, "The target couldn't be found.")
				return
			}
			do(w, r, repo, repo.hooks[at])
		})
	}
	one("GET", "", func(w http.ResponseWriter, _ *http.Request, _ *Repo, h *hook) { answer(w, http.StatusOK, h) })
	one("PATCH", "", s.editHook)
	one("DELETE", "", func(w http.ResponseWriter, _ *http.Request, repo *Repo, h *hook) {
		repo.hooks = slices.DeleteFunc(repo.hooks, func(other *hook) bool { return other == h })
		w.WriteHeader(http.StatusNoContent)
	})
	one("POST", "/tests", s.testHook)
}

func validHook(w http.ResponseWriter, o hookOption) bool {
	if o.Type != "gitea" && o.Type != "gogs" {
		problem(w, http.StatusUnprocessableEntity, "Invalid hook type: "+o.Type)
		return false
	}
	for _, name := range []string{"url", "content_type"} {
		if _, ok := o.Config[name]; !ok {
			problem(w, http.StatusUnprocessableEntity, "Missing config option: "+name)
			return false
		}
	}
	if t := o.Config["content_type"]; t != "json" && t != "form" {
		problem(w, http.StatusUnprocessableEntity, "Invalid content type")
		return false
	}
	return true
}

// editHook changes what can be changed. The secret cannot, which is what Gitea 1.25 was seen to do: it says 200 and keeps the old one.
func (s *Server) editHook(w http.ResponseWriter, r *http.Request, _ *Repo, h *hook) {
	var o hookOption
	if !bind(w, r, &o) {
		return
	}
	if t, ok := o.Config["content_type"]; ok && t != "json" && t != "form" {
		problem(w, http.StatusUnprocessableEntity, "Invalid content type")
		return
	}
	for _, name := range []string{"url", "content_type"} {
		if v, ok := o.Config[name]; ok {
			h.Config[name] = v
		}
	}
	if o.Active != nil {
		h.Active = *o.Active
	}
	h.Events, h.BranchFilter, h.Auth = chosen(o.Events), o.BranchFilter, o.Auth
	answer(w, http.StatusOK, h)
}

// testHook queues a push of the newest commit and says 204, whatever becomes of it.
func (s *Server) testHook(w http.ResponseWriter, r *http.Request, repo *Repo, h *hook) {
	branch := r.URL.Query().Get("ref")
	if branch == "" {
		branch = "refs/heads/" + repo.DefaultBranch
	}
	tip, err := repo.Git("", "rev-parse", "--verify", "--quiet", branch+"^0")
	if err != nil {
		problem(w, http.StatusNotFound, "The target couldn't be found.")
		return
	}
	p, err := repo.push("refs/heads/"+repo.DefaultBranch, ref{tip, tip}, ref{tip, tip})
	if err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	p.Commits, p.TotalCommits = []commitJSON{*p.HeadCommit}, 1
	p.CompareURL = s.URL + "/" + repo.FullName() + "/compare/" + tip + "..." + tip
	owner := s.users[lower(repo.Owner)]
	p.Repository, p.Pusher, p.Sender = s.repoJSON(repo, none, false), s.userJSON(owner, ""), s.userJSON(owner, "")
	s.send(h, "push", "push", p)
	w.WriteHeader(http.StatusNoContent)
}
