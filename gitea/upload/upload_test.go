package upload_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"aictl/gitea/upload"
	"aictl/hosting"
)

const secret = "Bearer of-the-test"

// site is a server with repositories; in is called before each request.
type site struct {
	t    *testing.T
	url  string
	host *hosting.Host
	in   atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, host: hosting.New(hosting.Config{Root: filepath.Join(t.TempDir(), "git"), MinFree: 1})}
	if err := os.MkdirAll(filepath.Join(t.TempDir()), 0o700); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != secret {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		if in := s.in.Load(); in != nil && (*in)(w, r) {
			return
		}
		s.host.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	if err := s.host.Create(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) intercept(f func(http.ResponseWriter, *http.Request) bool) { s.in.Store(&f) }

func (s *site) upload(ctx context.Context, change func(*upload.Config), sources ...string) (upload.Result, error) {
	cfg := upload.Config{URL: s.url + "/git/demo.git", Origin: s.url + "/", Authorization: secret, Sources: sources}
	if change != nil {
		change(&cfg)
	}
	return upload.Run(ctx, cfg)
}

func (s *site) must(change func(*upload.Config), sources ...string) upload.Result {
	s.t.Helper()
	r, err := s.upload(s.t.Context(), change, sources...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// git runs git in the repository on the server.
func (s *site) git(args ...string) string {
	s.t.Helper()
	dir, err := s.host.Find("demo")
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := exec.CommandContext(s.t.Context(), "git", append([]string{"--git-dir=" + dir}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUpload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := write(t, t.TempDir(), map[string]string{
		"main.py": "print(1)\n", "run.sh": "#!/bin/sh\n", "sub/ä b\".txt": "x", "sub/new\nline": "y", ".gitignore": "*.pyc\n", "a.pyc": "no", "node_modules/x": "no", "empty": "",
	})
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("main.py", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r := s.must(nil, dir)
	if r.Files != 7 || r.Commits != 1 || r.Same != 0 || r.Branch != "main" || r.Commit != s.git("rev-parse", "main") {
		t.Errorf("%+v", r)
	}
	want := "100644 .gitignore\n100644 empty\n120000 link\n100644 main.py\n100755 run.sh\n100644 \"sub/new\\nline\"\n100644 \"sub/\\303\\244 b\\\".txt\""
	if got := s.git("ls-tree", "-r", "--format=%(objectmode) %(path)", "main"); got != want {
		t.Errorf("the tree is\n%s\nwant\n%s", got, want)
	}
	if got := s.git("show", "main:sub/new\nline"); got != "y" {
		t.Errorf("content %q", got)
	}
	s.git("fsck", "--strict")

	if again := s.must(nil, dir); again.Files != 0 || again.Commits != 0 || again.Same != 7 || again.Commit != r.Commit {
		t.Errorf("the same again: %+v", again)
	}
	write(t, dir, map[string]string{"main.py": "print(2)\n"})
	if err := os.Remove(filepath.Join(dir, "empty")); err != nil {
		t.Fatal(err)
	}
	r = s.must(func(c *upload.Config) { c.Prune, c.Message = true, "Two" }, dir)
	if r.Files != 1 || r.Removed != 1 || s.git("log", "-1", "--format=%s", "main") != "Two" || s.git("rev-list", "--count", "main") != "2" {
		t.Errorf("a change: %+v", r)
	}
	one := filepath.Join(dir, "run.sh")
	r = s.must(func(c *upload.Config) { c.Prefix, c.Branch = "tools/x", "side" }, one)
	if got := s.git("ls-tree", "-r", "--name-only", "side"); got != "tools/x/run.sh" || r.Files != 1 {
		t.Errorf("one file to another place: %q, %+v", got, r)
	}
	if _, err := s.upload(t.Context(), nil, t.TempDir()); !errors.Is(err, upload.ErrNothing) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := s.upload(t.Context(), nil, filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

// TestUploadResumes: what was sent before the connection broke is not sent again.
func TestUploadResumes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := map[string]string{}
	for i := range 25 {
		files[fmt.Sprintf("f%02d", i)] = fmt.Sprint(i)
	}
	large := strings.Repeat("weights ", 1000)
	files["model.bin"], files["zmodel.bin"] = large, large+"2"
	dir := write(t, t.TempDir(), files)
	small := func(c *upload.Config) { c.StageFiles, c.LFS = 5, 4000 }
	var pushes, puts atomic.Int64
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			puts.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") && pushes.Add(1) > 3 {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	r, err := s.upload(t.Context(), small, dir)
	if err == nil || r.Commits != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := s.git("rev-list", "--count", "main"); n != "3" {
		t.Errorf("%s commits are there", n)
	}
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			puts.Add(1)
		}
		return false
	})
	r = s.must(small, dir)
	if r.Same != 15 || r.Files != 13 || r.Commits != 3 || puts.Load() != 2 {
		t.Errorf("after it: %+v, %d objects sent", r, puts.Load())
	}
	if got := s.git("show", "main:model.bin"); !strings.HasPrefix(got, "version https://git-lfs") {
		t.Errorf("the model is %.60q", got)
	}
	if got := s.git("show", "main:.gitattributes"); got != "/model.bin filter=lfs diff=lfs merge=lfs -text\n/zmodel.bin filter=lfs diff=lfs merge=lfs -text" {
		t.Errorf("attributes %q", got)
	}
	if again := s.must(small, dir); again.Files != 0 || again.Commits != 0 {
		t.Errorf("once more: %+v", again)
	}
}

// TestUploadObjectBreaksOff: an object whose upload fails is sent again, and no commit comes before it.
func TestUploadObjectBreaksOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := write(t, t.TempDir(), map[string]string{"model.bin": strings.Repeat("w", 5000)})
	var puts atomic.Int64
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && puts.Add(1) == 1 {
			http.Error(w, "later", http.StatusBadGateway)
			return true
		}
		return false
	})
	if r := s.must(func(c *upload.Config) { c.LFS = 1000 }, dir); r.Objects != 1 || puts.Load() != 2 {
		t.Errorf("%+v, %d", r, puts.Load())
	}
	write(t, dir, map[string]string{"other.bin": strings.Repeat("v", 5000)})
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			http.Error(w, "too large for this server", http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	})
	r, err := s.upload(t.Context(), func(c *upload.Config) { c.LFS = 1000 }, dir)
	if err == nil || !strings.Contains(err.Error(), "other.bin") || !strings.Contains(err.Error(), "too large for this server") || r.Commits != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestUploadWithoutLFS: a server that has none gets the files themselves.
func TestUploadWithoutLFS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/info/lfs/") {
			http.NotFound(w, r)
			return true
		}
		return false
	})
	dir := write(t, t.TempDir(), map[string]string{"model.bin": strings.Repeat("w", 5000)})
	r := s.must(func(c *upload.Config) { c.LFS = 1000 }, dir)
	if !r.NoLFS || s.git("cat-file", "-s", "main:model.bin") != "5000" {
		t.Errorf("%+v", r)
	}
}

