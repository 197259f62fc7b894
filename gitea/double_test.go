package gitea

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/internal/giteatest"
)

// A private repository of a Gitea with a private submodule and a model in LFS, by a token that may read.
func TestPrivateRepositoryWithAllThatBelongsToIt(t *testing.T) {
	srv := giteatest.New(t, giteatest.Options{})
	token := srv.Token("ada", "read:repository")
	lib, app := srv.Repo(t, "ada", "lib"), srv.Repo(t, "ada", "app")
	libSHA := lib.Push(t, giteatest.Change{Files: map[string]string{"lib.py": "lib"}})
	app.Push(t, giteatest.Change{Files: map[string]string{
		"main.py": "app", "model.bin": app.LFS(t, []byte("weights")), ".gitmodules": gitmodules(map[string]string{"vendored": "../lib.git"}),
	}})
	sha := withModule(t, app, "vendored", libSHA)
	client, err := NewClient(ClientConfig{URL: srv.URL, Token: token})
	must(t, err)
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetLFS(filepath.Join(t.TempDir(), "lfs"))
	dir, err := checkOut(t, ms, app.CloneURL(), client.Auth())
	must(t, err)
	for file, want := range map[string]string{"main.py": "app", "model.bin": "weights", "vendored/lib.py": "lib"} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	must(t, filepath.WalkDir(ms.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), token) {
			t.Errorf("%s holds the token", path)
		}
		return err
	}))
	// What was fetched once can be checked out by its SHA when the token is worth nothing any more, and nothing new can.
	next := app.Push(t, giteatest.Change{Files: map[string]string{"new.bin": app.LFS(t, []byte("new weights"))}})
	m, err := ms.Open(t.Context(), app.CloneURL(), client.Auth())
	must(t, err)
	must(t, m.Fetch(t.Context(), next))
	srv.Revoke(token)
	must(t, m.Fetch(t.Context(), sha))
	must(t, m.Checkout(t.Context(), sha, filepath.Join(t.TempDir(), "out"), nil))
	if err := m.Checkout(t.Context(), next, filepath.Join(t.TempDir(), "out"), nil); !errors.Is(err, ErrAuth) {
		t.Errorf("new LFS content with a revoked token: %v", err)
	}
	if err := m.Fetch(t.Context(), "main"); !errors.Is(err, ErrAuth) {
		t.Errorf("a branch with a revoked token: %v", err)
	}
}

// withModule adds a submodule to the tip of main and returns the new tip.
func withModule(t *testing.T, r *giteatest.Repo, path, sha string) string {
	t.Helper()
	run := func(stdin string, args ...string) string {
		t.Helper()
		out, err := r.Git(stdin, args...)
		must(t, err)
		return out
	}
	list := run("", "ls-tree", "main") + "\n160000 commit " + sha + "\t" + path + "\n"
	commit := run("module\n", "commit-tree", "-p", "main", run(list, "mktree", "--missing"))
	run("", "update-ref", "refs/heads/main", commit)
	return commit
}
