package gitea

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func hostedGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestHosted: a hosted repository is read where it lies, and what is pushed to it is seen at once.
func TestHosted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	bare, work := filepath.Join(root, "demo.git"), filepath.Join(root, "work")
	ms := NewMirrors(filepath.Join(root, "repos"), nil)
	if _, err := ms.OpenHosted(t.Context(), bare, "demo"); !errors.Is(err, ErrNotRepository) || !strings.Contains(err.Error(), "aictl gitea create demo") {
		t.Fatalf("one that is not there: %v", err)
	}
	hostedGit(t, root, "init", "-q", "--bare", "-b", "trunk", bare)
	hostedGit(t, root, "init", "-q", "-b", "trunk", work)
	m, err := ms.OpenHosted(t.Context(), bare, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Resolve(t.Context(), ""); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty one: %v", err)
	}
	for _, branch := range []string{"other", "trunk", "trunk"} {
		hostedGit(t, work, "commit", "-q", "--allow-empty", "-m", "x")
		hostedGit(t, work, "push", "-q", bare, "HEAD:refs/heads/"+branch)
		m, err := ms.OpenHosted(t.Context(), bare, "demo")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Fetch(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		sha, err := m.Resolve(t.Context(), "")
		if want := hostedGit(t, work, "rev-parse", "HEAD"); branch == "trunk" && (err != nil || sha != want) {
			t.Errorf("HEAD is %s, %v; want %s", sha, err, want)
		}
	}
	if left, err := os.ReadDir(filepath.Join(root, "repos")); err == nil && len(left) > 0 {
		t.Errorf("copied to %v", left)
	}
}
