package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// scoped answers as a Gitea does for a token with scopes: scopes first, then whatever is wrong with the request.
func scoped(t *testing.T, version, format string, scopes ...string) *Client {
	t.Helper()
	has := func(scope string) bool {
		what, read := strings.CutPrefix(scope, "read:")
		return slices.Contains(scopes, scope) || read && slices.Contains(scopes, "write:"+what)
	}
	mux := http.NewServeMux()
	handle := func(pattern string, status int, body string, categories ...string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			level := "read:"
			if r.Method != http.MethodGet {
				level = "write:"
			}
			for _, category := range categories {
				if !has(level + category) {
					w.WriteHeader(http.StatusForbidden)
					fmt.Fprintf(w, `{"message":%q}`, fmt.Sprintf(format, level+category))
					return
				}
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	handle("GET /api/v1/version", 200, `{"version":"`+version+`"}`)
	handle("GET /api/v1/user", 200, `{"login":"robot","is_admin":true}`, "user")
	handle("GET /api/v1/repos/search", 200, `{}`, "repository")
	handle("POST /api/v1/repos/{owner}/{repo}/hooks", 404, `{"message":"GetUserByName"}`, "repository")
	handle("POST /api/v1/user/repos", 422, `{"message":"[Name]: Required"}`, "user", "repository")
	handle("GET /api/v1/orgs/{org}", 404, `{"message":"GetOrgByName"}`, "organization")
	handle("POST /api/v1/orgs/{org}/repos", 404, `{"message":"GetOrgByName"}`, "organization")
	handle("GET /api/v1/orgs/ai", 200, `{}`, "organization")
	handle("GET /api/v1/users/ada", 200, `{}`, "user")
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return client(t, srv.URL, "a-token-of-a-robot")
}

const (
	says122 = "token does not have at least one of required scope(s): [%s]"
	says124 = "token does not have at least one of required scope(s), required=[%s], token scope=read:user,write:misc"
)

func TestCheckupSaysWhichScopesLack(t *testing.T) {
	for _, c := range []struct{ has, lacks string }{
		{"read:user read:repository", "write:repository write:user read:organization write:organization"},
		{"read:user write:repository", "write:user read:organization write:organization"},
		{"write:user read:repository", "write:repository read:organization write:organization"},
		{"write:user write:repository write:organization", ""},
		{"write:repository", "read:user write:user read:organization write:organization"},
	} {
		for _, format := range []string{says122, says124} {
			got, err := scoped(t, "1.22.3", format, strings.Fields(c.has)...).Checkup(context.Background(), "")
			var lacks []string
			for _, g := range got.Missing() {
				lacks = append(lacks, g.Scope)
			}
			if s := strings.Join(lacks, " "); err != nil || s != c.lacks {
				t.Errorf("a token with %s: lacks %s, %v; want %s", c.has, s, err, c.lacks)
			}
			if got.Old || got.Version != "1.22.3" || (got.Login == "robot") != strings.Contains(c.has, ":user") {
				t.Errorf("a token with %s: %+v", c.has, got)
			}
		}
	}
}

func TestCheckupOfOwners(t *testing.T) {
	c := scoped(t, "1.21.11", says122, "read:user", "read:repository", "read:organization")
	for owner, want := range map[string]string{"": OwnerUser, "Robot": OwnerUser, "ai": OwnerOrganization, "ada": OwnerOther, "nobody": OwnerUnknown} {
		if got, err := c.Checkup(context.Background(), owner); err != nil || got.Kind != want || !got.Old {
			t.Errorf("owner %q: %+v, %v; want %q", owner, got, err, want)
		}
	}
}

func TestCheckupFails(t *testing.T) {
	for what, c := range map[string]struct {
		status int
		body   string
		want   error
		says   string
	}{
		"another program":      {200, "<html>hello</html>", ErrUnreachable, "not what a Gitea says"},
		"no such path":         {404, "not found", ErrUnreachable, "not a Gitea"},
		"a token that is no":   {401, `{"message":"invalid"}`, ErrAuth, "the token was refused"},
		"a prohibited account": {403, `{"message":"This account is prohibited from signing in"}`, ErrAuth, "prohibited"},
		"a server in trouble":  {502, "bad gateway", ErrUnreachable, "502"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		_, err := client(t, srv.URL, "a-token-of-a-robot").Checkup(context.Background(), "")
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "a-token-of") {
			t.Errorf("%s: %v", what, err)
		}
		srv.Close()
	}
	if _, err := client(t, "http://127.0.0.1:1", "t").Checkup(context.Background(), ""); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestRedirectsStay: a token does not follow to another server, port or scheme, and what is renamed is found.
func TestRedirectsStay(t *testing.T) {
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.URL.Path) }))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/version", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/api/v1/version", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/api/v1/repos/old/name", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/api/v1/repos/new/name", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/api/v1/repos/away/name", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/api/v1/repos/away/name", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/api/v1/repos/round/name", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/api/v1/repos/round/name", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/api/v1/repos/new/name", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"full_name":"new/name"}`) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c := client(t, srv.URL, "a-token-of-a-robot")
	if _, err := c.Checkup(context.Background(), ""); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "sends elsewhere") {
		t.Errorf("a server that has moved: %v", err)
	}
	if r, err := c.Repo(context.Background(), "old/name"); err != nil || r.FullName != "new/name" {
		t.Errorf("a repository that was renamed: %+v, %v", r, err)
	}
	for _, name := range []string{"away/name", "round/name"} {
		if _, err := c.Repo(context.Background(), name); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(got) != 0 {
		t.Errorf("the other server was asked %v", got)
	}
}

func TestOlderThan(t *testing.T) {
	for version, want := range map[string]bool{
		"1.21.11": true, "1.22.0": false, "1.22.3+dev-3-gabc": false, "1.23.0-rc0": false, "2.0": false, "1.9.1": true, "v1.20": true,
		"7.0.5+gitea-1.22.0": false, "1.21.4+gitea-1.21.3": true, "development": false, "": false,
	} {
		if got := olderThan(version, OldestVersion); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

func TestConnections(t *testing.T) {
	list := []Connection{{Name: "a", Client: client(t, "https://git.example.com", "")}, {Name: "b", Client: client(t, "https://git.example.com/deep", "")}}
	for raw, want := range map[string]string{
		"https://git.example.com/ai/ocr.git": "a", "https://git.example.com/deep/ai/ocr.git": "b", "https://GIT.example.com/ai/ocr": "a",
		"https://git.example.com.evil/ai/ocr": "", "http://git.example.com/ai/ocr": "", "git@git.example.com:ai/ocr": "",
	} {
		if c, ok := Owning(list, raw); c.Name != want || ok != (want != "") {
			t.Errorf("%s leads to %q, want %q", raw, c.Name, want)
		}
	}
	if c, ok := Named(list, "b"); !ok || c.Name != "b" {
		t.Error("a connection is not found by its name")
	}
	for raw, want := range map[string]string{
		"HTTPS://Git.Example.com:443/": "https://git.example.com", "http://h:80/Sub/": "http://h/Sub", " http://h:3000 ": "http://h:3000", "nonsense/": "nonsense",
	} {
		if got := Address(raw); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}
