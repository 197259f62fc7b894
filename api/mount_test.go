package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// whoAmI answers with its name and how much it was sent.
func whoAmI(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		answer := name
		if err != nil || n > maxBody {
			answer += " got more than a call may have"
		}
		if _, err := io.WriteString(w, answer); err != nil {
			panic(err)
		}
	})
}

func TestMountedHandlers(t *testing.T) {
	t.Parallel()
	s := newServer(t, newBackend(), func(d *Deps) { d.Webhooks, d.Git = whoAmI("hooks"), whoAmI("git") })
	large := strings.Repeat("x", maxBody+1)
	for _, c := range []struct {
		what, path, user, password, bearer, body string
		status                                   int
		answer                                   string
	}{
		{what: "a webhook needs no token", path: "/hooks/gitea", status: 200, answer: "hooks"},
		{what: "git without one", path: "/git/a.git/info/refs", status: 401},
		{what: "git with a wrong one", path: "/git/a.git/info/refs", user: "x", password: "wrong", status: 401},
		{what: "git with it as password", path: "/git/a.git/info/refs", user: "x", password: testToken, status: 200, answer: "git"},
		{what: "git with it as bearer", path: "/git/a.git/info/refs", bearer: testToken, status: 200, answer: "git"},
		{what: "large bodies are for git to bound", path: "/git/a.git/git-receive-pack", bearer: testToken, body: large, status: 200, answer: "git got more than a call may have"},
		{what: "the password is none of the API's", path: Prefix + "/services", user: "x", password: testToken, status: 401},
		{what: "what only begins alike is the API's", path: "/hooksx", bearer: testToken, status: 404},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(c.body))
			if c.user != "" {
				r.SetBasicAuth(c.user, c.password)
			}
			if c.bearer != "" {
				r.Header.Set("Authorization", "Bearer "+c.bearer)
			}
			w := httptest.NewRecorder()
			s.Handler(false).ServeHTTP(w, r)
			if w.Code != c.status || c.answer != "" && w.Body.String() != c.answer {
				t.Errorf("status %d, body %.100q; want %d, %q", w.Code, w.Body, c.status, c.answer)
			}
			if ask := w.Header().Get("WWW-Authenticate"); c.status == 401 && strings.HasPrefix(c.path, "/git/") != strings.HasPrefix(ask, "Basic") {
				t.Errorf("asks for %q", ask)
			}
		})
	}
}
