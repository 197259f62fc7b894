package giteatest

import (
	"net/http"
	"net/http/cgi"
	"path/filepath"
	"strings"
)

// serveGit answers Git over HTTP and LFS: /owner/name.git/…
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	owner, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	name, sub, _ := strings.Cut(rest, "/")
	c, ok := s.caller(r)
	s.mu.Lock()
	repo := s.find(owner, name)
	may := none
	if repo != nil {
		may = s.may(c, repo)
	}
	s.mu.Unlock()
	pushes := sub == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	switch {
	case !ok, c.user == nil && (may < read || pushes):
		w.Header().Set("WWW-Authenticate", `Basic realm="Gitea"`)
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
	case repo == nil, may < read:
		http.Error(w, "Not found.", http.StatusNotFound)
	case pushes && (may < write || !c.has("write:repository")), !c.has("read:repository"):
		http.Error(w, "User permission denied", http.StatusForbidden)
	case strings.HasPrefix(sub, "info/lfs/"):
		s.serveLFS(w, r, repo, c, may, strings.TrimPrefix(sub, "info/lfs/"))
	case sub == "git-receive-pack":
		if err := repo.change(c.user.Login, func(map[string]ref) error { s.backend(repo, c, "/"+sub).ServeHTTP(w, r); return nil }); err != nil {
			panic(http.ErrAbortHandler)
		}
	default:
		s.backend(repo, c, "/"+sub).ServeHTTP(w, r)
	}
}

// backend is git http-backend for one request: the path is that of the bare repository, however the URL spelled it.
func (s *Server) backend(repo *Repo, c caller, sub string) http.Handler {
	env := append(environ(), "GIT_PROJECT_ROOT="+filepath.Dir(repo.dir), "GIT_HTTP_EXPORT_ALL=1", "PATH_INFO=/"+filepath.Base(repo.dir)+sub)
	if c.user != nil {
		env = append(env, "REMOTE_USER="+c.user.Login)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r2 := r.Clone(r.Context())
		if protocol := r.Header.Get("Git-Protocol"); protocol != "" {
			env = append(env, "GIT_PROTOCOL="+protocol)
		}
		r2.Header.Del("Authorization")
		(&cgi.Handler{Path: s.git, Args: []string{"http-backend"}, Root: "/", Dir: repo.dir, Env: env}).ServeHTTP(w, r2)
	})
}
