package giteatest

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (s *Server) userRoutes(mux *http.ServeMux) {
	needsUser := func(do func(http.ResponseWriter, *http.Request, caller)) func(http.ResponseWriter, *http.Request, caller) {
		return func(w http.ResponseWriter, r *http.Request, c caller) {
			if c.user == nil {
				problem(w, http.StatusUnauthorized, "token is required")
				return
			}
			do(w, r, c)
		}
	}
	handle := func(pattern string, do func(http.ResponseWriter, *http.Request, caller), categories ...string) {
		mux.HandleFunc(pattern, s.scoped(needsUser(do), categories...))
	}
	handle("GET /api/v1/user", func(w http.ResponseWriter, _ *http.Request, c caller) {
		u := s.userJSON(c.user, c.user.Login+"@example.invalid")
		u.IsAdmin = c.user.Admin
		answer(w, http.StatusOK, u)
	}, "user")
	handle("GET /api/v1/user/repos", func(w http.ResponseWriter, r *http.Request, c caller) {
		s.list(w, r, c, func(repo *Repo) bool {
			return s.may(c, repo) >= write || repo.collaborators[lower(c.user.Login)] > none
		})
	}, "user", "repository")
	handle("GET /api/v1/user/orgs", func(w http.ResponseWriter, r *http.Request, c caller) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var orgs []any
		for _, u := range s.users {
			if u.Org && slices.Contains(u.Members, lower(c.user.Login)) {
				orgs = append(orgs, map[string]any{"id": u.ID, "name": u.Login, "username": u.Login})
			}
		}
		s.page(w, r, orgs)
	}, "user", "organization")
	handle("GET /api/v1/repos/search", func(w http.ResponseWriter, r *http.Request, c caller) {
		s.search(w, r, c)
	}, "repository")
	handle("POST /api/v1/user/repos", func(w http.ResponseWriter, r *http.Request, c caller) { s.create(w, r, c.user.Login) }, "user", "repository")
	handle("POST /api/v1/orgs/{org}/repos", func(w http.ResponseWriter, r *http.Request, c caller) {
		s.mu.Lock()
		org := s.users[lower(r.PathValue("org"))]
		member := org != nil && (c.user.Admin || slices.Contains(org.Members, lower(c.user.Login)))
		s.mu.Unlock()
		switch {
		case org == nil || !org.Org:
			problem(w, http.StatusNotFound, "The target couldn't be found.")
		case !member:
			problem(w, http.StatusForbidden, "Given user is not allowed to create repository in organization.")
		default:
			s.create(w, r, org.Login)
		}
	}, "organization", "repository")
}

// list answers with the repositories that want, by name.
func (s *Server) list(w http.ResponseWriter, r *http.Request, c caller, want func(*Repo) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page(w, r, s.listed(c, want))
}

func (s *Server) listed(c caller, want func(*Repo) bool) []any {
	var names []string
	for name, repo := range s.repos {
		if s.may(c, repo) >= read && want(repo) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []any
	for _, name := range names {
		all = append(all, s.describe(s.repos[name], c))
	}
	return all
}

// search wraps its page, as Gitea does for this one call.
func (s *Server) search(w http.ResponseWriter, r *http.Request, c caller) {
	q := lower(r.URL.Query().Get("q"))
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := &wrapped{ResponseWriter: w}
	s.page(rec, r, s.listed(c, func(repo *Repo) bool { return strings.Contains(lower(repo.FullName()), q) }))
}

// wrapped puts the answer of a page into {"ok":true,"data":…}.
type wrapped struct {
	http.ResponseWriter
	started bool
}

func (o *wrapped) Write(p []byte) (int, error) {
	if !o.started {
		o.started = true
		whole := append([]byte(`{"ok":true,"data":`), p...)
		if _, err := o.ResponseWriter.Write(append(whole, '}')); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// describe is a repository as the API says it; the lock is held.
func (s *Server) describe(repo *Repo, c caller) repoJSON {
	refs, err := repo.refs()
	return s.repoJSON(repo, s.may(c, repo), err != nil || len(refs) == 0)
}

var goodName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func (s *Server) create(w http.ResponseWriter, r *http.Request, owner string) {
	var o struct {
		Name          string `json:"name"`
		Description   string `json:"description"`
		Private       bool   `json:"private"`
		DefaultBranch string `json:"default_branch"`
	}
	if !bind(w, r, &o) {
		return
	}
	if !goodName.MatchString(o.Name) {
		problem(w, http.StatusUnprocessableEntity, "[Name]: Required")
		return
	}
	repo, err := s.newRepo(owner, o.Name)
	switch {
	case errors.Is(err, errTaken):
		problem(w, http.StatusConflict, "The repository with the same name already exists.")
		return
	case err != nil:
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	repo.Private, repo.Description = o.Private, o.Description
	if o.DefaultBranch != "" {
		repo.DefaultBranch = o.DefaultBranch
	}
	answer(w, http.StatusCreated, s.repoJSON(repo, admin, true))
}

func (s *Server) repoRoutes(route routes) {
	route("GET", "/repos/{owner}/{repo}", read, func(w http.ResponseWriter, _ *http.Request, c caller, repo *Repo) {
		answer(w, http.StatusOK, s.describe(repo, c))
	})
	route("DELETE", "/repos/{owner}/{repo}", admin, func(w http.ResponseWriter, _ *http.Request, _ caller, repo *Repo) {
		delete(s.repos, lower(repo.FullName()))
		w.WriteHeader(http.StatusNoContent)
	})
	route("GET", "/repos/{owner}/{repo}/branches", read, func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		s.named(w, r, repo, "refs/heads/")
	})
	route("GET", "/repos/{owner}/{repo}/tags", read, func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		s.named(w, r, repo, "refs/tags/")
	})
	route("GET", "/repos/{owner}/{repo}/contents", read, s.contents)
	route("GET", "/repos/{owner}/{repo}/raw/{path...}", read, func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		data, err := repo.Git("", "cat-file", "blob", repo.at(r)+":"+r.PathValue("path"))
		if err != nil {
			problem(w, http.StatusNotFound, "The target couldn't be found.")
			return
		}
		if _, err := w.Write([]byte(data + "\n")); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

func (r *Repo) at(req *http.Request) string {
	if at := req.URL.Query().Get("ref"); at != "" {
		return at
	}
	return r.DefaultBranch
}

// named lists branches or tags with their commits.
func (s *Server) named(w http.ResponseWriter, r *http.Request, repo *Repo, prefix string) {
	refs, err := repo.refs()
	if err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	var names []string
	for name := range refs {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []any
	for _, name := range names {
		sha := refs[name].commit
		all = append(all, map[string]any{"name": strings.TrimPrefix(name, prefix), "id": refs[name].object, "commit": map[string]any{"id": sha, "sha": sha}})
	}
	s.page(w, r, all)
}

// contents lists the root folder.
func (s *Server) contents(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
	out, err := repo.Git("", "ls-tree", "-l", repo.at(r))
	if err != nil {
		problem(w, http.StatusNotFound, "The target couldn't be found.")
		return
	}
	all := []map[string]any{}
	for line := range strings.Lines(out) {
		head, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		f := strings.Fields(head)
		kind := map[string]string{"blob": "file", "tree": "dir", "commit": "submodule"}[f[1]]
		all = append(all, map[string]any{"name": name, "path": name, "sha": f[2], "type": kind})
	}
	answer(w, http.StatusOK, all)
}
