package giteatest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Repo is a repository of a Server. Its methods that take a testing.TB fail that test.
type Repo struct {
	ID            int64
	Owner, Name   string
	DefaultBranch string
	Private       bool
	Description   string

	s             *Server
	dir           string
	git           sync.Mutex // one writer at a time, so that each push sees its own changes
	collaborators map[string]access
	hooks         []*hook
	statuses      map[string][]Status
	pulls         []*pull
	created       time.Time
}

// FullName is owner/name.
func (r *Repo) FullName() string { return r.Owner + "/" + r.Name }

// CloneURL has no credentials.
func (r *Repo) CloneURL() string { return r.s.URL + "/" + r.FullName() + ".git" }

// Dir is the bare repository.
func (r *Repo) Dir() string { return r.dir }

// Collaborate gives a user "read", "write" or "admin" access.
func (r *Repo) Collaborate(login, level string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.collaborators[strings.ToLower(login)] = map[string]access{"read": read, "write": write, "admin": admin}[level]
}

// Repo makes an empty private repository; the owner is made when not there yet.
func (s *Server) Repo(t testing.TB, owner, name string) *Repo {
	t.Helper()
	r, err := s.newRepo(owner, name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var errTaken = errors.New("the repository with the same name already exists")

func (s *Server) newRepo(owner, name string) (*Repo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(owner + "/" + name)
	if s.repos[key] != nil {
		return nil, errTaken
	}
	u := s.userLocked(owner)
	r := &Repo{
		ID: s.id(), Owner: u.Login, Name: name, DefaultBranch: "main", Private: true, s: s,
		dir: filepath.Join(s.dir, "repos", key+".git"), collaborators: map[string]access{}, statuses: map[string][]Status{}, created: time.Now().UTC(),
	}
	if _, err := r.run("", "init", "--quiet", "--bare", "--initial-branch=main", r.dir); err != nil {
		return nil, err
	}
	for _, kv := range [][2]string{{"http.receivepack", "true"}, {"uploadpack.allowAnySHA1InWant", "true"}, {"uploadpack.allowFilter", "true"}, {"gc.auto", "0"}} {
		if _, err := r.Git("", "config", kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
	s.repos[key] = r
	return r, nil
}

func (s *Server) find(owner, name string) *Repo {
	return s.repos[strings.ToLower(owner+"/"+strings.TrimSuffix(name, ".git"))]
}

// environ is the same for every run of git: no configuration but the repository's.
func environ() []string {
	return []string{"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent", "LC_ALL=C", "PATH=/usr/local/bin:/usr/bin:/bin",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.invalid", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.invalid"}
}

// Git runs git in the bare repository and returns what it printed without the last line's end. No hook is told of what changes.
func (r *Repo) Git(stdin string, args ...string) (string, error) {
	return r.run(stdin, append([]string{"-C", r.dir}, args...)...)
}

func (r *Repo) run(stdin string, args ...string) (string, error) {
	cmd := exec.Command(r.s.git, args...)
	cmd.Env = environ()
	cmd.Stdin = strings.NewReader(stdin)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

// Change is a commit to be pushed.
type Change struct {
	Branch  string            // "" is the default branch
	Message string            // "" is "change"
	Files   map[string]string // by path; added or replaced
	Remove  []string
	Parent  string // "" is the branch's tip; another commit makes it a force push, "none" a new root
	By      string // login of who pushes; "" is the owner
	Time    time.Time
}

// Push makes a commit on a branch as a push would, hooks and all, and returns its SHA.
func (r *Repo) Push(t testing.TB, c Change) string {
	t.Helper()
	var sha string
	err := r.change(c.By, func(have map[string]ref) error {
		stream := r.fastImport(c, have)
		if _, err := r.Git(stream, "fast-import", "--quiet", "--force", "--date-format=raw"); err != nil {
			return err
		}
		var err error
		sha, err = r.Git("", "rev-parse", "refs/heads/"+r.branch(c.Branch))
		return err
	})
	if err != nil {
		t.Fatalf("push to %s: %v", r.FullName(), err)
	}
	return sha
}

func (r *Repo) branch(name string) string {
	if name == "" {
		return r.DefaultBranch
	}
	return name
}

func (r *Repo) fastImport(c Change, have map[string]ref) string {
	if c.Message == "" {
		c.Message = "change"
	}
	if c.Time.IsZero() {
		c.Time = time.Now()
	}
	var b strings.Builder
	name := "refs/heads/" + r.branch(c.Branch)
	fmt.Fprintf(&b, "commit %s\ncommitter t <t@example.invalid> %d +0000\ndata %d\n%s\n", name, c.Time.Unix(), len(c.Message), c.Message)
	switch _, there := have[name]; {
	case c.Parent == "none" && there: // without the reset, the commit would go on from the tip
		commit := b.String()
		b.Reset()
		b.WriteString("reset " + name + "\n\n" + commit)
	case c.Parent != "" && c.Parent != "none":
		b.WriteString("from " + c.Parent + "\n")
	case there:
		b.WriteString("from " + name + "^0\n")
	}
	for _, path := range c.Remove {
		b.WriteString("D " + path + "\n")
	}
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", path, len(c.Files[path]), c.Files[path])
	}
	return b.String() + "\n"
}

// Tag makes or moves a tag as a push would: an annotated one when message is not "".
func (r *Repo) Tag(t testing.TB, name, commit, message string) {
	t.Helper()
	args := []string{"tag", "--force", name, commit}
	if message != "" {
		args = []string{"tag", "--force", "--annotate", "--message", message, name, commit}
	}
	r.must(t, args...)
}

// Branch makes or moves a branch as a push would.
func (r *Repo) Branch(t testing.TB, name, commit string) {
	t.Helper()
	r.must(t, "update-ref", "refs/heads/"+name, commit)
}

// Delete removes a ref such as refs/heads/feature as a push would.
func (r *Repo) Delete(t testing.TB, name string) {
	t.Helper()
	r.must(t, "update-ref", "-d", name)
}

func (r *Repo) must(t testing.TB, args ...string) {
	t.Helper()
	err := r.change("", func(map[string]ref) error {
		_, err := r.Git("", args...)
		return err
	})
	if err != nil {
		t.Fatalf("change %s: %v", r.FullName(), err)
	}
}

// ref is a branch or tag: what it holds, and the commit that is.
type ref struct{ object, commit string }

func (r *Repo) refs() (map[string]ref, error) {
	out, err := r.Git("", "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	refs := map[string]ref{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch len(f) {
		case 2:
			refs[f[0]] = ref{f[1], f[1]}
		case 3:
			refs[f[0]] = ref{f[1], f[2]}
		}
	}
	return refs, nil
}

// change runs something that may move refs, and tells the hooks of what moved.
func (r *Repo) change(by string, do func(map[string]ref) error) error {
	r.git.Lock()
	defer r.git.Unlock()
	before, err := r.refs()
	if err != nil {
		return err
	}
	if err := do(before); err != nil {
		return err
	}
	after, err := r.refs()
	if err != nil {
		return err
	}
	if by == "" {
		by = r.Owner
	}
	return r.announce(r.s.User(by), before, after)
}
