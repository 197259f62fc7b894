package hosting

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestPushTells(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := working(t, "main")
	first := git(t, dir, "rev-parse", "HEAD")
	check := func(what string, want ...Push) {
		t.Helper()
		got := r.told()
		for i := range got {
			if got[i].Origin == "" || got[i].Repository != "demo" {
				t.Errorf("%s: %+v", what, got[i])
			}
			got[i].Origin, got[i].Repository, got[i].Actor = "", "", ""
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
		}
	}
	git(t, dir, "push", "-q", r.at("demo"), "main")
	check("a new branch", Push{Kind: KindPush, Ref: "refs/heads/main", After: first, Commit: first, Message: "Begin", DefaultBranch: "main"})

	git(t, dir, "push", "-q", r.at("demo"), "main")
	check("nothing new")

	second := commit(t, dir, "main.py", "print(2)\n", "Change\n\n[skip deploy]")
	git(t, dir, "tag", "-a", "v1", "-m", "Version 1")
	tag := git(t, dir, "rev-parse", "v1")
	git(t, dir, "push", "-q", "--follow-tags", r.at("demo"), "main")
	check("a branch and an annotated tag",
		Push{Kind: KindPush, Ref: "refs/heads/main", Before: first, After: second, Commit: second, Message: "Change\n\n[skip deploy]", DefaultBranch: "main"},
		Push{Kind: KindTag, Ref: "refs/tags/v1", After: tag, Commit: second, Message: "Change\n\n[skip deploy]", DefaultBranch: "main"})

	git(t, dir, "push", "-q", "--force", r.at("demo"), first+":refs/heads/main", ":refs/tags/v1")
	check("a force push and a tag that goes",
		Push{Kind: KindPush, Ref: "refs/heads/main", Before: second, After: first, Commit: first, Message: "Begin", DefaultBranch: "main"},
		Push{Kind: KindDelete, Ref: "refs/tags/v1", Before: tag, DefaultBranch: "main"})

	blob := git(t, dir, "hash-object", "-w", "main.py")
	git(t, dir, "push", "-q", r.at("demo"), blob+":refs/tags/file", "HEAD:refs/notes/x")
	check("a tag of no commit, and what is neither branch nor tag", Push{Kind: KindTag, Ref: "refs/tags/file", After: blob, DefaultBranch: "main"})

	if out, err := gitCommand(t.Context(), dir, "push", r.at("demo"), "HEAD:refs/aictl/HEAD").CombinedOutput(); err == nil {
		t.Errorf("a ref of aictl's own was taken: %s", out)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", r.at("demo"), clone)
	if got := git(t, clone, "rev-parse", "HEAD"); got != first {
		t.Errorf("a clone has %s, want %s", got, first)
	}
}

// TestPushFollowUpFails: the push stands, and its user is told.
func TestPushFollowUpFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Changed = func(context.Context, Push) error { return errors.New("the queue is full") }
	})
	dir := working(t, "main")
	out := git(t, dir, "push", r.at("demo"), "main")
	if !strings.Contains(out, "remote: aictl: the push was taken, what follows it failed: the queue is full") {
		t.Errorf("git says %s", out)
	}
}

