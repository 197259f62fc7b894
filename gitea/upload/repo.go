package upload

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// errMoved says that somebody else pushed meanwhile.
var errMoved = errors.New("the branch has moved")

// repo is a repository of this run alone. It has the trees of the branch's tip and not the files.
type repo struct {
	u   *run
	git string
	dir string
	tip string // "" when the branch does not exist
}

// newRepo makes it and finds out which branch is meant and where it is.
func newRepo(ctx context.Context, u *run, dir string) (*repo, error) {
	r := &repo{u: u, git: u.Git, dir: dir}
	if r.git == "" {
		path, err := exec.LookPath("git")
		if err != nil {
			return nil, ErrNoGit
		}
		r.git = path
	}
	if _, err := r.run(ctx, nil, "init", "--quiet", "--bare", "--template=", dir); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"remote", "add", "origin", u.URL}, {"config", "remote.origin.promisor", "true"}, {"config", "remote.origin.partialclonefilter", "blob:none"}} {
		if _, err := r.run(ctx, nil, args...); err != nil {
			return nil, err
		}
	}
	heads, err := r.run(ctx, nil, "ls-remote", "--symref", "origin", "HEAD", "refs/heads/*")
	if err != nil {
		if missing(err) {
			return r, r.begin(u.Branch, nil, "")
		}
		return nil, err
	}
	branches, head := readHeads(heads)
	if err := r.begin(u.Branch, branches, head); err != nil {
		return nil, err
	}
	if branches[u.branch] == "" {
		return r, nil
	}
	return r, r.fetch(ctx, u.branch)
}

// begin chooses the branch.
func (r *repo) begin(want string, branches map[string]string, head string) error {
	switch {
	case want != "":
		r.u.branch = want
	case head != "":
		r.u.branch = head
	case len(branches) > 0:
		return errors.New("the repository has no default branch: name one with --branch")
	default:
		r.u.branch = "main"
	}
	if strings.ContainsAny(r.u.branch, " ~^:?*[\\\x7f") || strings.HasPrefix(r.u.branch, "-") || strings.Contains(r.u.branch, "..") {
		return fmt.Errorf("%q is no name of a branch", r.u.branch)
	}
	return nil
}

// readHeads reads what ls-remote --symref says.
func readHeads(text string) (branches map[string]string, head string) {
	branches = map[string]string{}
	for line := range strings.Lines(text) {
		left, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		if target, ok := strings.CutPrefix(left, "ref: refs/heads/"); ok && name == "HEAD" {
			head = target
		}
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			branches[branch] = left
		}
	}
	return branches, head
}

// missing reports whether git was told that there is no such repository; a hosted one is made by the first push.
func missing(err error) bool { return strings.Contains(err.Error(), "not found") }

// fetch gets the newest commit of the branch, without its files.
func (r *repo) fetch(ctx context.Context, branch string) error {
	if _, err := r.run(ctx, nil, "fetch", "--quiet", "--depth=1", "--filter=blob:none", "--no-tags", "origin", "+refs/heads/"+branch+":refs/aictl/tip"); err != nil {
		return err
	}
	tip, err := r.run(ctx, nil, "rev-parse", "--verify", "refs/aictl/tip")
	r.tip = strings.TrimSpace(tip)
	return err
}

// tree lists what the branch has.
func (r *repo) tree(ctx context.Context) (map[string]inTree, error) {
	have := map[string]inTree{}
	if r.tip == "" {
		return have, nil
	}
	text, err := r.run(ctx, nil, "ls-tree", "-r", "-z", "--full-tree", r.tip)
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(text, "\x00") {
		info, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(info)
		if ok && len(fields) == 3 {
			have[path] = inTree{mode: fields[0], blob: fields[2]}
		}
	}
	return have, nil
}

// file reads a small file of the branch; one that is not there is empty.
func (r *repo) file(ctx context.Context, tree map[string]inTree, path string) ([]byte, error) {
	at, ok := tree[path]
	if !ok {
		return nil, nil
	}
	text, err := r.run(ctx, nil, "cat-file", "blob", at.blob)
	return []byte(text), err
}

// commit makes a commit of a stage on top of the tip.
func (r *repo) commit(ctx context.Context, s stage, message string) (string, error) {
	in, out := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := r.write(ctx, out, s, message)
		wrote <- errors.Join(err, out.CloseWithError(err))
	}()
	_, err := r.run(ctx, in, "fast-import", "--quiet", "--done", "--force")
	err = errors.Join(in.CloseWithError(io.ErrClosedPipe), err)
	if werr := <-wrote; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return "", werr
	}
	if err != nil {
		return "", err
	}
	sha, err := r.run(ctx, nil, "rev-parse", "--verify", "refs/aictl/next")
	return strings.TrimSpace(sha), err
}

