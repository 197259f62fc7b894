package gitea

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// front is one address for a Git server and an LFS server, as a forge is.
func front(t *testing.T, git, lfs string) *httptest.Server {
	t.Helper()
	proxy := func(to string) http.Handler {
		u, err := url.Parse(to)
		must(t, err)
		return httputil.NewSingleHostReverseProxy(u)
	}
	repositories, objects := proxy(git), proxy(lfs)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/info/lfs/") {
			objects.ServeHTTP(w, r)
			return
		}
		repositories.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv
}