// TestUploadOvertaken: somebody else pushes meanwhile, and both remain.
func TestUploadOvertaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mine := write(t, t.TempDir(), map[string]string{"mine": "1"})
	theirs := write(t, t.TempDir(), map[string]string{"theirs": "1"})
	write(t, t.TempDir(), nil)
	s.must(nil, write(t, t.TempDir(), map[string]string{"first": "1"}))
	var once atomic.Bool
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") && once.CompareAndSwap(false, true) {
			if _, err := s.upload(context.WithoutCancel(r.Context()), nil, theirs); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	s.must(nil, mine)
	if got := s.git("ls-tree", "--name-only", "main"); got != "first\nmine\ntheirs" {
		t.Errorf("there is %q", got)
	}
	s.git("fsck", "--strict")
}

func TestUploadRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := write(t, t.TempDir(), map[string]string{"f": "1"})
	if _, err := s.upload(t.Context(), func(c *upload.Config) { c.Authorization = "Bearer wrong" }, dir); err == nil {
		t.Error("it was taken with a wrong token")
	}
	if _, err := s.upload(t.Context(), func(c *upload.Config) { c.Branch = "-x" }, dir); err == nil {
		t.Error("a branch -x")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the user has gone")
	cancel(gone)
	if _, err := s.upload(ctx, nil, dir); !errors.Is(err, gone) {
		t.Errorf("cancelled: %v", err)
	}
}
