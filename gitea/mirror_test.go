package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// origin is a repository to mirror.
type origin struct {
	t    *testing.T
	dir  string
	repo *git.Repository
	n    int
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "origin")
	repo, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: "refs/heads/main"}})
	must(t, err)
	return &origin{t: t, dir: dir, repo: repo}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *origin) write(name, text string) {
	o.t.Helper()
	p := filepath.Join(o.dir, name)
	must(o.t, os.MkdirAll(filepath.Dir(p), 0o755))
	must(o.t, os.WriteFile(p, []byte(text), 0o644))
}

func (o *origin) commit(files map[string]string) string {
	o.t.Helper()
	w, err := o.repo.Worktree()
	must(o.t, err)
	for name, text := range files {
		o.write(name, text)
	}
	must(o.t, w.AddGlob("."))
	o.n++
	when := time.Date(2026, 1, 1, 0, 0, o.n, 0, time.UTC)
	h, err := w.Commit("change", &git.CommitOptions{AllowEmptyCommits: true, Author: &object.Signature{Name: "t", Email: "t@localhost", When: when}})
	must(o.t, err)
	return h.String()
}

func (o *origin) ref(name, sha string) {
	o.t.Helper()
	must(o.t, o.repo.Storer.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), plumbing.NewHash(sha))))
}

func mirrorOf(t *testing.T, url string, auth Auth) *Mirror {
	t.Helper()
	m, err := NewMirrors(t.TempDir(), nil).Open(t.Context(), url, auth)
	must(t, err)
	return m
}

// serve is a smart-HTTP Git server over a folder of repositories; with a token it asks for it.
func serve(t *testing.T, root, token string) *httptest.Server {
	t.Helper()
	program, err := exec.LookPath("git")
	must(t, err)
	backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Env: []string{
		"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1=true", // as Gitea has it
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pass, _ := r.BasicAuth(); token != "" && pass != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// both runs a test against a local repository and the same one over HTTP.
func both(t *testing.T, o *origin, f func(t *testing.T, m *Mirror)) {
	t.Run("local", func(t *testing.T) { f(t, mirrorOf(t, o.dir, Auth{})) })
	t.Run("local without the git program", func(t *testing.T) { f(t, plainMirrorOf(t, o.dir, Auth{})) })
	t.Run("http", func(t *testing.T) {
		f(t, mirrorOf(t, serve(t, filepath.Dir(o.dir), "").URL+"/origin/.git", Auth{}))
	})
	t.Run("http without the git program", func(t *testing.T) {
		f(t, plainMirrorOf(t, serve(t, filepath.Dir(o.dir), "").URL+"/origin/.git", Auth{}))
	})
}

// plainMirrorOf is a mirror where no git program is installed.
func plainMirrorOf(t *testing.T, url string, auth Auth) *Mirror {
	t.Helper()
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetProgram("")
	m, err := ms.Open(t.Context(), url, auth)
	must(t, err)
	return m
}

func TestResolve(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"main.py": "1"})
	second := o.commit(map[string]string{"main.py": "2", "sub/x": "x"})
	o.ref("refs/heads/feature/fast", first)
	o.ref("refs/tags/v1", first)
	_, err := o.repo.CreateTag("v2", plumbing.NewHash(second), &git.CreateTagOptions{Message: "two", Tagger: &object.Signature{Name: "t", When: time.Unix(0, 0)}})
	must(t, err)
	both(t, o, func(t *testing.T, m *Mirror) {
		must(t, m.Fetch(t.Context(), ""))
		for ref, want := range map[string]string{
			"": second, "HEAD": second, "main": second, "feature/fast": first, "v1": first, "v2": second,
			"refs/tags/v1": first, first: first, first[:8]: first, first[:7]: first,
		} {
			if got, err := m.Resolve(t.Context(), ref); err != nil || got != want {
				t.Errorf("Resolve(%q) = %s, %v; want %s", ref, got, err, want)
			}
		}
		for ref, hint := range map[string]string{"mian": "did you mean main?", "v3": "did you mean v1 or v2", "featur": "feature/fast", "0000000000": "there is feature/fast, main"} {
			_, err := m.Resolve(t.Context(), ref)
			if !errors.Is(err, ErrUnknownRef) || !strings.Contains(err.Error(), hint) {
				t.Errorf("Resolve(%q): %v; want a hint %q", ref, err, hint)
			}
		}
	})
}

