package gitea

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"aictl/gitea/internal/lfsserver"
)

// within commits files and submodules (SHA by path) to a repository at base/name, which is made.
func within(t *testing.T, base, name string, files, modules map[string]string) (o *origin, sha string) {
	t.Helper()
	o = newOrigin(t)
	o.commit(files)
	sha = grafted(t, o, modules)
	must(t, os.MkdirAll(base, 0o755))
	must(t, os.Rename(filepath.Join(o.dir, ".git"), filepath.Join(base, name)))
	return o, sha
}

// grafted adds submodules to the tip of main, as `git submodule add` would.
func grafted(t *testing.T, o *origin, modules map[string]string) string {
	t.Helper()
	s := o.repo.Storer
	head, err := o.repo.Head()
	must(t, err)
	commit, err := object.GetCommit(s, head.Hash())
	must(t, err)
	tree, err := commit.Tree()
	must(t, err)
	for path, sha := range modules {
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: path, Mode: filemode.Submodule, Hash: plumbing.NewHash(sha)})
	}
	save := func(e encoder) plumbing.Hash {
		obj := s.NewEncodedObject()
		must(t, e.Encode(obj))
		h, err := s.SetEncodedObject(obj)
		must(t, err)
		return h
	}
	next := &object.Tree{Entries: tree.Entries}
	sortEntries(next)
	who := object.Signature{Name: "t", When: time.Unix(1, 0)}
	sha := save(&object.Commit{TreeHash: save(next), Message: "modules", Author: who, Committer: who, ParentHashes: []plumbing.Hash{head.Hash()}}).String()
	o.ref("refs/heads/main", sha)
	return sha
}

func sortEntries(tree *object.Tree) {
	for i := range tree.Entries {
		for j := i; j > 0 && sortName(tree.Entries[j]) < sortName(tree.Entries[j-1]); j-- {
			tree.Entries[j], tree.Entries[j-1] = tree.Entries[j-1], tree.Entries[j]
		}
	}
}

func gitmodules(urls map[string]string) string {
	var b strings.Builder
	for path, url := range urls {
		fmt.Fprintf(&b, "[submodule %q]\n\tpath = %s\n\turl = %s\n", path, path, url)
	}
	return b.String()
}

func checkOut(t *testing.T, ms *Mirrors, url string, auth Auth) (dir string, err error) {
	t.Helper()
	m, err := ms.Open(t.Context(), url, auth)
	must(t, err)
	must(t, m.Fetch(t.Context(), ""))
	sha, err := m.Resolve(t.Context(), "")
	must(t, err)
	parent := t.TempDir()
	dir = filepath.Join(parent, "out")
	if err = m.Checkout(t.Context(), sha, dir, nil); err != nil {
		onlyIn(t, parent)
	}
	return dir, err
}

func TestSubmodules(t *testing.T) {
	base := t.TempDir()
	_, deep := within(t, base, "deep.git", map[string]string{"deep.py": "deep"}, nil)
	_, lib := within(t, base, "lib.git", map[string]string{"lib.py": "lib", ".gitmodules": gitmodules(map[string]string{"below": "../deep.git"})}, map[string]string{"below": deep})
	_, _ = within(t, base, "app.git", map[string]string{"main.py": "app", ".gitmodules": gitmodules(map[string]string{"vendored": "../lib.git"})}, map[string]string{"vendored": lib})
	const token = "s3cr3t-token-value"
	srv := serve(t, base, token)
	for name, program := range map[string]string{"git": "git", "go-git": ""} {
		t.Run(name, func(t *testing.T) {
			ms := NewMirrors(t.TempDir(), nil)
			ms.SetProgram(program)
			dir, err := checkOut(t, ms, srv.URL+"/app.git", Auth{Token: token})
			must(t, err)
			for file, want := range map[string]string{"main.py": "app", "vendored/lib.py": "lib", "vendored/below/deep.py": "deep"} {
				if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", file, got, err)
				}
			}
		})
	}
	t.Run("local", func(t *testing.T) {
		dir, err := checkOut(t, NewMirrors(t.TempDir(), nil), filepath.Join(base, "app.git"), Auth{})
		must(t, err)
		onlyIn(t, filepath.Join(dir, "vendored", "below"), "deep.py")
	})
}

