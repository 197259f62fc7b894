package gitea

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// gitRun runs git for a test, without anything of the machine's.
func gitRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// state is what of a folder a write would change.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all[p] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return err
	}))
	return all
}

// spied is a mirror whose git writes down its calls.
func spied(t *testing.T, url string, environ ...string) (*Mirror, func() string) {
	t.Helper()
	program, calls := spy(t)
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetProgram(program, environ...)
	m, err := ms.Open(t.Context(), url, Auth{})
	must(t, err)
	return m, calls
}

// Nothing of a local repository is run or believed, whoever owns it, and nothing is written there.
func TestLocalFetchTakesObjectsOnly(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1", "b/c": "2"})
	ran := filepath.Join(t.TempDir(), "ran")
	hook := filepath.Join(o.dir, ".git", "hook")
	must(t, os.WriteFile(hook, []byte("#!/bin/sh\necho x >> "+ran+"\nexec \"$@\"\n"), 0o755))
	for _, key := range []string{"uploadpack.packObjectsHook", "core.fsmonitor", "core.alternateRefsCommand", "core.sshCommand"} {
		gitRun(t, o.dir, "config", key, hook)
	}
	gitRun(t, o.dir, "config", "uploadpack.hideRefs", "refs/heads")
	gitRun(t, o.dir, "config", "core.hooksPath", filepath.Dir(hook))
	before := state(t, o.dir)
	m, calls := spied(t, o.dir, "GIT_TEST_ASSUME_DIFFERENT_OWNER=1")
	var said []string
	must(t, m.Fetch(WithProgress(t.Context(), func(l string) { said = append(said, l) }), ""))
	must(t, m.Checkout(t.Context(), sha, filepath.Join(t.TempDir(), "out"), nil))
	if after := state(t, o.dir); !maps.Equal(before, after) {
		t.Errorf("the repository was %v and is %v", before, after)
	}
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something of the repository ran: %v", err)
	}
	first := calls()
	if !strings.Contains(first, "pack-objects") || !strings.Contains(first, "index-pack") || strings.Contains(first, "upload-pack") || len(said) == 0 {
		t.Errorf("git was called so, and said %q:\n%s", said, first)
	}
	must(t, m.Fetch(t.Context(), ""))
	if again := calls(); again != first {
		t.Errorf("for nothing it was called so:\n%s", strings.TrimPrefix(again, first))
	}
}

// What the mirror has does not come again.
func TestLocalFetchTakesWhatIsNew(t *testing.T) {
	o := newOrigin(t)
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprintf("f%d", i)] = strings.Repeat(fmt.Sprint(i), 100)
	}
	o.commit(files)
	m := mirrorOf(t, o.dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	o.commit(map[string]string{"one": "more"})
	must(t, m.Fetch(t.Context(), ""))
	if n := gitRun(t, m.dir, "count-objects", "-v"); !strings.Contains(n, "in-pack: 55\n") || !strings.Contains(n, "packs: 2\n") {
		t.Errorf("the mirror has\n%s", n)
	}
	gitRun(t, m.dir, "fsck", "--strict", "--full")
}

// A commit that no branch reaches is found, in a pack that the repository borrows from another, too.
func TestLocalPinnedCommits(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"a": "1"})
	lost := o.commit(map[string]string{"a": "2"})
	o.ref("refs/heads/main", first)
	o.ref("refs/keep/lost", lost)
	gitRun(t, o.dir, "repack", "-adq")
	base := filepath.Join(t.TempDir(), `odd: "name"`)
	gitRun(t, o.dir, "clone", "-q", "--shared", o.dir, base)
	for _, dir := range []string{o.dir, base} {
		for _, open := range []func(*testing.T, string, Auth) *Mirror{mirrorOf, plainMirrorOf} {
			m := open(t, dir, Auth{})
			must(t, m.Fetch(t.Context(), ""))
			if _, err := m.Resolve(t.Context(), lost); !errors.Is(err, ErrUnknownRef) {
				t.Errorf("%s: got %v before it was asked for", dir, err)
			}
			must(t, m.Fetch(t.Context(), lost))
			must(t, m.Checkout(t.Context(), lost, filepath.Join(t.TempDir(), "out"), nil))
		}
	}
}

