package giteatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// access is what somebody may do with a repository.
type access int

const (
	none access = iota
	read
	write
	admin
)

// caller is who sent a request; user is nil for nobody.
type caller struct {
	user   *User
	token  bool
	scopes []string
}

// caller tells who sent a request, and whether what they showed is good.
func (s *Server) caller(r *http.Request) (caller, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, ok := r.BasicAuth(); ok {
		for _, secret := range []string{password, user} {
			if t := s.tokens[secret]; t != nil {
				return caller{t.user, true, t.scopes}, true
			}
		}
		u := s.users[strings.ToLower(user)]
		return caller{user: u}, u != nil && u.Password == password
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return caller{}, true
	}
	kind, secret, _ := strings.Cut(header, " ")
	t := s.tokens[secret]
	if t == nil || !strings.EqualFold(kind, "token") && !strings.EqualFold(kind, "bearer") {
		return caller{}, false
	}
	return caller{t.user, true, t.scopes}, true
}

// has reports whether a caller has a scope such as write:repository. A password has all of them.
func (c caller) has(scope string) bool {
	if !c.token || slices.Contains(c.scopes, "all") || slices.Contains(c.scopes, scope) {
		return true
	}
	what, ok := strings.CutPrefix(scope, "read:")
	return ok && slices.Contains(c.scopes, "write:"+what)
}

// scoped lets nobody in who shows a bad token or one without the scopes, which are categories: repository, user, organization.
func (s *Server) scoped(next func(http.ResponseWriter, *http.Request, caller), categories ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.caller(r)
		if !ok {
			problem(w, http.StatusUnauthorized, "invalid username, password or token")
			return
		}
		level := "write:"
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			level = "read:"
		}
		for _, category := range categories {
			if !c.has(level + category) {
				problem(w, http.StatusForbidden, fmt.Sprintf("token does not have at least one of required scope(s): [%s%s]", level, category))
				return
			}
		}
		next(w, r, c)
	}
}

// may is what a caller may do with a repository; the lock is held.
func (s *Server) may(c caller, r *Repo) access {
	switch {
	case c.user == nil && r.Private:
		return none
	case c.user == nil:
		return read
	case c.user.Admin, strings.EqualFold(c.user.Login, r.Owner):
		return admin
	}
	if org := s.users[strings.ToLower(r.Owner)]; org != nil && org.Org && slices.Contains(org.Members, strings.ToLower(c.user.Login)) {
		return admin
	}
	if level := r.collaborators[strings.ToLower(c.user.Login)]; level > none {
		return level
	}
	if r.Private {
		return none
	}
	return read
}