// TestConcurrentPushes: many clients push to one repository; every change is told once, and nothing is broken.
func TestConcurrentPushes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := working(t, "main")
	git(t, dir, "push", "-q", r.at("demo"), "main")
	r.told()
	const n = 6
	var wg sync.WaitGroup
	outs := make([]string, n)
	for i := range n {
		wg.Go(func() {
			out, err := gitCommand(t.Context(), dir, "push", "-q", r.at("demo"), fmt.Sprintf("main:refs/heads/b%d", i), fmt.Sprintf("+main:refs/heads/same%d", i%2)).CombinedOutput()
			if err != nil {
				outs[i] = string(out)
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, p := range r.told() {
		seen[p.Ref]++
	}
	for i := range n {
		ref := fmt.Sprintf("refs/heads/b%d", i)
		if seen[ref] != 1 && outs[i] == "" {
			t.Errorf("%s was told %d times", ref, seen[ref])
		}
	}
	if seen["refs/heads/same0"] != 1 || seen["refs/heads/same1"] != 1 {
		t.Errorf("told: %v; refused: %q", seen, outs)
	}
	repo, err := r.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	git(t, repo, "fsck", "--strict")
}

// TestPushBreaksOff: a client that goes in the middle leaves the repository as it was.
func TestPushBreaksOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := working(t, "main")
	git(t, dir, "push", "-q", r.at("demo"), "main")
	r.told()
	before := git(t, dir, "rev-parse", "HEAD")
	sha := commit(t, dir, "large", strings.Repeat("some text\n", 1<<16), "Large")
	pack := packOf(t, dir, sha, before)
	line := before + " " + sha + " refs/heads/main\x00report-status\n"
	body := fmt.Sprintf("%04x%s0000", len(line)+4, line) + pack
	kind := "application/x-git-receive-pack-request"
	res := ask(t, "POST", r.at("demo")+"/git-receive-pack", body[:len(body)-len(pack)/2], "Content-Type", kind)
	if res.StatusCode != 200 {
		t.Fatalf("status %d", res.StatusCode)
	}
	repo, err := r.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, repo, "rev-parse", "main"); got != before || len(r.told()) != 0 {
		t.Errorf("main is %s, want %s", got, before)
	}
	git(t, repo, "fsck", "--strict")
	git(t, dir, "push", "-q", r.at("demo"), "main")
	if told := r.told(); len(told) != 1 || told[0].After != sha {
		t.Errorf("the push after it: %+v", told)
	}
}

func packOf(t *testing.T, dir, sha, without string) string {
	t.Helper()
	cmd := gitCommand(t.Context(), dir, "pack-objects", "--revs", "--stdout", "-q")
	cmd.Stdin = strings.NewReader(sha + "\n^" + without + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestPushLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxPush = 64 << 10 })
	dir := working(t, "main")
	write(t, filepath.Join(dir, "noise"), noise(256<<10))
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "Noise")
	out, err := gitCommand(t.Context(), dir, "push", r.at("demo"), "main").CombinedOutput()
	if err == nil {
		t.Errorf("it was taken: %s", out)
	}
	if len(r.told()) != 0 {
		t.Error("a refused push was told")
	}
	full := newRig(t, func(c *Config) { c.MinFree = 1 << 60 })
	out, err = gitCommand(t.Context(), dir, "push", full.at("demo"), "main").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "507") {
		t.Errorf("on a full disk: %v %s", err, out)
	}
}

// noise is text that does not pack.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := working(t, "main")
	git(t, dir, "push", "-q", r.at("demo"), "main")
	write(t, filepath.Join(r.cfg.Root, "secret"), "x")
	for _, c := range []struct {
		method, path, kind string
		status             int
	}{
		{"GET", "/git/demo.git", "", 404},
		{"GET", "/git/demo.git/HEAD", "", 404},
		{"GET", "/git/demo.git/objects/info/packs", "", 404},
		{"GET", "/git/demo.git/config", "", 404},
		{"GET", "/git/demo/info/refs?service=git-upload-pack", "", 200},
		{"GET", "/git/demo.git/info/refs", "", 404},
		{"GET", "/git/demo.git/info/refs?service=git-upload-archive", "", 404},
		{"GET", "/git/other.git/info/refs?service=git-upload-pack", "", 404},
		{"POST", "/git/demo.git/info/refs?service=git-upload-pack", "", 405},
		{"GET", "/git/demo.git/git-receive-pack", "", 405},
		{"POST", "/git/demo.git/git-receive-pack", "text/plain", 415},
		{"POST", "/git/other.git/git-upload-pack", "application/x-git-upload-pack-request", 404},
		{"GET", "/git/..%2f..%2fetc/info/refs?service=git-upload-pack", "", 404},
		{"GET", "/git/%2e%2e/secret", "", 404},
		{"GET", "/git/.new-1/info/refs?service=git-receive-pack", "", 404},
		{"GET", "/git/", "", 404},
		{"GET", "/git/~gitea/a/b.git/info/refs", "", 404},
	} {
		res := ask(t, c.method, r.url+c.path, "", "Content-Type", c.kind)
		if res.StatusCode != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, res.StatusCode, c.status)
		}
	}
	entries, err := os.ReadDir(r.cfg.Root)
	if err != nil || len(entries) != 2 {
		t.Errorf("there is %v, %v", entries, err)
	}
}