// A submodule on another host is asked for without credentials, and what somebody else may read there is not handed out.
func TestSubmoduleOnAnotherHost(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	base, other := t.TempDir(), t.TempDir()
	_, lib := within(t, other, "lib.git", map[string]string{"lib.py": "lib"}, nil)
	const token, secret = "s3cr3t-token-value", "other-token-value"
	private, public := serve(t, other, secret), serve(t, other, "")
	must(t, os.WriteFile(filepath.Join(os.Getenv("HOME"), ".netrc"), []byte("machine localhost login x password "+secret+"\n"), 0o600))
	srv := serve(t, base, token)
	for name, c := range map[string]struct {
		url  string
		want error
	}{
		"private":          {private.URL + "/lib.git", ErrAuth},
		"private, netrc":   {strings.Replace(private.URL, "127.0.0.1", "localhost", 1) + "/lib.git", ErrAuth},
		"public":           {public.URL + "/lib.git", nil},
		"not there":        {public.URL + "/nothing.git", ErrNotRepository},
		"nobody listens":   {"http://127.0.0.1:1/lib.git", ErrUnreachable},
		"with credentials": {strings.Replace(private.URL, "http://", "http://x:"+secret+"@", 1) + "/lib.git", ErrRefused},
		"a path":           {filepath.Join(other, "lib.git"), ErrRefused},
		"a file":           {"file://" + filepath.Join(other, "lib.git"), ErrRefused},
		"by SSH":           {"git@example.com:a/lib.git", ErrRefused},
		"a program":        {"ext::sh -c id", ErrRefused},
		"above the root":   {"../../../lib.git", ErrRefused},
		"an option":        {"--upload-pack=id", ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			app := strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "") + ".git"
			within(t, base, app, map[string]string{".gitmodules": gitmodules(map[string]string{"vendored": c.url})}, map[string]string{"vendored": lib})
			ms := NewMirrors(t.TempDir(), nil)
			// Another service mirrors the private one with credentials of its own.
			m, err := ms.Open(t.Context(), private.URL+"/lib.git", Auth{Token: secret})
			must(t, err)
			must(t, m.Fetch(t.Context(), ""))
			_, err = checkOut(t, ms, srv.URL+"/"+app, Auth{Token: token})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && (!strings.Contains(err.Error(), "vendored") || strings.Contains(err.Error(), secret)) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestSubmodulesThatAreRefused(t *testing.T) {
	base := t.TempDir()
	_, lib := within(t, base, "lib.git", map[string]string{"lib.py": "lib"}, nil)
	never := strings.Repeat("7", 40)
	for name, c := range map[string]struct {
		urls map[string]string
		sha  string
		says string
	}{
		"of itself":         {map[string]string{"vendored": "../of-itself.git"}, lib, "a submodule of itself"},
		"unknown commit":    {map[string]string{"vendored": "../lib.git"}, never, "commit 77777777 is not there"},
		"without address":   {map[string]string{"another": "../lib.git"}, lib, "does not say where vendored comes from"},
		"beside nothing":    {map[string]string{"vendored": "../../elsewhere/lib.git"}, lib, "not beside the repository"},
		"its own folder up": {map[string]string{"vendored": "../"}, lib, "it is not beside"},
	} {
		t.Run(name, func(t *testing.T) {
			app := strings.ReplaceAll(name, " ", "-") + ".git"
			within(t, base, app, map[string]string{".gitmodules": gitmodules(c.urls)}, map[string]string{"vendored": c.sha})
			_, err := checkOut(t, NewMirrors(t.TempDir(), nil), filepath.Join(base, app), Auth{})
			if err == nil || !strings.Contains(err.Error(), c.says) && !errors.Is(err, ErrNotRepository) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestRelativeAddresses(t *testing.T) {
	for _, c := range []struct{ base, raw, want string }{
		{"https://h/a/b.git", "../c.git", "https://h/a/c.git"},
		{"https://h/a/b.git/", "./c.git", "https://h/a/b.git/c.git"},
		{"https://h:8080/sub/a/b.git", "../../x/c.git", "https://h:8080/sub/x/c.git"},
		{"https://h/a/b.git", "../../../c.git", ""},
		{"git@h:a/b.git", "../c.git", "git@h:a/c.git"},
		{"ssh://git@h:22/a/b.git", "../c.git", "ssh://git@h:22/a/c.git"},
	} {
		m := &Mirror{url: c.base, auth: Auth{Token: "t", Scope: "https://h/a/"}}
		got, auth, err := m.moduleAt(c.raw)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s at %s gave %s, %v", c.raw, c.base, got, err)
		}
		if own := strings.HasPrefix(got, "https://h/a/") || strings.Contains(got, "git@"); err == nil && auth.Anonymous == own {
			t.Errorf("%s gets %+v", got, auth)
		}
	}
}

func FuzzModules(f *testing.F) {
	for _, s := range []string{gitmodules(map[string]string{"a": "../b"}), "[submodule", "[submodule \"x\"]\npath = ../..\nurl = ext::sh\n", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		urls, err := parseModules([]byte(text))
		if err != nil {
			return
		}
		m := &Mirror{url: "https://h/a/b.git", auth: Auth{Token: "t", Scope: "https://h/"}}
		for _, raw := range urls {
			at, auth, err := m.moduleAt(raw)
			if err == nil && !auth.Anonymous && !strings.HasPrefix(at, "https://h/") && !strings.HasPrefix(at, "HTTPS://h/") && !strings.HasPrefix(strings.ToLower(at), "https://h/") {
				t.Errorf("%q gets the token", at)
			}
		}
	})
}

func TestHostedRepositories(t *testing.T) {
	objects := lfsserver.New()
	t.Cleanup(objects.Close)
	pointer := objects.Add("weights")
	oid := strings.Fields(pointer)[3][len("sha256:"):]
	base := t.TempDir()
	_, lib := within(t, base, "lib.git", map[string]string{"lib.py": "lib"}, nil)
	within(t, base, "app.git", map[string]string{"a.bin": pointer, ".gitmodules": gitmodules(map[string]string{"vendored": "../lib"})}, map[string]string{"vendored": lib})
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetLFS(filepath.Join(t.TempDir(), "lfs"))
	out := func() (string, error) {
		m, err := ms.OpenHosted(t.Context(), filepath.Join(base, "app.git"), "app")
		must(t, err)
		sha, err := m.Resolve(t.Context(), "")
		must(t, err)
		dir := filepath.Join(t.TempDir(), "out")
		return dir, m.Checkout(t.Context(), sha, dir, nil)
	}
	if _, err := out(); !errors.Is(err, ErrRefused) {
		t.Errorf("without its content: %v", err)
	}
	at := filepath.Join(base, "app.git", "lfs", "objects", oid[:2], oid[2:4])
	must(t, os.MkdirAll(at, 0o755))
	must(t, os.WriteFile(filepath.Join(at, oid), []byte("weights"), 0o644))
	dir, err := out()
	must(t, err)
	for file, want := range map[string]string{"a.bin": "weights", "vendored/lib.py": "lib"} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	// What the store has is not handed out to a repository that does not have it.
	must(t, os.RemoveAll(filepath.Join(base, "app.git", "lfs")))
	if _, err := out(); !errors.Is(err, ErrRefused) {
		t.Errorf("it got another's: %v", err)
	}
}