// write says to git fast-import what the commit is.
func (r *repo) write(ctx context.Context, to io.Writer, s stage, message string) error {
	w := bufio.NewWriterSize(to, 256<<10)
	fmt.Fprintf(w, "commit refs/aictl/next\ncommitter %s <%s> %d +0000\ndata %d\n%s\n", clean(r.u.Name), clean(r.u.Email), time.Now().Unix(), len(message), message)
	if r.tip != "" {
		fmt.Fprintf(w, "from %s\n", r.tip)
	}
	for _, path := range s.removed {
		fmt.Fprintf(w, "D %s\n", quote(path))
	}
	for _, e := range s.files {
		if err := r.writeFile(ctx, w, e); err != nil {
			return err
		}
	}
	if _, err := w.WriteString("\ndone\n"); err != nil {
		return err
	}
	return w.Flush()
}

func (r *repo) writeFile(ctx context.Context, w *bufio.Writer, e entry) error {
	content := e.content
	if e.large() {
		content = []byte(e.object.Text())
	}
	fmt.Fprintf(w, "M %s inline %s\n", e.mode, quote(e.path))
	if e.from == "" || e.large() {
		fmt.Fprintf(w, "data %d\n", len(content))
		if !e.large() {
			r.u.count(e.size)
		}
		_, err := w.Write(append(content, '\n'))
		return err
	}
	f, err := os.Open(e.from)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "data %d\n", e.size)
	n, err := io.Copy(w, &reading{Reader: io.LimitReader(f, e.size), ctx: ctx, count: r.u.count})
	if err == nil && n != e.size {
		err = fmt.Errorf("%w: %s", ErrChanged, e.from)
	}
	if err == nil {
		err = w.WriteByte('\n')
	}
	return errors.Join(err, f.Close())
}

// clean is a name as it may stand in a commit.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '<' || r == '>' {
			return -1
		}
		return r
	}, name)
}

// push sends the commit. errMoved says that the branch is no longer where it was.
func (r *repo) push(ctx context.Context, branch, commit string) error {
	lease := "--force-with-lease=refs/heads/" + branch + ":" + r.tip // "" means that it must not exist
	_, err := r.run(ctx, nil, "push", "--quiet", "--no-thin", lease, "origin", commit+":refs/heads/"+branch)
	if err == nil {
		r.tip = commit
		return nil
	}
	for _, sign := range []string{"stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "incorrect old value"} {
		if strings.Contains(err.Error(), sign) {
			return errMoved
		}
	}
	if missing(err) {
		return fmt.Errorf("%w: make it with `aictl gitea create`", ErrNotThere)
	}
	if strings.Contains(err.Error(), "[remote rejected]") {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	return err
}

// run runs git in the repository, without any of this machine's configuration. The credentials are in the environment, where
// other users do not see them.
func (r *repo) run(ctx context.Context, in io.Reader, args ...string) (string, error) {
	all := []string{"-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "-c", "gc.auto=0", "-c", "protocol.ext.allow=never",
		"-c", "http.postBuffer=1048576", "-c", "core.hooksPath=/dev/null", "-c", "credential.helper="}
	if args[0] != "init" {
		all = append(all, "--git-dir="+r.dir)
	}
	cmd := exec.CommandContext(ctx, r.git, append(all, args...)...)
	cmd.Dir = filepath.Dir(r.dir)
	cmd.Env = append(Environ(r.u.Origin, r.u.Authorization), "PATH="+os.Getenv("PATH"), "HOME="+filepath.Dir(r.dir), "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
	cmd.Stdin = in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		text := strings.TrimSpace(errs.String())
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, text[max(0, len(text)-2000):])
	}
	return out.String(), nil
}

// Environ are the variables that make git send a header to an origin and to nobody else, and use no proxy for it.
func Environ(origin, authorization string) []string {
	env := []string{"GIT_CONFIG_COUNT=0"}
	if u, err := url.Parse(origin); err == nil && authorization != "" {
		env = []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http." + u.Scheme + "://" + u.Host + "/.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: " + authorization}
		env = append(env, "NO_PROXY="+u.Hostname(), "no_proxy="+u.Hostname())
	}
	return env
}
