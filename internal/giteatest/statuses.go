package giteatest

import (
	"net/http"
	"slices"
	"time"
)

// Status is what somebody said about a commit.
type Status struct {
	ID          int64  `json:"id"`
	State       string `json:"status"` // pending, success, error, failure, warning
	TargetURL   string `json:"target_url"`
	Description string `json:"description"`
	URL         string `json:"url"`
	Context     string `json:"context"`
	CreatedAt   string `json:"created_at"`
	UpdatedAt   string `json:"updated_at"`
}

// Statuses are those of a commit, the oldest first.
func (r *Repo) Statuses(sha string) []Status {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return slices.Clone(r.statuses[sha])
}

func (s *Server) statusRoutes(route routes) {
	route("POST", "/repos/{owner}/{repo}/statuses/{sha}", write, func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		var o struct {
			State       string `json:"state"`
			TargetURL   string `json:"target_url"`
			Description string `json:"description"`
			Context     string `json:"context"`
		}
		if !bind(w, r, &o) {
			return
		}
		sha := r.PathValue("sha")
		if _, err := repo.Git("", "cat-file", "-e", sha+"^{commit}"); err != nil {
			problem(w, http.StatusNotFound, "object does not exist [id: "+sha+", rel_path: ]")
			return
		}
		if !slices.Contains([]string{"pending", "success", "error", "failure", "warning"}, o.State) {
			problem(w, http.StatusUnprocessableEntity, "[]: invalid commit status "+o.State)
			return
		}
		if o.Context == "" {
			o.Context = "default"
		}
		now := stamp(time.Now())
		st := Status{s.id(), o.State, o.TargetURL, o.Description, s.URL + "/api/v1/repos/" + repo.FullName() + "/statuses/" + sha, o.Context, now, now}
		repo.statuses[sha] = append(repo.statuses[sha], st)
		answer(w, http.StatusCreated, st)
	})
	list := func(w http.ResponseWriter, r *http.Request, _ caller, repo *Repo) {
		sha, err := repo.Git("", "rev-parse", "--verify", "--quiet", r.PathValue("sha")+"^{commit}")
		if err != nil {
			problem(w, http.StatusNotFound, "The target couldn't be found.")
			return
		}
		newest := slices.Clone(repo.statuses[sha])
		slices.Reverse(newest)
		s.page(w, r, anys(newest))
	}
	route("GET", "/repos/{owner}/{repo}/statuses/{sha}", read, list)
	route("GET", "/repos/{owner}/{repo}/commits/{sha}/statuses", read, list)
}
