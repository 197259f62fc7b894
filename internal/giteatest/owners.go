package giteatest

import "net/http"

// ownerRoutes tell what the name of an owner stands for.
func (s *Server) ownerRoutes(mux *http.ServeMux) {
	find := func(org bool) func(http.ResponseWriter, *http.Request, caller) {
		return func(w http.ResponseWriter, r *http.Request, _ caller) {
			s.mu.Lock()
			u := s.users[lower(r.PathValue("name"))]
			s.mu.Unlock()
			if u == nil || org && !u.Org {
				problem(w, http.StatusNotFound, "GetUserByName")
				return
			}
			answer(w, http.StatusOK, map[string]any{"id": u.ID, "name": u.Login, "username": u.Login, "login": u.Login})
		}
	}
	mux.HandleFunc("GET /api/v1/orgs/{name}", s.scoped(find(true), "organization"))
	mux.HandleFunc("GET /api/v1/users/{name}", s.scoped(find(false), "user"))
}