func TestFetchFollowsTheRemote(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"a": "1"})
	o.ref("refs/heads/gone", first)
	both(t, o, func(t *testing.T, m *Mirror) {
		o.ref("refs/heads/main", first)
		o.ref("refs/heads/gone", first)
		must(t, m.Fetch(t.Context(), ""))
		second := o.commit(map[string]string{"a": "2"})
		must(t, o.repo.Storer.RemoveReference("refs/heads/gone"))
		must(t, m.Fetch(t.Context(), ""))
		if got, err := m.Resolve(t.Context(), ""); err != nil || got != second {
			t.Errorf("after a push: %s, %v; want %s", got, err, second)
		}
		if _, err := m.Resolve(t.Context(), "gone"); !errors.Is(err, ErrUnknownRef) {
			t.Errorf("a deleted branch resolves: %v", err)
		}
		o.ref("refs/heads/main", first) // a force push backwards
		must(t, m.Fetch(t.Context(), ""))
		if got, err := m.Resolve(t.Context(), "main"); err != nil || got != first {
			t.Errorf("after a force push: %s, %v; want %s", got, err, first)
		}
		if got, err := m.Resolve(t.Context(), second); err != nil || got != second {
			t.Errorf("the orphaned commit is gone: %s, %v", got, err)
		}
	})
}

func TestFetchOfAKnownCommitNeedsNoNetwork(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	srv := serve(t, filepath.Dir(o.dir), "")
	m := mirrorOf(t, srv.URL+"/origin/.git", Auth{})
	must(t, m.Fetch(t.Context(), ""))
	srv.Close()
	must(t, m.Fetch(t.Context(), sha))
	if err := m.Fetch(t.Context(), "main"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("fetch from a closed server: %v", err)
	}
}

func TestTokenStaysOutOfFilesAndErrors(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"a": "1"})
	const token = "s3cr3t-token-value"
	srv := serve(t, filepath.Dir(o.dir), token)
	url := strings.Replace(srv.URL, "http://", "http://me:"+token+"@", 1) + "/origin/.git"
	m := mirrorOf(t, url, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	must(t, filepath.WalkDir(m.Dir(), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		if strings.Contains(string(text), token) {
			t.Errorf("%s holds the token", p)
		}
		return err
	}))
	for _, a := range []Auth{{}, {Token: "wrong-token-value"}} {
		err := mirrorOf(t, srv.URL+"/origin/.git", a).Fetch(t.Context(), "")
		if !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "wrong-token") {
			t.Errorf("with %+v: %v", a, err)
		}
	}
}

func TestFetchFaults(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	empty := newOrigin(t)
	srv := serve(t, filepath.Dir(empty.dir), "")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("<html>hello</html>")); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(page.Close)
	plain := t.TempDir()
	for name, c := range map[string]struct {
		url  string
		want error
		says string
	}{
		"no such path":       {filepath.Join(plain, "nowhere"), ErrNotRepository, "no such file"},
		"not a repository":   {"file://" + plain, ErrNotRepository, "give a directory"},
		"empty, local":       {empty.dir, ErrEmpty, "push something first"},
		"empty, http":        {srv.URL + "/origin/.git", ErrEmpty, "push something first"},
		"no such repository": {srv.URL + "/nothing.git", ErrNotRepository, "check the address"},
		"a web page":         {page.URL + "/x.git", ErrNotRepository, "does not answer as a Git server"},
		"nobody listens":     {"http://127.0.0.1:1/x.git", ErrUnreachable, "connection refused"},
		"no key for ssh":     {"ssh://git@127.0.0.1:1/x.git", ErrAuth, "known"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewMirrors(t.TempDir(), nil).Open(t.Context(), c.url, Auth{})
			if err == nil {
				err = m.Fetch(t.Context(), "")
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want %v saying %q", err, c.want, c.says)
			}
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	held := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(held)
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-held; cancel() }()
	if err := mirrorOf(t, srv.URL+"/x.git", Auth{}).Fetch(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLinkedAndBorrowedRepositories(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	base := t.TempDir()
	for name, args := range map[string][]string{
		"worktree": {"-C", o.dir, "worktree", "add", "-q", filepath.Join(base, "worktree"), sha},
		"shared":   {"clone", "-q", "--shared", o.dir, filepath.Join(base, "shared")},
		"shallow":  {"clone", "-q", "--depth", "1", "file://" + o.dir, filepath.Join(base, "shallow")},
		"bare":     {"clone", "-q", "--bare", o.dir, filepath.Join(base, "bare")},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
				t.Fatalf("git: %v: %s", err, out)
			}
			for _, open := range []func(*testing.T, string, Auth) *Mirror{mirrorOf, plainMirrorOf} {
				m := open(t, filepath.Join(base, name), Auth{})
				must(t, m.Fetch(t.Context(), ""))
				if got, err := m.Resolve(t.Context(), ""); err != nil || got != sha {
					t.Errorf("got %s, %v; want %s", got, err, sha)
				}
				must(t, m.Checkout(t.Context(), sha, filepath.Join(t.TempDir(), "out"), nil))
			}
		})
	}
}

func TestCutShort(t *testing.T) {
	for _, err := range []error{io.ErrUnexpectedEOF, fmt.Errorf("decode: %w", fs.ErrClosed), errors.New("invalid pkt-len found"), errors.New("pkt-line 1: EOF")} {
		if !cutShort(err) {
			t.Errorf("%v is taken for an answer that is whole", err)
		}
	}
	for _, err := range []error{nil, ErrAuth, errors.New("repository not found")} {
		if cutShort(err) {
			t.Errorf("%v is taken for an answer that was cut short", err)
		}
	}
}
