package gitea

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	transports "github.com/go-git/go-git/v5/plumbing/transport/client"
)

// maxTips bounds the references that a server may list.
const maxTips = 1_000_000

// Tips are what the branches and tags of a repository are now.
type Tips struct {
	Default string            // name of the default branch, "" when it is not known
	Refs    map[string]string // full SHA of the commit by full name (refs/heads/main), tags peeled
}

// Tips asks the repository itself, not the mirror, what its branches and tags are; nothing is fetched. An empty repository has none.
func (m *Mirror) Tips(ctx context.Context) (Tips, error) {
	if m.local != "" {
		return m.localTips(ctx)
	}
	method, err := m.auth.method(m.url)
	if err != nil {
		return Tips{}, m.classify("ask for the branches of", err)
	}
	list, err := advertised(ctx, m.url, method)
	if cerr := ctx.Err(); cerr != nil {
		err = cerr
	}
	switch {
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return Tips{Refs: map[string]string{}}, nil
	case err != nil:
		return Tips{}, m.classify("ask for the branches of", err)
	case len(list) > maxTips:
		return Tips{}, fmt.Errorf("ask for the branches of %s: it has more than %d", m.shown, maxTips)
	}
	return tipsOf(list), nil
}

// advertised is the listing that a server begins with. go-git looks at its context while it connects; afterwards closing ends the wait.
func advertised(ctx context.Context, url string, auth transport.AuthMethod) (list []*plumbing.Reference, err error) {
	ep, err := transport.NewEndpoint(url)
	if err != nil {
		return nil, err
	}
	server, err := transports.NewClient(ep)
	if err != nil {
		return nil, err
	}
	session, err := server.NewUploadPackSession(ep, auth)
	if err != nil {
		return nil, err
	}
	shut := sync.OnceValue(session.Close)
	defer func() { err = errors.Join(err, shut()) }()
	defer context.AfterFunc(ctx, func() { shut() })() // what it says is told above
	got, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := got.AllReferences()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		list = append(list, r)
	}
	for name, h := range got.Peeled {
		list = append(list, plumbing.NewHashReference(plumbing.ReferenceName(name+"^{}"), h))
	}
	return list, nil
}

// tipsOf reads a listing, in which NAME^{} is the commit that the tag object NAME is of.
func tipsOf(list []*plumbing.Reference) Tips {
	t := Tips{Refs: map[string]string{}}
	peeled := map[string]string{}
	var head plumbing.Hash
	for _, r := range list {
		name := r.Name().String()
		switch {
		case r.Name() == plumbing.HEAD && r.Type() == plumbing.SymbolicReference:
			t.Default = strings.TrimPrefix(r.Target().String(), "refs/heads/")
		case r.Name() == plumbing.HEAD:
			head = r.Hash()
		case strings.HasSuffix(name, "^{}"):
			peeled[strings.TrimSuffix(name, "^{}")] = r.Hash().String()
		case r.Type() == plumbing.HashReference && (r.Name().IsBranch() || r.Name().IsTag()):
			t.Refs[name] = r.Hash().String()
		}
	}
	for name, sha := range peeled {
		if _, ok := t.Refs[name]; ok {
			t.Refs[name] = sha
		}
	}
	if t.Default == "" && !head.IsZero() { // a server that is too old to say which branch it is
		for _, name := range []string{"main", "master"} {
			if t.Refs["refs/heads/"+name] == head.String() {
				t.Default = name
				break
			}
		}
	}
	return t
}

// localTips reads the references of a repository on this machine.
func (m *Mirror) localTips(ctx context.Context) (Tips, error) {
	if err := ctx.Err(); err != nil {
		return Tips{}, err
	}
	s, err := openLocal(m.local)
	if err != nil {
		return Tips{}, m.classify("read the refs of", err)
	}
	refs, err := refsOf(s)
	if err != nil {
		return Tips{}, m.classify("read the refs of", err)
	}
	t := Tips{Refs: make(map[string]string, len(refs))}
	for name, h := range refs {
		commit, err := peel(s, h)
		if err != nil {
			continue // a tag of a file: nothing that can be deployed
		}
		if name != defaultRef {
			t.Refs[name.String()] = commit.String()
		}
	}
	if head, err := s.Reference(plumbing.HEAD); err == nil && head.Type() == plumbing.SymbolicReference {
		t.Default = strings.TrimPrefix(head.Target().String(), "refs/heads/")
	} else if resolved, err := storer.ResolveReference(s, plumbing.HEAD); err == nil {
		t.Refs[plumbing.HEAD.String()] = resolved.Hash().String()
	}
	return t, nil
}
