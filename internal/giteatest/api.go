package giteatest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// routes adds a route that concerns one repository: the caller needs at least this access. The server's lock is held meanwhile.
type routes func(method, pattern string, needs access, do func(http.ResponseWriter, *http.Request, caller, *Repo))

func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"version": s.opts.Version})
	})
	mux.HandleFunc("GET /api/v1/settings/api", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]int{"max_response_items": s.opts.PageSize, "default_paging_num": 30, "default_git_trees_per_page": 1000, "default_max_blob_size": 10 << 20})
	})
	s.userRoutes(mux)
	s.ownerRoutes(mux)
	route := func(method, pattern string, needs access, do func(http.ResponseWriter, *http.Request, caller, *Repo)) {
		mux.HandleFunc(method+" /api/v1"+pattern, s.scoped(s.repository(needs, func(w http.ResponseWriter, r *http.Request, c caller, repo *Repo) {
			s.mu.Lock()
			defer s.mu.Unlock()
			do(w, r, c, repo)
		}), "repository"))
	}
	s.repoRoutes(route)
	s.hookRoutes(route)
	s.statusRoutes(route)
	s.pullRoutes(route, func(pattern string, do func(http.ResponseWriter, *http.Request, caller, *Repo)) {
		mux.HandleFunc("POST /api/v1"+pattern, s.scoped(s.repository(write, do), "repository"))
	})
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusNotFound, "Not Found") })
	return mux
}

// repository finds what a path names; it is not found for those who may not read it.
func (s *Server) repository(needs access, do func(http.ResponseWriter, *http.Request, caller, *Repo)) func(http.ResponseWriter, *http.Request, caller) {
	return func(w http.ResponseWriter, r *http.Request, c caller) {
		s.mu.Lock()
		repo := s.find(r.PathValue("owner"), r.PathValue("repo"))
		may := none
		if repo != nil {
			may = s.may(c, repo)
		}
		s.mu.Unlock()
		switch {
		case may < read:
			problem(w, http.StatusNotFound, "The target couldn't be found.")
		case c.user == nil && r.Method != http.MethodGet:
			problem(w, http.StatusUnauthorized, "token is required")
		case may < needs:
			problem(w, http.StatusForbidden, "user should be an owner or a collaborator with admin write of a repository")
		default:
			do(w, r, c, repo)
		}
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
}

func problem(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message, "url": "http://gitea.invalid/api/swagger"})
}

func bind(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(io.LimitReader(r.Body, 10<<20)).Decode(v)
	if err != nil && err != io.EOF { //nolint:errorlint // what json returns for no body at all
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return false
	}
	return true
}

func number(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// page answers with one page of items, at most PageSize of them whatever was asked for.
func (s *Server) page(w http.ResponseWriter, r *http.Request, items []any) {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = 30
	}
	limit = min(limit, s.opts.PageSize)
	from, to := min((page-1)*limit, len(items)), min(page*limit, len(items))
	w.Header().Set("X-Total-Count", fmt.Sprint(len(items)))
	if to < len(items) {
		q := r.URL.Query()
		q.Set("page", fmt.Sprint(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, s.URL, r.URL.Path, q.Encode()))
	}
	answer(w, http.StatusOK, append([]any{}, items[from:to]...))
}