// A repository that lacks objects is told as one, and nothing of it is taken; with all of them it works.
func TestLocalRepositoryLacksObjects(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "some text"})
	gitRun(t, o.dir, "config", "uploadpack.allowFilter", "true")
	partial := filepath.Join(t.TempDir(), "partial")
	gitRun(t, o.dir, "clone", "-q", "--bare", "--filter=blob:none", "file://"+o.dir, partial)
	for name, open := range map[string]func(*testing.T, string, Auth) *Mirror{"git": mirrorOf, "go-git": plainMirrorOf} {
		m := open(t, partial, Auth{})
		before := state(t, partial)
		if err := m.Fetch(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "partial clone") || !strings.Contains(err.Error(), "git fetch --refetch") {
			t.Errorf("%s: got %v", name, err)
		}
		if !maps.Equal(before, state(t, partial)) {
			t.Errorf("%s: the repository changed", name)
		}
		if _, err := m.Resolve(t.Context(), sha); err == nil {
			t.Errorf("%s: a part is taken", name)
		}
		if left, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*")); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %q, %v", name, left, err)
		}
	}
	m := mirrorOf(t, o.dir, Auth{})
	loose := filepath.Join(o.dir, ".git", "objects", sha[:2], sha[2:])
	text, err := os.ReadFile(loose)
	must(t, err)
	must(t, os.Remove(loose))
	if err := m.Fetch(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "git fsck") {
		t.Errorf("got %v", err)
	}
	must(t, os.WriteFile(loose, text, 0o444))
	must(t, m.Fetch(t.Context(), sha))
}

// A history that is cut off can be fetched again when it is longer, and packed.
func TestShallowLocalRepositoryGrows(t *testing.T) {
	o := newOrigin(t)
	for i := range 4 {
		o.commit(map[string]string{"a": fmt.Sprint(i)})
	}
	dir := filepath.Join(t.TempDir(), "shallow")
	gitRun(t, o.dir, "clone", "-q", "--bare", "--depth=1", "file://"+o.dir, dir)
	m := mirrorOf(t, dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	for _, depth := range []string{"3", "1", "100"} {
		last := o.commit(map[string]string{"b": depth})
		gitRun(t, dir, "fetch", "-q", "--depth="+depth, "origin", "+main:main")
		must(t, m.Fetch(t.Context(), ""))
		if got, err := m.Resolve(t.Context(), ""); err != nil || got != last {
			t.Errorf("at depth %s: got %s, %v; want %s", depth, got, err, last)
		}
		must(t, m.Checkout(t.Context(), last, filepath.Join(t.TempDir(), "out"), nil))
		gitRun(t, m.dir, "pack-objects", "-q", "--all", "--keep-unreachable", filepath.Join(t.TempDir(), "x")) // as Tidy does
	}
}

// A git that cannot do it is told, and go-git does.
func TestLocalFetchFallsBack(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	for _, broken := range []string{"pack-objects", "index-pack"} {
		program := filepath.Join(t.TempDir(), "git")
		must(t, os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\n[ \"$2\" = %s ] && echo \"git: '$2' is not a git command\" >&2 && exit 1\nPATH=%q exec git \"$@\"\n", broken, os.Getenv("PATH")), 0o755))
		ms := NewMirrors(t.TempDir(), nil)
		ms.SetProgram(program)
		m, err := ms.Open(t.Context(), "file://"+o.dir, Auth{})
		must(t, err)
		must(t, m.Fetch(t.Context(), ""))
		if got, err := m.Resolve(t.Context(), ""); err != nil || got != sha {
			t.Errorf("without %s: got %s, %v", broken, got, err)
		}
	}
}

// A full disk is told at once: go-git would fill it again.
func TestLocalFetchOnAFullDisk(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"a": "1"})
	program := filepath.Join(t.TempDir(), "git")
	must(t, os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\n[ \"$2\" = index-pack ] && echo 'fatal: write error: No space left on device' >&2 && exit 128\nPATH=%q exec git \"$@\"\n", os.Getenv("PATH")), 0o755))
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetProgram(program)
	m, err := ms.Open(t.Context(), o.dir, Auth{})
	must(t, err)
	if err := m.Fetch(t.Context(), ""); !errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v", err)
	}
}

func TestLocalFetchEndsWithItsContext(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	program, began := filepath.Join(dir, "git"), filepath.Join(dir, "began")
	must(t, syscall.Mkfifo(began, 0o600))
	must(t, os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\n[ \"$1\" = version ] && echo git version 2.40.0 && exit\n[ \"$2\" = pack-objects ] && echo > %s\nexec sleep 600\n", began), 0o755))
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetProgram(program)
	m, err := ms.Open(t.Context(), o.dir, Auth{})
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- m.Fetch(ctx, "") }()
	_, err = os.ReadFile(began)
	must(t, err)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if m.storage().HasEncodedObject(plumbing.NewHash(sha)) == nil {
		t.Error("something was taken")
	}
}

func TestPathsInLists(t *testing.T) {
	for path, want := range map[string]string{"/a b": `"/a b"`, `/a:"b"\c`: `"/a:\"b\"\\c"`, "/a\nb": `"/a\012b"`, "/数据": `"/数据"`} {
		if got := cQuote(path); got != want {
			t.Errorf("%q is quoted as %s", path, got)
		}
	}
}
