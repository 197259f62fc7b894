package gitea

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
)

// defaultStall is how long a server may send nothing in the middle of an answer.
const defaultStall = time.Minute

type progressKey struct{}

// WithProgress makes fetches under the context tell how far they are, by lines for people. They come from one goroutine at a
// time, at most a few in a second.
func WithProgress(ctx context.Context, tell func(string)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

func progressOf(ctx context.Context) func(string) {
	if tell, ok := ctx.Value(progressKey{}).(func(string)); ok {
		return tell
	}
	return func(string) {}
}

// untilHushed makes progress end with hush: a fetch that does not stop must not go on talking.
func untilHushed(ctx context.Context) (_ context.Context, hush func()) {
	tell := progressOf(ctx)
	var mu sync.Mutex
	over := false
	ctx = WithProgress(ctx, func(l string) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			tell(l)
		}
	})
	return ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// byProgram reports whether the git program fetches from this repository: it needs a fraction of the memory and time. SSH
// stays with go-git, whose keys and known hosts are those of aictl's settings.
func (m *Mirror) byProgram() bool {
	return m.git != nil && (strings.HasPrefix(m.url, "http://") || strings.HasPrefix(m.url, "https://"))
}

// fetchProgram fetches by the git program. What the server has is asked by go-git first: its errors are told apart by type,
// and when nothing is new no program is started.
func (m *Mirror) fetchProgram(ctx context.Context, ref string) error {
	have, err := m.advertised(ctx)
	if err != nil {
		return err
	}
	old, err := refsOf(m.storage())
	if err != nil {
		return err
	}
	if !maps.Equal(old, have) {
		err := m.fetchAll(ctx, have)
		var why *said
		if errors.As(err, &why) && why.says("returned error: 30", "redirect", "remote helper", "is not a git command") {
			// go-git takes the token along within the same host only, and needs no git with a helper for https.
			m.log.Warn("git program not used for a repository; it redirects, or this git lacks what https takes", "repository", m.shown,
				"err", Mask(why.Error(), m.auth.secrets()...))
			return m.fetchRemote(ctx, ref)
		}
		if err != nil {
			return err
		}
	}
	if !plumbing.IsHash(ref) || m.has(ref) {
		return nil
	}
	err = m.runFetch(ctx, "+"+ref+":refs/aictl/commits/"+ref)
	var why *said
	if errors.As(err, &why) && why.says("unadvertised object", "not our ref", "couldn't find remote ref") {
		m.log.Info("commit not offered by the server", "repository", m.shown, "commit", ref, "err", Mask(why.Error(), m.auth.secrets()...))
		return nil // Resolve will say that it is unknown
	}
	return err
}

func (m *Mirror) fetchAll(ctx context.Context, have map[plumbing.ReferenceName]plumbing.Hash) error {
	specs := make([]string, 0, len(everything)+1)
	for _, spec := range everything {
		specs = append(specs, spec.String())
	}
	if _, ok := have[defaultRef]; ok {
		specs = append(specs, "+HEAD:"+defaultRef.String())
	} else if err := m.storage().RemoveReference(defaultRef); err != nil {
		return err // its HEAD names a branch that does not exist
	}
	return m.runFetch(ctx, append([]string{"--prune"}, specs...)...)
}

// advertised are the refs that the server offers and a mirror keeps.
func (m *Mirror) advertised(ctx context.Context) (map[plumbing.ReferenceName]plumbing.Hash, error) {
	method, err := m.auth.method(m.url)
	if err != nil {
		return nil, err
	}
	remote := git.NewRemote(m.storage(), &config.RemoteConfig{Name: "origin", URLs: []string{m.url}})
	list, err := remote.ListContext(ctx, &git.ListOptions{Auth: method})
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	out := map[plumbing.ReferenceName]plumbing.Hash{}
	var head *plumbing.Reference
	for _, r := range list {
		switch {
		case r.Name() == plumbing.HEAD:
			head = r
		case r.Type() == plumbing.HashReference && (r.Name().IsBranch() || r.Name().IsTag()):
			out[r.Name()] = r.Hash()
		}
	}
	if head != nil && head.Type() == plumbing.HashReference {
		out[defaultRef] = head.Hash()
	} else if head != nil {
		if h, ok := out[head.Target()]; ok {
			out[defaultRef] = h
		}
	}
	return out, nil
}

// runFetch runs `git fetch`. A token goes along in the environment, for this address alone; then redirects are not followed,
// because git would take the token along to wherever they lead.
func (m *Mirror) runFetch(ctx context.Context, args ...string) error {
	settings := []string{fmt.Sprintf("http.lowSpeedTime=%d", max(1, int(m.stall.Seconds())))}
	if m.auth.Token != "" {
		settings = append(settings, "http."+m.url+headerKey+"=Authorization: "+m.auth.basic(), "http.followRedirects=false")
	}
	flags := []string{"fetch", "--progress", "--force", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-recurse-submodules", "--refmap="}
	var specs []string
	for _, a := range args {
		if strings.HasPrefix(a, "--") {
			flags = append(flags, a)
		} else {
			specs = append(specs, a)
		}
	}
	tell := slowly(progressOf(ctx))
	return m.git.run(ctx, call{
		dir: m.dir, args: append(append(flags, "--", m.url), specs...), settings: settings,
		line: func(l string) { tell(Mask(l, m.auth.secrets()...)) },
	})
}

// slowly passes on a few lines in a second.
func slowly(tell func(string)) func(string) {
	var last time.Time
	return func(l string) {
		if now := time.Now(); now.Sub(last) >= 500*time.Millisecond {
			last = now
			tell(l)
		}
	}
}

func (m *Mirror) stalled() string {
	return fmt.Sprintf("the server sent nothing for %s; look at its load and at the network, and deploy again", m.stall)
}

// kindOfSaid tells what git's words mean: the server answered once already, so these are faults in the middle of a transfer.
func (m *Mirror) kindOfSaid(s *said) (advice string, kind error) {
	switch {
	case s.says("No space left on device", "Disk quota exceeded"):
		return "free some space below " + m.dir + " or move the data directory", ErrNoSpace
	case s.says("Authentication failed", "could not read Username", "could not read Password", "returned error: 401", "returned error: 403"):
		return m.authAdvice(), ErrAuth
	case s.says("returned error: 30"):
		return "the server redirects to another address, which gets no token; deploy from the new address", ErrAuth
	case s.says("Operation too slow"):
		return m.stalled(), ErrUnreachable
	case s.says("bad object", "missing blob", "missing tree", "missing commit", "inflate returned", "corrupt", "bad pack", "invalid index-pack", "unresolved delta"):
		return s.Error() + "; the server's repository is damaged: let its owner run `git fsck` there", ErrUnreachable
	case s.says("early EOF", "unexpected disconnect", "RPC failed", "Connection reset", "Connection refused", "Could not resolve host", "Failed to connect",
		"timed out", "hung up", "bad line length", "protocol error", "expected", "unable to access"):
		return s.Error() + "; the transfer broke off: look at the server's log and at the network, and deploy again", ErrUnreachable
	}
	return "", nil
}
