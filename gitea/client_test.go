package gitea

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func fsck(dir string) (string, error) {
	out, err := exec.Command("git", "-C", dir, "fsck", "--strict").CombinedOutput()
	return string(out), err
}

// double answers like a Gitea 1.22 to the calls that Client makes.
func double(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	guarded := func(w http.ResponseWriter, r *http.Request, body string) {
		switch r.Header.Get("Authorization") {
		case "token good-token":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, body)
		case "token weak-token":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"message":"token does not have at least one of required scope(s): [read:user]"}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"message":"invalid username, password or token"}`)
		}
	}
	mux.HandleFunc("GET /git/api/v1/version", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"version":"1.22.3"}`)
	})
	mux.HandleFunc("GET /git/api/v1/user", func(w http.ResponseWriter, r *http.Request) {
		guarded(w, r, `{"login":"robot","is_admin":false}`)
	})
	mux.HandleFunc("GET /git/api/v1/repos/ai/ocr", func(w http.ResponseWriter, r *http.Request) {
		guarded(w, r, `{"full_name":"AI/ocr","clone_url":"http://localhost:3000/AI/ocr.git","default_branch":"trunk","private":true}`)
	})
	mux.HandleFunc("GET /git/api/v1/repos/ai/long", func(w http.ResponseWriter, r *http.Request) {
		guarded(w, r, `{"full_name":"`+strings.Repeat("x", apiBody)+`"}`)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func client(t *testing.T, url, token string) *Client {
	t.Helper()
	c, err := NewClient(ClientConfig{URL: url, Token: token})
	must(t, err)
	return c
}

func TestClient(t *testing.T) {
	srv := double(t)
	c := client(t, srv.URL+"/git/", "good-token")
	if a, err := c.Check(t.Context()); err != nil || a != (Account{Login: "robot", Version: "1.22.3"}) {
		t.Errorf("Check = %+v, %v", a, err)
	}
	r, err := c.Repo(t.Context(), "ai/ocr")
	must(t, err)
	if r.CloneURL != srv.URL+"/git/AI/ocr.git" || r.DefaultBranch != "trunk" || r.Auth.Token != "good-token" || !r.Private {
		t.Errorf("Repo = %+v", r)
	}
	if !c.Owns(r.CloneURL) || c.Owns("http://localhost:3000/AI/ocr.git") || c.Owns(srv.URL+"/other/x.git") {
		t.Error("Owns is wrong about where the token may go")
	}
}

func TestClientFaults(t *testing.T) {
	srv := double(t)
	repo := func(token, name string) error {
		_, err := client(t, srv.URL+"/git", token).Repo(t.Context(), name)
		return err
	}
	check := func(url, token string) error {
		_, err := client(t, url, token).Check(t.Context())
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want error
		says string
	}{
		"revoked token": {check(srv.URL+"/git", "old-token-1234"), ErrAuth, "was refused"},
		"lacking scope": {check(srv.URL+"/git", "weak-token"), ErrAuth, "read:user"},
		"wrong path":    {check(srv.URL, "good-token"), ErrUnreachable, "lacks its path"},
		"nobody there":  {check("http://127.0.0.1:1", "good-token"), ErrUnreachable, "refused"},
		"no such repo":  {repo("good-token", "ai/none"), ErrNotRepository, "may not read it"},
		"no owner":      {repo("good-token", "ocr"), ErrNotRepository, "owner/repository"},
		"endless body":  {repo("good-token", "ai/long"), errors.ErrUnsupported, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.err == nil || !strings.Contains(c.err.Error(), c.says) || c.want != errors.ErrUnsupported && !errors.Is(c.err, c.want) {
				t.Errorf("got %v; want %v saying %q", c.err, c.want, c.says)
			}
			if c.err != nil && strings.Contains(c.err.Error(), "old-token") {
				t.Errorf("the token is in the error: %v", c.err)
			}
		})
	}
	for _, bad := range []string{"", "git.example.com", "ssh://git@host/", "http://me:pw@host"} {
		if _, err := NewClient(ClientConfig{URL: bad}); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("NewClient(%q): %v", bad, err)
		}
	}
}

func TestClientOfTheWrongScheme(t *testing.T) {
	t.Parallel()
	c := client(t, strings.Replace(double(t).URL, "http://", "https://", 1), "good-token")
	_, err := c.Checkup(t.Context(), "")
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "give an address with http://") {
		t.Errorf("%v", err)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"get https://u:p%20w@h/x failed":    "get https://***@h/x failed",
		"https://token@h/x":                 "https://***@h/x",
		"ssh://git@h/x and git@h:x":         "ssh://git@h/x and git@h:x",
		"the token abcdef is bad":           "the token *** is bad",
		"see https://h/a@b and mail me@h.x": "see https://h/a@b and mail me@h.x",
	} {
		if got := Mask(in, "abcdef"); got != want {
			t.Errorf("Mask(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestNetrc(t *testing.T) {
	file := filepath.Join(t.TempDir(), "netrc")
	must(t, os.WriteFile(file, []byte("machine a.example login me password one\nmachine b.example\n  login you\n  password two\ndefault login any password three\n"), 0o600))
	for host, want := range map[string]string{"a.example": "me one", "B.example": "you two", "c": "any three"} {
		if user, pass := Netrc(file, host); user+" "+pass != want {
			t.Errorf("Netrc(%s) = %s %s; want %s", host, user, pass, want)
		}
	}
	if user, _ := scanNetrc(bufio.NewScanner(strings.NewReader("")), "x"); user != "" {
		t.Errorf("an empty file gave %q", user)
	}
}
