package hosting

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The kinds of a Push.
const (
	KindPush   = "push"   // a branch is new or moved
	KindTag    = "tag"    // a tag is new or moved
	KindDelete = "delete" // a branch or tag is gone
)

// Push is one ref that a push changed.
type Push struct {
	Repository string
	Kind       string
	Ref        string // in full, refs/heads/main
	Before     string // "" when the ref is new
	After      string // "" when it is gone; of an annotated tag the tag object
	Commit     string // what After leads to; "" when the ref is gone or leads to no commit
	Message    string // of Commit
	Actor      string // who pushed, as far as the client said
	Origin     string // the client's address

	DefaultBranch string // of the repository, after the push
}

// tellTime bounds what follows a push when its client has gone.
const tellTime = 30 * time.Second

// known are the refs of a repository as they were last told.
type known struct {
	mu   sync.Mutex
	refs map[string]string // nil: not read yet
}

func (h *Host) knownOf(name string) *known {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.refs[name]
	if k == nil {
		k = &known{}
		h.refs[name] = k
	}
	return k
}

// before remembers the refs of a repository ahead of the first push that this host takes for it.
func (h *Host) before(ctx context.Context, name, dir string) error {
	k := h.knownOf(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refs != nil {
		return nil
	}
	refs, err := h.readRefs(ctx, dir)
	k.refs = refs
	return err
}

// after tells what has changed since it was last asked. Pushes that go on side by side take turns here, so that each
// change is told once.
func (h *Host) after(ctx context.Context, name, dir, actor, origin string) error {
	k := h.knownOf(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	refs, err := h.readRefs(ctx, dir)
	if err != nil {
		return err
	}
	changes := compare(k.refs, refs)
	k.refs = refs
	if len(changes) == 0 {
		return nil
	}
	head, err := h.settleHead(ctx, dir, refs)
	if err != nil {
		return err
	}
	if err := h.describe(ctx, dir, changes); err != nil {
		return err
	}
	var errs []error
	for _, p := range changes {
		p.Repository, p.Actor, p.Origin, p.DefaultBranch = name, actor, origin, strings.TrimPrefix(head, "refs/heads/")
		h.log.Info("ref changed by a push", "repository", name, "ref", p.Ref, "before", p.Before, "after", p.After, "actor", actor)
		if h.cfg.Changed != nil {
			errs = append(errs, h.cfg.Changed(ctx, p))
		}
	}
	return errors.Join(errs...)
}

// compare lists what differs between two states of refs, by name.
func compare(old, now map[string]string) []Push {
	var out []Push
	for ref, sha := range now {
		before := old[ref]
		kind := KindPush
		switch {
		case before == sha:
			continue
		case strings.HasPrefix(ref, "refs/tags/"):
			kind = KindTag
		case !strings.HasPrefix(ref, "refs/heads/"):
			continue // nothing that is deployed
		}
		out = append(out, Push{Kind: kind, Ref: ref, Before: before, After: sha})
	}
	for ref, sha := range old {
		if _, is := now[ref]; !is && (strings.HasPrefix(ref, "refs/heads/") || strings.HasPrefix(ref, "refs/tags/")) {
			out = append(out, Push{Kind: KindDelete, Ref: ref, Before: sha})
		}
	}
	slices.SortFunc(out, func(a, b Push) int { return strings.Compare(a.Ref, b.Ref) })
	return out
}

func (h *Host) readRefs(ctx context.Context, dir string) (map[string]string, error) {
	text, err := h.run(ctx, dir, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, fmt.Errorf("read the refs of %s: %w", filepath.Base(dir), err)
	}
	refs := map[string]string{}
	for line := range strings.Lines(text) {
		sha, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok {
			refs[ref] = sha
		}
	}
	return refs, nil
}

// settleHead makes HEAD name a branch that there is, so that a clone has files: the first push may be of master, or of
// anything. It returns HEAD's ref.
func (h *Host) settleHead(ctx context.Context, dir string, refs map[string]string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return "", fmt.Errorf("read HEAD of %s: %w", filepath.Base(dir), err)
	}
	head := strings.TrimPrefix(strings.TrimSpace(string(text)), "ref: ")
	if _, ok := refs[head]; ok {
		return head, nil
	}
	want := bestHead(refs)
	if want == "" {
		return head, nil
	}
	_, err = h.run(ctx, dir, "symbolic-ref", "HEAD", want)
	return want, err
}

// bestHead is the branch that is most likely meant as the default: main, master, else the first by name.
func bestHead(refs map[string]string) string {
	var first string
	for _, ref := range []string{"refs/heads/main", "refs/heads/master"} {
		if _, ok := refs[ref]; ok {
			return ref
		}
	}
	for ref := range refs {
		if strings.HasPrefix(ref, "refs/heads/") && (first == "" || ref < first) {
			first = ref
		}
	}
	return first
}

// describe fills in the commits that changes lead to. A tag may lead to something else: that is no fault.
func (h *Host) describe(ctx context.Context, dir string, changes []Push) error {
	var ask strings.Builder
	for _, p := range changes {
		if p.After != "" {
			ask.WriteString(p.After + "^{commit}\n")
		}
	}
	if ask.Len() == 0 {
		return nil
	}
	cmd, err := h.command(ctx, "--git-dir="+dir, "cat-file", "--batch")
	if err != nil {
		return err
	}
	cmd.Stdin = strings.NewReader(ask.String())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("read the commits of %s: %w", filepath.Base(dir), err)
	}
	if err = readCommits(bufio.NewReader(out), changes); err != nil {
		h.end(cmd)
	}
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("read the commits of %s: %w", filepath.Base(dir), err)
	}
	return nil
}

func readCommits(r *bufio.Reader, changes []Push) (err error) {
	for i := range changes {
		if changes[i].After == "" {
			continue
		}
		if changes[i].Commit, changes[i].Message, err = readCommit(r); err != nil {
			return err
		}
	}
	return nil
}

// maxCommit bounds what is read of a commit, in bytes: its message may be as long as its author likes, and packs well.
const maxCommit = 64 << 10

// readCommit reads one answer of cat-file --batch: the commit's SHA and message, both empty for what is no commit.
func readCommit(r *bufio.Reader) (sha, message string, err error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return "", "", err
	}
	fields := strings.Fields(head)
	if len(fields) != 3 || fields[1] != "commit" {
		return "", "", nil // "… missing"
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil {
		return "", "", err
	}
	body := make([]byte, min(size, maxCommit))
	if _, err := io.ReadFull(r, body); err != nil {
		return "", "", err
	}
	if _, err := r.Discard(size - len(body) + 1); err != nil {
		return "", "", err
	}
	_, message, _ = strings.Cut(string(body), "\n\n")
	return fields[0], strings.TrimSpace(strings.ToValidUTF8(message, "\uFFFD")), nil
}
