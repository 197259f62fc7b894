package gitea

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	transports "github.com/go-git/go-git/v5/plumbing/transport/client"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"aictl/gitea/internal/stall"
)

// watchHTTP makes go-git give up servers that stall. Its transports are for the whole process.
var watchHTTP = sync.OnceFunc(func() {
	watched := githttp.NewClient(&http.Client{Transport: stall.Transport{Next: listing{}}})
	transports.InstallProtocol("http", watched)
	transports.InstallProtocol("https", watched)
})

// maxListing bounds what a server may say of its references, in bytes: about maxTips of them. go-git reads it into memory whole.
const maxListing = 64 << 20

// listing is a transport whose lists of references end.
type listing struct{}

// RoundTrip implements http.RoundTripper.
func (listing) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/info/refs") {
		res.Body = &boundedBody{ReadCloser: res.Body, left: maxListing}
	}
	return res, err
}

// defaultRef is where the mirror keeps the tip of the remote's default branch. HEAD itself is not mirrored: it
// would have to stay symbolic, and the remote's choice can change.
const defaultRef plumbing.ReferenceName = "refs/aictl/HEAD"

// everything are the refs a mirror has: names are kept, rewritten history is followed.
var everything = []config.RefSpec{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}

func (m *Mirror) fetchRemote(ctx context.Context, ref string) error {
	method, err := m.auth.method(m.url)
	if err != nil {
		return err
	}
	// The remote is not written to the mirror's config: nothing of its URL may end up in a file.
	remote := git.NewRemote(m.storage(), &config.RemoteConfig{Name: "origin", URLs: []string{m.url}})
	fetch := func(prune bool, specs ...config.RefSpec) error {
		err := remote.FetchContext(ctx, &git.FetchOptions{
			RemoteName: "origin", RefSpecs: specs, Auth: method, Tags: git.NoTags, Force: true, Prune: prune,
		})
		if errors.Is(err, git.NoErrAlreadyUpToDate) {
			return ctx.Err()
		}
		return errors.Join(err, ctx.Err())
	}
	withHead := append([]config.RefSpec{config.RefSpec("+HEAD:" + defaultRef.String())}, everything...)
	err = fetch(true, withHead...)
	if errors.Is(err, git.NoMatchingRefSpecError{}) {
		// The remote's HEAD names a branch that does not exist.
		if err := m.storage().RemoveReference(defaultRef); err != nil {
			return err
		}
		err = fetch(true, everything...)
	}
	if err != nil || !plumbing.IsHash(ref) || m.has(ref) {
		return err
	}
	// Not reachable any more (a force push), but the server may still hand it out.
	err = fetch(false, config.RefSpec(ref+":refs/aictl/commits/"+ref))
	if err != nil && ctx.Err() == nil {
		m.log.Info("commit not offered by the server", "repository", m.shown, "commit", ref, "err", Mask(err.Error(), m.auth.secrets()...))
		return nil // Resolve will say that it is unknown
	}
	return err
}

// refsOf lists the branches, tags and the default branch's tip of a repository.
func refsOf(s storer.ReferenceStorer) (map[plumbing.ReferenceName]plumbing.Hash, error) {
	out := map[plumbing.ReferenceName]plumbing.Hash{}
	iter, err := s.IterReferences()
	if err != nil {
		return nil, err
	}
	err = iter.ForEach(func(r *plumbing.Reference) error {
		if r.Type() == plumbing.HashReference && (r.Name().IsBranch() || r.Name().IsTag() || r.Name() == defaultRef) {
			out[r.Name()] = r.Hash()
		}
		return nil
	})
	return out, err
}
