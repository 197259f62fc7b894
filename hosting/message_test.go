package hosting

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEndlessMessage: a commit's message packs to next to nothing, and is not taken into memory.
func TestEndlessMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := working(t, "main")
	file := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(file, []byte("Begin\n\n"+strings.Repeat("and so on\n", 4<<20/10)), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "commit", "-q", "--allow-empty", "-F", file)
	long := git(t, dir, "rev-parse", "HEAD")
	git(t, dir, "branch", "other", "HEAD~1")
	git(t, dir, "push", "-q", r.at("demo"), "main", "other")
	told := r.told()
	if len(told) != 2 || told[0].Commit != long || !strings.HasPrefix(told[0].Message, "Begin\n") || len(told[0].Message) > maxCommit {
		t.Fatalf("%d told", len(told))
	}
	if told[1].Message != "Begin" {
		t.Errorf("the one after it: %q", told[1].Message)
	}
}
