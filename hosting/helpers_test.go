package hosting

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// rig is a host over real HTTP.
type rig struct {
	*Host
	t   *testing.T
	url string

	mu     sync.Mutex
	pushes []Push
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t}
	cfg := Config{Root: filepath.Join(t.TempDir(), "git"), MinFree: 1, Changed: func(_ context.Context, p Push) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pushes = append(r.pushes, p)
		return nil
	}}
	for _, f := range change {
		f(&cfg)
	}
	if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	r.Host = New(cfg)
	server := httptest.NewServer(r.Host)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// told returns what has been told since it was last asked.
func (r *rig) told() []Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.pushes
	r.pushes = nil
	return list
}

func (r *rig) at(name string) string { return r.url + "/git/" + name + ".git" }

// gitCommand runs git as a user would, without any of this machine's configuration.
func gitCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "HOME="+dir,
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com", "LC_ALL=C")
	return cmd
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := gitCommand(t.Context(), dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// working is a repository with one commit on a branch.
func working(t *testing.T, branch string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", branch)
	commit(t, dir, "main.py", "print(1)\n", "Begin")
	return dir
}

func commit(t *testing.T, dir, name, content, message string) string {
	t.Helper()
	write(t, filepath.Join(dir, name), content)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", message)
	return git(t, dir, "rev-parse", "HEAD")
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, method, url, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// forgesOf finds forges by name.
func forgesOf(all map[string]func() Forge) func(context.Context, string) (Forge, error) {
	return func(_ context.Context, name string) (Forge, error) {
		if f, ok := all[name]; ok {
			return f(), nil
		}
		return Forge{}, errors.New("no such forge")
	}
}
